"""Retention: which items of a timeline are too old or too much.

The wall clock has no say: ages are counted on a steady clock, the oldest is what was kept first,
and one pruning removes a tenth at most, so that an error in what is old cannot cost everything.
"""

from __future__ import annotations

import math
from itertools import islice

from edgeclip.index.index import Index
from edgeclip.watch.sinks.pictures import Pictures

STEADY = "steady"
"""The field of an item that holds the steady time when it was kept."""
_DAY_S, _HOUR_S = 86_400.0, 3600.0
_ITEM_BYTES = 2048
"""About what an item takes beside its picture."""
_SHARE, _BATCH = 10, 64


class Retention:
    """Remove the oldest items and their pictures.

    Args:
        index: the items.
        pictures: theirs.
        keep_days: None: for ever.
        keep_bytes: of pictures and items, about; None: any number.
    """

    def __init__(
        self, index: Index, pictures: Pictures, keep_days: float | None, keep_bytes: int | None
    ) -> None:
        for limit in (keep_days, keep_bytes):
            if limit is not None and not (0 < limit < math.inf):
                raise ValueError(f"a limit must be a number above 0, not {limit}")
        self._index, self._pictures = index, pictures
        self._keep_s = None if keep_days is None else keep_days * _DAY_S
        self._keep_bytes = keep_bytes
        self._aged = -math.inf
        # What a kill leaves are a picture that was just added and a batch that was just removed.
        leavings = min(_BATCH, max(2, len(index) // _SHARE))
        self._bytes = pictures.sweep(index, leavings) + len(index) * _ITEM_BYTES

    def added(self, size: int) -> None:
        """Count an item with a picture of so many bytes."""
        self._bytes += size + _ITEM_BYTES

    def prune(self, now: float) -> int:
        """Remove what is too much, and once an hour what is too old; return how many were removed.

        Args:
            now: steady time.

        Raises:
            StoreError: they cannot be removed.
        """
        most, removed = max(1, len(self._index) // _SHARE), 0
        if self._keep_s is not None and now - self._aged >= _HOUR_S:
            self._aged = now
            removed = self.remove(self._older(now - self._keep_s, most))
        if self._keep_bytes is not None and self._bytes > self._keep_bytes:
            removed += self.remove(self._surplus(self._keep_bytes, most - removed))
        return removed

    def remove(self, keys: list[str]) -> int:
        """Remove items and their pictures; return how many they were.

        Raises:
            StoreError: they cannot be removed.
        """
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            self._index.remove_many(batch)
            for key in batch:
                self._bytes -= _ITEM_BYTES + self._pictures.size(key)
                self._pictures.remove(key)
        return len(keys)

    def newest(self) -> float:
        """Return the greatest steady time of an item, 0 when there is none."""
        times = (self._steady_of(key) for key in list(self._index)[-_BATCH:])
        return max(filter(math.isfinite, times), default=0.0)

    def _older(self, steady: float, most: int) -> list[str]:
        found = []
        for key in islice(self._index, most):
            if self._steady_of(key) >= steady:
                break
            found.append(key)
        return found

    def _surplus(self, limit: int, most: int) -> list[str]:
        found, left = [], self._bytes
        for key in islice(self._index, most):
            if left <= limit:
                break
            left -= _ITEM_BYTES + self._pictures.size(key)
            found.append(key)
        return found

    def _steady_of(self, key: str) -> float:
        item = self._index.get(key)
        steady = (item.metadata or {}).get(STEADY) if item else None
        return float(steady) if isinstance(steady, int | float) else math.inf
