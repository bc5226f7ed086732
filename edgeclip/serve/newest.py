"""Newest: what was asked lately is kept, and no more than that."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Kept = TypeVar("Kept")


class Newest(Generic[Kept]):
    """What was asked lately, so many at most; from any thread."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def kept(self, key: str) -> Kept:
        """Return what is kept under a key.

        Raises:
            KeyError: nothing is.
        """
        with self._lock:
            self._kept.move_to_end(key)
            return self._kept[key]

    def get(self, key: str, make: Callable[[], Kept]) -> Kept:
        """Return what is kept under a key, or make it."""
        with contextlib.suppress(KeyError):
            return self.kept(key)
        made = make()  # not under the lock: others ask for what is there
        with self._lock:
            self._kept[key] = made
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made
