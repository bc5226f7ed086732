"""Stand-ins for cameras, opened in the child process; a file says how they are.

They fail as ``cv2.VideoCapture`` does when a cable is pulled: the read hangs, raises, ends, or goes
on with the last picture or with black ones.  What was pulled once stays broken until it is opened
anew, and cannot be opened while it is out.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from pathlib import Path

import cv2
import numpy as np

from edgeclip.watch import reader
from edgeclip.watch.camera import Stream

CONTROL = "EDGECLIP_TEST_CAMERA"
"""Variable that names the file."""
UNPLUGGED = ("hangs", "raises", "ends", "repeats", "blackens")
FPS = 30.0
SHAPE = (120, 160, 3)
STILL = np.random.default_rng(0).integers(50, 60, SHAPE, np.uint8)


class Control:
    """How the stand-in is, for the one who tests."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set("works")

    def set(self, mode: str) -> None:
        """Change it at once: a reader never sees half a word."""
        new = self.path.with_suffix(".new")
        new.write_text(mode)
        new.replace(self.path)

    @contextlib.contextmanager
    def installed(self, opener: str = "unpluggable"):
        """Let every reader that starts meanwhile open this instead of a camera."""
        before, reader.OPENER = reader.OPENER, f"tests.watch.captures:{opener}"
        os.environ[CONTROL] = str(self.path)
        try:
            yield self
        finally:
            reader.OPENER = before
            os.environ.pop(CONTROL, None)


def unpluggable(source, size):
    """Open a camera that is plugged in or not."""
    mode = _mode()
    if mode != "works":
        raise OSError("it is not plugged in")
    return Stream(Camera())


def steady(source, size):
    """Open a camera that can always be opened, whatever it gives."""
    return Stream(Camera())


def closed_to_us(source, size):
    """Open a camera that this user may not open."""
    from edgeclip.errors import CameraError

    raise CameraError(f"{source.name} may not be opened by this user. Join the group video.")


def _mode() -> str:
    return Path(os.environ[CONTROL]).read_text()


class Camera:
    """What OpenCV's object does that edgeclip uses."""

    def __init__(self) -> None:
        self._number = itertools.count()
        self._broken = ""
        self._picture = np.zeros(SHAPE, np.uint8)
        self._random = np.random.default_rng()
        self._due = time.monotonic()

    def grab(self) -> bool:
        self._due = max(self._due + 1 / FPS, time.monotonic())
        time.sleep(max(0.0, self._due - time.monotonic()))
        mode = _mode()
        self._broken = self._broken or ("" if mode == "works" else mode)
        if self._broken == "hangs":
            time.sleep(1e6)
        if self._broken == "raises":
            raise cv2.error("OpenCV(5.0.0) cap_v4l.cpp: error: (-215) VIDIOC_DQBUF: no such device")
        if self._broken == "dies":
            os.kill(os.getpid(), 11)
        if self._broken in ("blackens", "repeats") and mode == "works" and _heals():
            self._broken = ""
        number = next(self._number)
        if self._broken == "blackens":
            self._picture = np.zeros(SHAPE, np.uint8)
        elif self._broken == "repeats":
            self._picture = STILL
        else:
            self._picture = self._random.integers(100, 110, SHAPE, np.uint8)
            self._picture[:, :, 0] = number % 256  # blue, in OpenCV's order
        return self._broken != "ends"

    def retrieve(self, image=None):
        return True, self._picture

    def get(self, number: int) -> float:
        return 0.0

    def release(self) -> None:
        released = Path(os.environ[CONTROL]).with_suffix(".released")
        released.write_text(str(os.getpid()))


def _heals() -> bool:
    """A night ends by itself; a cable that was pulled does not."""
    return os.environ.get("EDGECLIP_TEST_HEALS") == "1"
