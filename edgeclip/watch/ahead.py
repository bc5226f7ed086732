"""Ahead: the next frame is fetched and prepared while the last one is looked at."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator
from typing import Generic, TypeVar

Thing = TypeVar("Thing")

_LEAVE_S = 2.0


class Ahead(Generic[Thing]):
    """Run a source in a thread of its own, one frame ahead.

    Whoever takes the frames is never stuck in the source: `take` comes back in any case.  The
    source is asked for a frame when the one before it is taken, not earlier: a camera's would be
    old by the time that it is looked at.

    Args:
        source: such as `frames` returns; it is closed in its own thread.
    """

    def __init__(self, source: Generator[Thing, None, None]) -> None:
        self._found: queue.SimpleQueue[Thing | BaseException | None] = queue.SimpleQueue()
        self._taken = threading.Semaphore(0)
        self._leave = False
        self._thread = threading.Thread(
            target=self._run, args=(source,), name="edgeclip-frames", daemon=True
        )
        self.ended = False
        """Whether the source has no more frames."""
        self._thread.start()

    def take(self, timeout_s: float) -> Thing | None:
        """Return the next frame; None when there is none in time, or no more at all.

        Raises:
            EdgeclipError: what the source raised.
        """
        if self.ended:
            return None
        try:
            found = self._found.get(timeout=timeout_s)
        except queue.Empty:
            return None
        self._taken.release()
        if isinstance(found, BaseException):
            self.ended = True
            raise found
        self.ended = found is None
        return found

    def close(self) -> None:
        """Let go of the source; one that hangs is left to the end of the process."""
        self._leave = True
        self._taken.release()
        self._thread.join(_LEAVE_S)

    def _run(self, source: Generator[Thing, None, None]) -> None:
        try:
            with contextlib.closing(source):
                for found in source:
                    self._found.put(found)
                    self._taken.acquire()
                    if self._leave:
                        return
            self._found.put(None)
        except Exception as error:
            self._found.put(error)
