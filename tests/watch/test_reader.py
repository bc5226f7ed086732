"""The process that reads for `frames`: how it ends, and what it says when it cannot read."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from edgeclip import frames
from edgeclip.errors import CameraError, ExtraMissing
from tests.usage import usage
from tests.watch.captures import Control
from tests.watch.conftest import COUNT


@pytest.mark.parametrize("way", ["break", "raise", "close"])
def test_leaving_the_loop_lets_go(video, way):
    before = usage()
    loop = frames(video)
    next(loop)
    assert usage().children == before.children + 1
    if way == "close":
        loop.close()
    else:
        with pytest.raises(ZeroDivisionError):
            loop.throw(ZeroDivisionError())
    del loop
    assert (usage().files, usage().children) == (before.files, before.children)


def test_a_crash_of_the_decoder_is_an_error_like_others(video, tmp_path):
    camera = Control(tmp_path / "camera")
    camera.set("dies")
    with (
        camera.installed("steady"),
        pytest.raises(CameraError, match=r"a video\.avi cannot be read: its reader died of SIGSE"),
    ):
        list(frames(video))


def test_a_frozen_application_cannot_start_a_reader(video, monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(CameraError, match="no Python to start"):
        next(frames(video))


@pytest.mark.parametrize("source", ["video", 0, "rtsp://127.0.0.1:9/x"])
def test_without_opencv_the_message_holds_the_command(video, tmp_path, monkeypatch, source):
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1 is missing')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}")
    if source == 0:  # a camera that is not there is waited for, but not without OpenCV
        monkeypatch.setattr("edgeclip.watch.live.WAITS_S", (0.0,))
    with pytest.raises(ExtraMissing, match=r"pip install 'edgeclip\[camera\]'"):
        next(frames(video if source == "video" else source))


def test_without_picamera2_the_message_says_how_to_get_it():
    with pytest.raises(ExtraMissing, match="sudo apt-get install python3-picamera2"):
        next(frames("csi:1"))


def test_nothing_is_printed_and_opencv_stays_out(video, tmp_path):
    damaged = bytearray(video.read_bytes())
    damaged[9000:20000] = os.urandom(11000)
    (tmp_path / "damaged.avi").write_bytes(damaged)
    (tmp_path / "none.mp4").write_bytes(b"0" * 999)
    code = (
        "import sys, edgeclip\n"
        "for path in sys.argv[1:]:\n"
        "    try: print(len(list(edgeclip.frames(path))))\n"
        "    except edgeclip.EdgeclipError: print('error')\n"
        "assert 'cv2' not in sys.modules"
    )
    paths = [video, tmp_path / "damaged.avi", tmp_path / "none.mp4"]
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True)
    assert (done.stderr, done.returncode) == ("", 0)
    words = done.stdout.split()
    assert words[0] == str(COUNT) and words[2] == "error" and len(words) == 3


PICAMERA2 = """
import time
import numpy as np

class Request:
    def __init__(self, number):
        self.number, self.released = number, False
    def make_array(self, name):
        assert name == "main" and not self.released
        picture = np.zeros((48, 64, 3), np.uint8)
        picture[:] = 200, 100, self.number
        return picture
    def release(self):
        self.released = True
        Picamera2.held -= 1

class Picamera2:
    held, number = 0, 0
    def __init__(self, camera_num):
        assert camera_num == 1
    def create_video_configuration(self, main, buffer_count):
        assert main == {"format": "BGR888", "size": (64, 48)} and buffer_count == 2
        return main
    def configure(self, configuration): ...
    def start(self): ...
    def capture_request(self):
        time.sleep(0.02)
        assert Picamera2.held == 0
        Picamera2.held += 1
        Picamera2.number += 1
        return Request(Picamera2.number)
    def stop(self): ...
    def close(self): ...
"""


def test_a_camera_on_the_boards_own_port(tmp_path, monkeypatch):
    # Its library exists on a Raspberry Pi alone; this one has what edgeclip uses of it.
    (tmp_path / "picamera2.py").write_text(PICAMERA2)
    (tmp_path / "cv2.py").write_text("raise ImportError('it is not needed')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}")
    loop = frames("csi:1", size=(64, 48))
    first, second = next(loop), next(loop)
    loop.close()
    assert first.picture.shape == (48, 64, 3) and tuple(first.picture[0, 0, :2]) == (200, 100)
    assert second.picture[0, 0, 2] - first.picture[0, 0, 2] == second.dropped + 1
