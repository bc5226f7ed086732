"""Open a part when it is first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Part = TypeVar("Part")


class Once(Generic[Part]):
    """Open something when it is first needed, once, from whichever thread comes first."""

    def __init__(self, open: Callable[[], Part]) -> None:
        self._open = open
        self._lock = threading.Lock()
        self._part: Part | None = None

    def get(self) -> Part:
        """Return the part; an opening that failed is tried again at the next call."""
        with self._lock:
            if self._part is None:
                self._part = self._open()
            return self._part

    def forget(self) -> None:
        """Let go of the part; the next `get` opens it again."""
        with self._lock:
            self._part = None
