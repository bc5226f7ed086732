"""Live sources: the newest frame, and the camera back after whatever happens to it."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeclip.errors import CameraError
from edgeclip.watch import live
from edgeclip.watch.frames import frames
from tests.patience import PATIENCE_S, PROMPT_S
from tests.patience import until as come_about
from tests.usage import children, usage
from tests.watch import servers, streams, unplug


class Told(Exception):
    """Ends a loop that waits."""


def until(name):
    """A listener that ends the loop at a state, and tells it."""

    def listen(state):
        if state.name == name:
            raise Told(state)

    return listen


def told(source, name, **options):
    with pytest.raises(Told) as caught:
        for _ in frames(source, on_state=until(name), **options):
            pass
    return caught.value.args[0]


def steady_frames(control, **options):
    """Frames of a camera that can be opened whatever is wrong with it."""
    with control.installed("steady"):
        yield from frames(0, **options)


def number(frame):
    """How many frames of the stand-in came before: it writes that in blue."""
    return int(frame.picture[0, 0, 2])


def test_the_newest_frame_and_how_many_were_dropped(control):
    loop = frames(0)
    first = next(loop)
    time.sleep(0.5)
    frame = next(loop)
    second = number(frame)
    assert frame.dropped >= 5 and second - number(first) == frame.dropped + 1
    # Nothing old waits: a frame is as new as the time that has passed.
    assert time.monotonic() - frame.time < 0.4
    frame = next(loop)
    assert number(frame) - second == frame.dropped + 1
    assert frame.picture[0, 0, :2].min() >= 100  # red and green
    loop.close()


def test_no_more_frames_than_asked_for(control):
    times = []
    for frame in frames(0, fps=5):
        times.append(frame.time)
        if len(times) == 9:
            break
    steps = [after - before for before, after in itertools.pairwise(times)]
    # Eight steps of 0.2 s; a busy machine may be late with the first frame.  All frames of the
    # stand-in would take a fifth of that.
    assert min(steps) > 0.05 and sum(steps) > 1.2


def test_every_way_to_lose_a_camera(control, monkeypatch):
    monkeypatch.setattr(unplug, "WARM_UP", 1)
    before = usage()
    report = unplug.cycles(control, len(unplug.UNPLUGGED), stale_s=0.4)
    assert max(report.recovered) < 5 and len(report.recovered) == 5
    assert set(report.states) == {"open", "lost", "frozen", "black"}
    assert {held.files for held in report.held} == {before.files + 2}
    assert usage().files == before.files and usage().children == before.children


def test_what_is_told_of_a_camera(control):
    control.set("raises")
    assert told("/dev/video7", "lost").reason == "it is not plugged in"
    control.set("works")
    for mode, reason in {
        "hangs": "it gave nothing for 0.5 s",
        "raises": "VIDIOC_DQBUF: no such device",
        "ends": "it gives no more pictures",
        "dies": "its reader died of SIGSEGV",
    }.items():
        control.set("works")
        loop = frames(0, on_state=until("lost"), stale_s=0.5)
        next(loop)
        control.set(mode)
        with pytest.raises(Told) as caught:
            for _ in loop:
                pass
        state = caught.value.args[0]
        assert reason in state.reason and abs(time.monotonic() - state.time) < PROMPT_S


@pytest.mark.parametrize(("mode", "name"), [("blackens", "black"), ("repeats", "frozen")])
def test_a_night_goes_on_and_ends(control, monkeypatch, mode, name):
    # It looks just like a fault, and opening it anew changes nothing.
    monkeypatch.setenv("EDGECLIP_TEST_HEALS", "1")
    states, openings = [], 0
    loop = steady_frames(control, on_state=states.append, stale_s=0.3)
    next(loop)
    control.set(mode)
    began = last = time.monotonic()
    while last < began + 3:
        openings += (after := next(loop).time) > last + 0.2
        last = after
    assert [state.name for state in states] == ["open", name]
    assert 2 <= openings <= 4  # after 0.3, 0.6 and 1.2 s
    control.set("works")
    while states[-1].name != "open":
        next(loop)
        assert time.monotonic() < last + PATIENCE_S
    loop.close()
    assert states[1].reason.startswith("it has given ")


def test_a_camera_that_is_not_there_is_waited_for():
    assert told(93, "lost").reason == "there is no /dev/video93"
    assert told("/dev/v4l/by-id/usb-x", "lost").reason == "there is no /dev/v4l/by-id/usb-x"


def test_it_is_plugged_in_later(control):
    control.set("hangs")
    states = []

    def listen(state):
        states.append(state.name)
        control.set("works")

    next(frames(0, on_state=listen))
    assert states == ["lost", "open"]


def test_waiting_does_not_help_where_it_is_forbidden(control):
    with (
        control.installed("closed_to_us"),
        pytest.raises(CameraError, match="/dev/video3 may not be opened by this user"),
    ):
        next(frames(3))


def test_the_camera_is_let_go_in_order(control):
    released = control.path.with_suffix(".released")
    for _ in frames(0):
        (reader,) = children()
        break
    assert released.read_text() == str(reader) and not children()


def test_a_camera_that_hangs_does_not_hold_up_the_end(control):
    loop = frames(0)
    next(loop)
    control.set("hangs")
    began = time.monotonic()
    loop.close()
    assert time.monotonic() - began < PROMPT_S and not children()


PROGRAM = """
import sys
from edgeclip import frames
from tests.watch.captures import Control
from tests.usage import children
from pathlib import Path
with Control(Path(sys.argv[1])).installed() as control:
    for frame in frames(0, stale_s=60):
        print(*children(), flush=True)
        control.set(sys.argv[2])
