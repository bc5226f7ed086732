"""JSON lines: a line for each state of each event, in a file that only grows or on a stream."""

from __future__ import annotations

import json
import os
import threading
from typing import TextIO

from edgeclip.errors import EdgeclipError, next_step
from edgeclip.watch.events import Event
from edgeclip.watch.sinks.reasons import reason


class JsonLines:
    """Write `Event.record` as a line of JSON, at once.

    A file is opened once and appended to.  When it cannot be written, the events that follow are
    tried all the same, and `notes` tells of those that were lost.  A stream that fails raises.

    Args:
        target: a path, or a text stream such as ``sys.stdout``, which `close` leaves open.

    Raises:
        EdgeclipError: the file cannot be opened.
    """

    def __init__(self, target: str | os.PathLike[str] | TextIO) -> None:
        self._lock = threading.Lock()
        self._stream: TextIO | None = None
        self._file: int | None = None
        self._reason = ""
        self.lost = 0
        """Events that could not be written."""
        if isinstance(target, str | os.PathLike):
            self._path = os.fspath(target)
            self._file = _appendable(self._path)
            self._torn = _is_torn(self._file)
        else:
            self._stream = target

    def __call__(self, event: Event) -> None:
        """Write one line."""
        line = json.dumps(event.record())
        with self._lock:
            if self._stream is not None:
                self._stream.write(line + "\n")
                self._stream.flush()
            elif self._file is None:
                raise ValueError(f"{self._path} is closed")
            else:
                self._append(self._file, line.encode() + b"\n")

    @property
    def notes(self) -> list[str]:
        """What went wrong since it was opened; sentences for people."""
        return [f"Events are missing in {self._path}: {self._reason}"] if self.lost else []

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            file, self._file = self._file, None
            if file is not None:
                os.close(file)

    def _append(self, file: int, line: bytes) -> None:
        # What stands before a torn line's end is lost; what follows must not be lost with it.
        data = b"\n" + line if self._torn else line
        try:
            written = os.write(file, data)
        except OSError as error:
            written, self._reason = 0, reason(error)
        if written == len(data):
            self._torn = False
            return
        if written:
            self._torn = True
            self._reason = "the disk is full. Free some space."
        self.lost += 1


def _appendable(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise EdgeclipError(
            f"{path} cannot be written: {error.strerror}. {next_step(error)}"
        ) from error


def _is_torn(file: int) -> bool:
    """Tell whether the last writer was stopped in the middle of a line."""
    try:
        size = os.fstat(file).st_size
        return size > 0 and os.pread(file, 1, size - 1) != b"\n"
    except OSError:  # a pipe or a terminal
        return False
