"""The parts that read a camera, by themselves: addresses, pictures, health, and the desk."""

from __future__ import annotations

import threading
import time

import cv2
import numpy as np
import pytest

from edgeclip.watch.camera import Stream, to_rgb
from edgeclip.watch.capture import LOST, OPENED, Desk, Message
from edgeclip.watch.frame import Frame
from edgeclip.watch.health import RAREST_S, Health
from edgeclip.watch.source import described, lasting, public

COLOURS = np.random.default_rng(0).integers(0, 256, (6, 4, 3), np.uint8)  # red, green, blue


@pytest.mark.parametrize(
    ("source", "kind", "address", "name"),
    [
        (0, "device", "/dev/video0", "/dev/video0"),
        ("12", "device", "/dev/video12", "/dev/video12"),
        ("/dev/v4l/by-id/usb-x", "device", "/dev/v4l/by-id/usb-x", "/dev/v4l/by-id/usb-x"),
        ("csi", "csi", "0", "csi"),
        ("csi:1", "csi", "1", "csi:1"),
        ("RTSP://a:b@cam/x?k=v", "stream", "RTSP://a:b@cam/x?k=v", "rtsp://cam/x"),
        ([], "iterable", "", "the iterable"),
    ],
)
def test_what_a_source_is(source, kind, address, name):
    found = described(source)
    assert (found.kind, found.address, found.name) == (kind, address, name)
    assert found.live == (kind != "iterable")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://10.0.0.7:8080/a/b.mjpg?user=a&pwd=b#c", "http://10.0.0.7:8080/a/b.mjpg"),
        ("rtsp://admin:p@ss:secret/@[fe80::1]:554/1", "rtsp://…"),
        ("rtsp://admin:12/secret@host/1", "rtsp://…"),
        ("rtsp://admin:12?secret@host/1", "rtsp://…"),
        ("rtsp://admin:12#secret@host/1", "rtsp://…"),
        ("rtsp://admin:secret@admin:12/3@host/1", "rtsp://…"),
        ("rtsp://me:secret@[fe80::1]:554/1", "rtsp://[fe80::1]:554/1"),
        ("rtsp://me:secret@[fe80::1/1", "rtsp://…"),
        ("rtsp://me:secret@host:port/1", "rtsp://…"),
    ],
)
def test_a_url_is_shown_without_what_opens_it(url, shown):
    assert public(url) == shown
    assert "secret" not in shown and "pwd" not in shown


def test_a_camera_is_known_by_the_name_that_stays(tmp_path):
    links = tmp_path / "dev/v4l/by-id"
    links.mkdir(parents=True)
    for number in (0, 1):
        (tmp_path / f"dev/video{number}").touch()
        (links / f"usb-maker-{number}-index0").symlink_to(f"../../video{number}")
    assert lasting(described(1), tmp_path).address == "/dev/v4l/by-id/usb-maker-1-index0"
    assert lasting(described(1), tmp_path).name == "/dev/video1"
    unknown, stream = described(2), described("rtsp://x/1")
    assert lasting(unknown, tmp_path) == unknown and lasting(stream, tmp_path) == stream
    given = described("/dev/v4l/by-id/usb-maker-0-index0")
    assert lasting(given, tmp_path) == given


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (COLOURS[:, :, ::-1], COLOURS),
        (np.dstack([COLOURS[:, :, ::-1], np.zeros((6, 4), np.uint8)]), COLOURS),
        (COLOURS[:, :, ::-1].astype(np.uint16) * 257, COLOURS),
        (COLOURS[:, :, 0], np.dstack([COLOURS[:, :, 0]] * 3)),
        (COLOURS[:, :, :1], np.dstack([COLOURS[:, :, 0]] * 3)),
        (COLOURS[:, :, 0].astype(np.uint16) * 256, np.dstack([COLOURS[:, :, 0]] * 3)),
    ],
    ids=["bgr", "bgra", "deep", "grey", "one channel", "deep grey"],
)
def test_whatever_opencv_gives_becomes_rgb(given, expected):
    found = to_rgb(given)
    assert np.array_equal(found, expected) and found.dtype == np.uint8
    assert found.flags.c_contiguous