"""


@pytest.mark.parametrize(
    ("number", "mode"),
    [(signal.SIGKILL, "works"), (signal.SIGKILL, "hangs"), (signal.SIGINT, "works")],
)
def test_the_reader_goes_with_its_parent(tmp_path, mode, number):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "c"), mode]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, process_group=0
    ) as program:
        assert program.stdout
        reader = int(program.stdout.readline())
        time.sleep(0.2)
        # As Ctrl-C in a terminal does, to both.
        (os.killpg if number == signal.SIGINT else os.kill)(program.pid, number)
        program.wait(PATIENCE_S)
    come_about(lambda: not Path(f"/proc/{reader}").exists())


@pytest.mark.parametrize("kind", ["mjpeg", "rtsp"])
def test_a_server_that_is_killed_and_started_again(kind, monkeypatch):
    if kind == "rtsp":
        servers.needed("ffmpeg")
    monkeypatch.setattr(streams, "WARM_UP", 1)
    report = streams.kills(kind, 1, longest_s=0.3)
    assert report.states == ["open", "lost", "open"] and report.recovered[0] < 5


def test_a_stream_never_lags():
    counted = []
    while not counted or (abs(counted[-1]) > 2 and len(counted) < 4):
        with servers.serving("mjpeg") as address:
            loop = frames(address)
            first = next(loop)
            time.sleep(1)
            second = next(loop)
            loop.close()
        passed = (servers.number_of(second.picture) - servers.number_of(first.picture)) % 200
        assert passed >= 20
        counted.append(passed - (second.dropped + 1))
    # On a busy machine the server itself leaves some out, which nobody can count here.
    assert min(counted) >= -2 and counted[-1] <= 2, counted


def test_a_server_that_stops_answering():
    port = servers.free_port()
    server = servers.started("mjpeg", port)
    loop = frames(servers.address("mjpeg", port), on_state=until("lost"), stale_s=0.5)
    try:
        next(loop)
        os.killpg(server.pid, signal.SIGSTOP)
        with pytest.raises(Told, match="it gave nothing"):
            for _ in loop:
                pass
    finally:
        servers.killed(server)


def test_nobody_learns_the_password():
    with servers.serving("mjpeg") as address:
        secret = address.replace("//", "//me:secret@") + "?token=secret"
        loop = frames(secret)
        next(loop)
        (reader,) = [pid for pid in children() if b"capture" in _command(pid)]
        assert b"secret" not in _command(reader)
        loop.close()
    state = told(secret, "lost")
    assert "secret" not in state.reason


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_the_pauses_between_tries_grow_to_two_seconds():
    # A camera that comes back is open within 5 s: the pause, a start and the first picture.
    assert list(live.WAITS_S) == sorted(live.WAITS_S) and live.WAITS_S[-1] == 2
