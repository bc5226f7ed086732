"""Ahead: the next frame is fetched while the last one is looked at."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator

from edgeclip.watch.frame import Frame

_LEAVE_S = 3.0


class Ahead:
    """Run a source in a thread of its own, one frame ahead.

    Whoever takes the frames is never stuck in the source: `take` comes back in any case.

    Args:
        source: such as `frames` returns; it is closed in its own thread.
    """

    def __init__(self, source: Generator[Frame, None, None]) -> None:
        self._slot: queue.Queue[Frame | BaseException | None] = queue.Queue(1)
        self._leave = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(source,), name="edgeclip-frames", daemon=True
        )
        self.ended = False
        """Whether the source has no more frames."""
        self._thread.start()

    def take(self, timeout_s: float) -> Frame | None:
        """Return the next frame; None when there is none in time, or no more at all.

        Raises:
            EdgeclipError: what the source raised.
        """
        if self.ended:
            return None
        try:
            found = self._slot.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if isinstance(found, BaseException):
            self.ended = True
            raise found
        self.ended = found is None
        return found

    def close(self) -> None:
        """Let go of the source; one that hangs is left to the end of the process."""
        self._leave.set()
        with contextlib.suppress(queue.Empty):
            self._slot.get_nowait()
        self._thread.join(_LEAVE_S)

    def _run(self, source: Generator[Frame, None, None]) -> None:
        try:
            with contextlib.closing(source):
                for frame in source:
                    if not self._put(frame):
                        return
            self._put(None)
        except Exception as error:
            self._put(error)

    def _put(self, found: Frame | BaseException | None) -> bool:
        while not self._leave.is_set():
            with contextlib.suppress(queue.Full):
                self._slot.put(found, timeout=0.2)
                return True
        return False
