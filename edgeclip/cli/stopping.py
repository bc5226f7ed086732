"""Ctrl-C and SIGTERM as a flag, for work that has threads and locks.

An exception out of a signal may strike between any two steps of a lock, and leave it held for ever.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


class Stop(threading.Event):
    """Set by Ctrl-C and SIGTERM; the second of them does at once what the first would have done."""

    def __init__(self) -> None:
        super().__init__()
        self._number: int | None = None
        self._before: dict[int, Any] = {}

    def listen(self) -> None:
        """Take the signals over, where that is possible."""
        if threading.current_thread() is threading.main_thread():
            for number in (int(signal.SIGINT), int(signal.SIGTERM)):
                if signal.getsignal(number) != signal.SIG_IGN:  # as with nohup, or & in a script
                    self._before[number] = signal.signal(number, self.notice)

    def release(self) -> None:
        """Give them back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def notice(self, number: int, frame: Any) -> None:
        """Handle a signal."""
        if self._number is not None:
            self.release()
            signal.raise_signal(number)
        self._number = number
        self.set()

    def act(self) -> None:
        """Do what the signal would have done, if there was one; after `release`."""
        if self._number is not None:
            signal.raise_signal(self._number)


@contextlib.contextmanager
def stopping() -> Iterator[Stop]:
    """Yield an event that Ctrl-C and SIGTERM set: the work is ended by them, not broken."""
    stop = Stop()
    stop.listen()
    try:
        yield stop
    finally:
        stop.release()
