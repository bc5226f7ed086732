"""What is in RAM beside the vectors: keys, metadata, and the maps from keys and hashes to ids."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from edgeclip.index import where as filters
from edgeclip.index.blocks import Ids
from edgeclip.index.rows import Row, metadata_of
from edgeclip.index.where import Test

_MOST_COLUMNS = 8


class Table:
    """Items by id and by key.  Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._items: dict[int, tuple[str, str]] = {}
        self._ids: dict[str, int] = {}
        # Values of the fields that were asked for, parsed once.
        self._columns: dict[str, dict[int, Any]] = {}

    def __len__(self) -> int:
        """Return how many items there are."""
        return len(self._ids)  # for a moment a key has two ids, when its vector changes

    def __contains__(self, number: int) -> bool:
        """Tell whether an id is there."""
        return number in self._items

    def put(self, rows: Iterable[Row]) -> None:
        """Add items, or replace what is known about them."""
        with self._lock:
            for row in rows:
                old = self._items.get(row.id)
                if old is not None and old[0] != row.key and self._ids.get(old[0]) == row.id:
                    del self._ids[old[0]]
                self._items[row.id] = (row.key, row.metadata)
                self._ids[row.key] = row.id
                for field, column in self._columns.items():
                    column[row.id] = _value(row.key, row.metadata, field)

    def drop(self, ids: Iterable[int]) -> None:
        """Forget items."""
        with self._lock:
            for number in ids:
                key, _ = self._items.pop(number, (None, None))
                if key is not None and self._ids.get(key) == number:
                    del self._ids[key]
                for column in self._columns.values():
                    column.pop(number, None)

    def id(self, key: str) -> int | None:
        """Return the id of a key."""
        return self._ids.get(key)

    def keys(self) -> list[str]:
        """Return all keys, in the order of their ids."""
        with self._lock:
            return [self._items[number][0] for number in sorted(self._items)]

    def ids(self) -> Ids:
        """Return all ids, rising."""
        with self._lock:
            return np.sort(np.fromiter(self._items, np.int64, len(self._items)))

    def known(self, number: int) -> tuple[str, Mapping[str, Any] | None] | None:
        """Return key and metadata of an id, or None when it is gone."""
        found = self._items.get(number)
        return None if found is None else (found[0], metadata_of(found[1]))

    def matching(self, where: filters.Where | None) -> Ids | None:
        """Return the ids of the items that a filter lets through, rising; None: all of them.

        Raises:
            FilterError: it makes no sense.
        """
        found: set[int] | None = None
        with self._lock:
            for field, test in filters.tests(where).items():
                passed = self._passing(field, test)
                found = passed if found is None else found & passed
        return None if found is None else np.sort(np.fromiter(found, np.int64, len(found)))

    def _passing(self, field: str, test: Test) -> set[int]:
        if field == filters.KEY:
            return {number for key, number in self._ids.items() if test(key)}
        if field not in self._columns:
            while len(self._columns) >= _MOST_COLUMNS:  # the one that was made first
                del self._columns[next(iter(self._columns))]
            self._columns[field] = {
                number: _value(key, metadata, field)
                for number, (key, metadata) in self._items.items()
            }
        return {number for number, value in self._columns[field].items() if test(value)}


def _value(key: str, metadata: str, field: str) -> Any:
    return filters.field_of(metadata_of(metadata), field)
