"""The parent's side of the child that reads a camera: ask, wait no longer than told, let go."""

from __future__ import annotations

import contextlib
import fcntl
import json
import select
import signal
import subprocess
import sys
from dataclasses import asdict
from typing import IO, cast

import numpy as np

from edgeclip.errors import CameraError, ExtraMissing
from edgeclip.watch.capture import END, FRAME, HEADER, LOST, MISSING, OPENED
from edgeclip.watch.frame import Frame
from edgeclip.watch.source import Source

OPENER = "edgeclip.watch.camera:opened"
"""What the child opens a source with; the tests put stand-ins for cameras here."""

_PIPE_BYTES = 1 << 20
_GOODBYE_S = 1.0


class Lost(Exception):
    """Say that a source gives no more frames for now; ``args[0]`` is a clause without a stop."""


class Reader:
    """A child process that reads one source; close it."""

    def __init__(
        self, source: Source, *, size: tuple[int, int] | None = None, fps: float | None = None
    ) -> None:
        """Start the child; it opens the source.

        Args:
            source: what to open.
            size: asked of a camera.
            fps: how many frames of each second of a recording are wanted; all, if it is None.
        """
        # An application that is frozen would start itself again, and an embedded Python has no
        # name.
        if not sys.executable or getattr(sys, "frozen", False):
            raise CameraError(
                f"{source.name} cannot be read: this application has no Python to start. Read the "
                "camera yourself, and give frames() an iterable of pictures."
            )
        self._source = source
        # -P: a stray numpy.py in the working folder must not be imported.
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "edgeclip.watch.capture"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        self._questions = cast("IO[bytes]", self._child.stdin)
        self._answers = cast("IO[bytes]", self._child.stdout)
        self._poll = select.poll()
        self._poll.register(self._answers, select.POLLIN)
        with contextlib.suppress(OSError, AttributeError):  # it is only faster with a larger pipe
            fcntl.fcntl(self._answers, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        # By the pipe: everybody may read a command line, and a URL may hold a password.
        question = {"opener": OPENER, "source": asdict(source), "size": size, "fps": fps}
        self._tell(json.dumps(question).encode() + b"\n")

    def ask(self) -> None:
        """Ask a live source for its newest frame."""
        self._tell(b".")

    def opened(self, timeout_s: float | None) -> None:
        """Wait until the source is open.

        Raises:
            Lost: it is not there, or this took too long.
            CameraError: it cannot be read.
            ExtraMissing: what would read it is not installed.
        """
        if self._source.live:
            self.ask()
        kind, _ = self._message(timeout_s)
        assert kind == OPENED, kind

    def take(self, timeout_s: float | None) -> Frame | None:
        """Wait for a frame; None: the recording is over.  It raises what `opened` raises."""
        _, frame = self._message(timeout_s)
        return frame

    def close(self) -> None:
        """End the child, and with it its hold on the camera."""
        self._questions.close()
        self._answers.close()
        for _ in range(2):
            try:
                self._child.wait(_GOODBYE_S)
                return
            except subprocess.TimeoutExpired:
                self.kill()
        # It hangs in the kernel; subprocess buries it when it has come out.

    def kill(self) -> None:
        """End a child that hangs."""
        self._child.kill()

    def _tell(self, data: bytes) -> None:
        # What has become of a child that does not listen is told when it is read.
        with contextlib.suppress(BrokenPipeError):
            self._questions.write(data)

    def _message(self, timeout_s: float | None) -> tuple[bytes, Frame | None]:
        head = bytearray(HEADER.size)
        self._fill(memoryview(head), timeout_s)
        kind, size, time, dropped, height, width = HEADER.unpack(head)
        if kind == FRAME:
            picture = np.empty((height, width, 3), dtype=np.uint8)
            self._fill(picture.data.cast("B"), timeout_s)
            return kind, Frame(time, picture, dropped)
        text = bytearray(size)
        self._fill(memoryview(text), timeout_s)
        if kind not in (OPENED, END):
            raise self._error(kind, text.decode("utf-8"))
        return kind, None

    def _error(self, kind: bytes, text: str) -> Exception:
        if kind == MISSING:
            return ExtraMissing(text)
        if kind == LOST:
            return Lost(text)
        if text.startswith(self._source.name):
            return CameraError(text)
        return CameraError(f"{self._source.name} cannot be read: {text}. Try another source.")

    def _fill(self, rest: memoryview, timeout_s: float | None) -> None:
        while rest:
            if not self._poll.poll(None if timeout_s is None else timeout_s * 1000):
                self.kill()
                raise Lost(f"it gave nothing for {timeout_s:g} s")
            # mypy knows no readinto of IO.
            count: int = self._answers.readinto(rest)  # type: ignore[attr-defined]
            if count == 0:
                raise Lost(self._death())
            rest = rest[count:]

    def _death(self) -> str:
        try:
            code = self._child.wait(_GOODBYE_S)
        except subprocess.TimeoutExpired:
            return "its reader went silent"
        if code >= 0:
            return "its reader could not start"
        return f"its reader died of {_name(-code)}"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have no name
        return f"signal {number}"
