"""What systemd is told (``sd_notify(3)``): the work has begun, and it goes on.

A service with ``WatchdogSec=`` that says nothing for so long is taken for hung, and started again.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


class Alive:
    """Tells systemd what it waits for; without systemd it does nothing."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        # Four times as often as it must.
        self._every_s = _watchdog_s() / 4
        self._next = 0.0

    @property
    def is_waited_for(self) -> bool:
        """Whether somebody waits for the work to begin."""
        return bool(self._address)

    def ready(self) -> None:
        """Say that the work has begun."""
        self._tell("READY=1")

    def step(self) -> None:
        """Say that it goes on, if that is waited for and was not said just now."""
        if self._every_s and time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every_s
            self._tell("WATCHDOG=1")

    def each(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items, and take each for a step."""
        for item in items:
            self.step()
            yield item

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        # A name that begins with @ is not in the file system.
        address = self._address.replace("@", "\0", 1) if self._address[0] == "@" else self._address
        # systemd is told, never waited for: a full queue or a missing socket stops no work.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.setblocking(False)
            end.sendto(state.encode(), address)


def _watchdog_s() -> float:
    """Return how long a silence means a hang, as ``sd_watchdog_enabled(3)`` does; 0: none does."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0  # it was meant for a process that has started this one
    try:
        return max(0, int(os.environ.get("WATCHDOG_USEC") or 0)) / 1e6
    except (ValueError, OverflowError):
        return 0.0
