"""Spool: a queue of messages in a folder; it survives a kill and a power cut.

A message is a file with a number for its name, written whole.  The oldest goes first.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from edgeclip.errors import EdgeclipError
from edgeclip.index.place import fsync
from edgeclip.model.whole import whole_file
from edgeclip.watch.lock import Lock
from edgeclip.watch.sinks.reasons import reason

REFUSED = "refused"
"""The folder of what a receiver will never take, in the spool's."""
_MOST_REFUSED = 100
_SUFFIX = ".json"


class Spool:
    """Keep messages until they have been delivered.  Any thread may call any method.

    Args:
        folder: made when it is missing; of one process at a time.
        most: messages to keep; the oldest are dropped for newer ones, and counted.
        most_bytes: of all messages together.

    Raises:
        EdgeclipError: the folder cannot be used, or another process uses it.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, most: int = 1000, most_bytes: int = 64 << 20
    ) -> None:
        self.folder = Path(folder)
        self.dropped = 0
        """Messages that were given up for newer ones."""
        self.refused = 0
        """Messages that were set aside."""
        self._most, self._most_bytes = most, most_bytes
        self._changed = threading.Condition()
        self._closed = False
        self._why = ""
        # Number → size, oldest first; and the bodies that the disk would not take.
        self._sizes: dict[int, int] = {}
        self._bodies: dict[int, bytes] = {}
        self._lock = Lock(
            self.folder / "lock",
            folder="spool",
            taken=f"the spool {self.folder} is in use by another process. Give each its own.",
        )
        self._next = self._look()

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._sizes)

    @property
    def unkept(self) -> int:
        """How many of them wait in memory alone, as they could not be written."""
        return len(self._bodies)

    @property
    def notes(self) -> list[str]:
        """What went wrong since it was opened; sentences for people."""
        found = []
        with self._changed:
            if self.dropped:
                found.append(f"Events were dropped, as too many waited in {self.folder}.")
            if self.refused:
                found.append(f"Events were refused. See {self.folder / REFUSED}")
            if self._bodies:
                found.append(f"Events wait in memory only, not in {self.folder}: {self._why}")
        return found

    def put(self, body: bytes) -> None:
        """Keep a message; it is durable when this returns, or else `notes` tells that it is not."""
        with self._changed:
            number, self._next = self._next, self._next + 1
            try:
                with whole_file(self._path(number)) as file:
                    file.write(body)
                fsync(self.folder)
            except (EdgeclipError, OSError) as error:
                self._bodies[number], self._why = body, reason(error)
            self._sizes[number] = len(body)
            self._make_room()
            self._changed.notify_all()

    def first(self) -> tuple[int, bytes] | None:
        """Wait for a message; return the oldest with its number, or None when it is closed."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._sizes or self._closed)
                if self._closed:
                    return None
                number = next(iter(self._sizes))
                try:
                    body = self._bodies.get(number)
                    return number, self._path(number).read_bytes() if body is None else body
                except OSError:  # somebody has removed it
                    self._forget(number)

    def remove(self, number: int) -> None:
        """Forget a message: it was delivered."""
        with self._changed:
            self._forget(number)
            self._changed.notify_all()

    def refuse(self, number: int) -> None:
        """Set a message aside: it will never be taken."""
        with self._changed:
            self.refused += 1
            with contextlib.suppress(OSError):
                aside = self.folder / REFUSED
                aside.mkdir(exist_ok=True)
                self._path(number).rename(aside / self._path(number).name)
                for old in sorted(aside.glob(f"*{_SUFFIX}"))[:-_MOST_REFUSED]:
                    old.unlink()
            self._forget(number)
            self._changed.notify_all()

    def wait_empty(self, wait_s: float) -> bool:
        """Wait until nothing is left; tell whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._sizes, wait_s)

    def close(self) -> None:
        """Let others use the folder; what was not delivered stays in it."""
        with self._changed:
            if not self._closed:
                self._closed = True
                self._lock.close()
                self._changed.notify_all()

    def _look(self) -> int:
        """Take up what an earlier run has left; return the next number."""
        for torn in self.folder.glob(".edgeclip-*.partial"):
            with contextlib.suppress(OSError):
                torn.unlink()
        kept = {number: path for path in self.folder.iterdir() if (number := _number(path))}
        aside = map(_number, (self.folder / REFUSED).glob(f"*{_SUFFIX}"))
        for number in sorted(kept):
            with contextlib.suppress(OSError):
                self._sizes[number] = kept[number].stat().st_size
        return max([0, *kept, *aside]) + 1

    def _make_room(self) -> None:
        while len(self._sizes) > 1 and (
            len(self._sizes) > self._most or sum(self._sizes.values()) > self._most_bytes
        ):
            self._forget(next(iter(self._sizes)))
            self.dropped += 1

    def _forget(self, number: int) -> None:
        # It may have been dropped while it was on its way.
        if self._sizes.pop(number, None) is not None:
            self._bodies.pop(number, None)
            with contextlib.suppress(OSError):
                self._path(number).unlink()

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:012}{_SUFFIX}"


def _number(path: Path) -> int:
    return int(path.stem) if path.suffix == _SUFFIX and path.stem.isdecimal() else 0