class Untimed:
    """A video without times, as some containers are."""

    def get(self, number):
        return 10.0 if number == cv2.CAP_PROP_FPS else 0.0

    def retrieve(self, image=None):
        return False, None


def test_a_video_without_times_is_counted():
    stream = Stream(Untimed())
    assert [stream.position() for _ in range(3)] == pytest.approx([0, 0.1, 0.2])
    with pytest.raises(OSError, match="cannot be decoded"):
        stream.picture()


def frame(time_s, picture):
    return Frame(time_s, np.ascontiguousarray(np.broadcast_to(np.uint8(picture), (64, 64, 3))))


def moving(time_s):
    random = np.random.default_rng(int(time_s * 1000))
    return Frame(time_s, random.integers(0, 256, (64, 64, 3), np.uint8))


NIGHT = np.random.default_rng(1).integers(0, 19, (64, 64, 3), np.uint8)
STILL = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)


@pytest.mark.parametrize(
    ("picture", "trouble"),
    [(0, "black"), (16, "black"), (NIGHT, "black"), ((0, 135, 0), "black"), (STILL, "frozen")],
    ids=["zeros", "black of video", "dark noise", "empty buffer", "still"],
)
def test_what_is_wrong_with_a_camera(picture, trouble):
    health = Health(10)
    assert not health.look(moving(0))
    found = [n for n in range(1, 1000) if health.look(frame(n, picture))]
    assert health.trouble == trouble and health.since == (1 if trouble == "frozen" else 0)
    # Ever more rarely, and at the least every five minutes.
    first = found[0]
    assert [n - first for n in found[:5]] == [0, 20, 60, 140, 300] and first in (10, 11)
    assert found[5] - found[4] == found[6] - found[5] == RAREST_S
    assert not health.look(moving(2000)) and health.trouble is None
    assert not any(health.look(frame(n, picture)) for n in range(2001, 2010))


def test_nothing_is_wrong_with_a_camera_that_moves_or_is_asked_rarely():
    health = Health(10)
    assert not any(health.look(moving(n)) for n in range(100))
    assert not health.look(frame(100, STILL)) and not health.look(frame(200, STILL))


def test_the_desk_decodes_shortly_before_it_is_asked():
    # 25 frames a second, asked once a second: the time is the desk's own, so it is played slowly.
    desk, now = Desk(), time.monotonic()
    desk._asked, desk._between_questions = now, 1.0
    desk.grabbed(now)
    wanted = []
    for number in range(1, 41):
        if desk.grabbed(now + number / 25):
            wanted.append(number)
            desk.put(now + number / 25, COLOURS)
    assert wanted[0] in (23, 24) and len(wanted) == 8  # and no more when nobody comes


def test_the_desk_gives_the_newest_and_counts_the_others():
    desk, now = Desk(), time.monotonic()
    desk.tell(Message(OPENED))
    for number in range(1, 6):
        desk.grabbed(now + number)
    desk.put(now + 5, COLOURS)
    assert desk.take(lambda: True).kind == OPENED
    found = desk.take(lambda: True)
    assert (found.dropped, found.time) == (4, now + 5)
    desk.grabbed(now + 6)
    desk.put(now + 6, COLOURS)
    for number in (7, 8):  # the sixth is old by now
        desk.grabbed(now + number)
    later = threading.Timer(0.1, lambda: desk.put(now + 8, COLOURS))
    later.start()
    found = desk.take(lambda: True)
    assert (found.dropped, found.time) == (2, now + 8)
    desk.end(Message(LOST, "x"))
    assert desk.take(lambda: True).kind == LOST


def test_the_desk_does_not_wait_for_ever_for_a_dead_asker(monkeypatch):
    monkeypatch.setattr("edgeclip.watch.capture._TICK_S", 0.01)
    assert Desk().take(lambda: False) is None
