"""The groups of an index: kept with it, joined by new pictures as they arrive.

Which item is in which group is written with the items; the sums that make the centroids are written
when the index is closed.  After a stop in between they are made again from the members.
"""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from edgeclip.index.blocks import Ids
from edgeclip.index.centroids import THRESHOLD as THRESHOLD
from edgeclip.index.centroids import Centroids, total_of
from edgeclip.index.changes import Change, Setting, Statement
from edgeclip.index.groups import cluster
from edgeclip.index.memory import Memory
from edgeclip.index.store import Store
from edgeclip.vectors import Vector

_THRESHOLD, _CLEAN = "groups_threshold", "groups_clean"
_SUM_DTYPE = np.dtype("<f4")


class Grouping:
    """Who is in which group.  One thread at a time may use it."""

    def __init__(self, store: Store, memory: Memory, threshold: float) -> None:
        """Take over what is stored, and let those join who came since."""
        self._memory = memory
        self._joined: list[tuple[int, int]] = []
        self._was_clean = bool(store.setting(_CLEAN))
        self._groups = {int(i): int(n) for i, n in store.select("SELECT id, cluster FROM member")}
        self._groups = {i: n for i, n in self._groups.items() if i in memory.table}
        self._centroids = self._restored(store, threshold)
        ids = memory.exact.ids()
        self.join(ids[[int(i) not in self._groups for i in ids]])

    @property
    def threshold(self) -> float:
        """The least cosine to a centroid for joining its group."""
        return self._centroids.threshold

    @property
    def highest(self) -> int:
        """The highest number that a group ever had; -1 before the first."""
        return self._centroids.highest

    def numbers(self) -> dict[int, int]:
        """Return the number of the group of each id."""
        return dict(self._groups)

    def join(self, ids: Ids) -> None:
        """Put new items into the nearest group, or into groups of their own."""
        for start in range(0, len(ids), 1024):
            part = ids[start : start + 1024]
            for number, vector in zip(part.tolist(), self._memory.exact.vectors(part), strict=True):
                if vector.any():  # zeros: it went away meanwhile
                    self._groups[number], _ = self._centroids.assign(vector)
                    self._joined.append((number, self._groups[number]))

    def leave(self, ids: Iterable[int]) -> None:
        """Take items out of their groups, after exact search has forgotten them."""
        touched = {self._groups.pop(number) for number in ids if number in self._groups}
        if not touched:
            return
        members = self._members(touched)
        for group in touched:
            self._centroids.remake(group, self._vectors(members[group]))

    def pending(self) -> list[Change]:
        """Return what has to be written together with the next change."""
        if not self._joined:
            return []
        first: list[Change] = [Setting(_CLEAN, 0)] if self._was_clean else []
        return first + [_member(pair) for pair in self._joined]

    def written(self) -> None:
        """Take notice that what was pending is written."""
        self._joined.clear()
        self._was_clean = False

    def sums(self) -> list[Change]:
        """Return what has to be written when the index is closed."""
        return [*self.pending(), *_clusters(self._centroids), Setting(_CLEAN, 1)]

    def _restored(self, store: Store, threshold: float) -> Centroids:
        stored: dict[int, tuple[int, NDArray[np.floating] | None]] = {}
        if self._was_clean:
            for number, count, packed in store.select("SELECT number, count, sum FROM cluster"):
                stored[int(number)] = (int(count), _unpacked(number, count, packed))
        members = self._members(set(self._groups.values()))
        numbers, counts, sums = [], [], []
        for group, ids in sorted(members.items()):
            count, total = stored.get(group, (0, None))
            if count != len(ids) or total is None or len(total) != self._memory.dim:
                vectors = self._vectors(ids)
                total = total_of(vectors, np.arange(len(vectors)))
            numbers.append(group)
            counts.append(len(ids))
            sums.append(total)
        # A number that was used is not used again, even if its last member left.
        highest = max([*numbers, highest_number(store)])
        if highest not in members and highest >= 0:
            numbers.append(highest)
            counts.append(0)
            sums.append(np.zeros(self._memory.dim))
        return Centroids.restored(
            np.array(numbers, np.int64),
            np.array(counts, np.int64),
            np.array(sums, np.float64).reshape(len(sums), self._memory.dim),
            threshold,
        )

    def _members(self, groups: set[int]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for number, group in self._groups.items():
            if group in groups:
                found[group].append(number)
        return found

    def _vectors(self, ids: Sequence[int]) -> Vector:
        return self._memory.exact.vectors(np.array(ids, np.int64))


def stored_threshold(store: Store) -> float | None:
    """Return the threshold of the groups that are kept with an index, or None."""
    value = store.setting(_THRESHOLD)
    return None if value is None else float(value)


def highest_number(store: Store) -> int:
    """Return the highest number that a group ever had; -1 when there was none."""
    last = store.select(
        "SELECT seq FROM sqlite_sequence WHERE name = 'cluster' "
        "UNION ALL SELECT coalesce(max(cluster), -1) FROM member"
    )
    return max((int(number) for (number,) in last), default=-1)


def made_anew(memory: Memory, threshold: float) -> tuple[Ids, NDArray[np.int64]]:
    """Group all items; return their ids, rising, and the numbers of their groups."""
    ids, vectors = stacked(memory)
    return ids, cluster(vectors, threshold)


def stacked(memory: Memory) -> tuple[Ids, Vector]:
    """Return all ids, rising, and their vectors, ``(n, dim)``."""
    parts = list(memory.exact.all_vectors())
    if not parts:
        return np.empty(0, np.int64), np.empty((0, memory.dim), np.float32)
    return np.concatenate([ids for ids, _ in parts]), np.concatenate([v for _, v in parts])


def replacing(ids: Ids, labels: NDArray[np.int64], threshold: float) -> list[Change]:
    """Return what has to be written to keep new groups instead of all others."""
    pairs = zip(ids.tolist(), labels.tolist(), strict=True)
    return [
        Statement("DELETE FROM member"),
        Statement("DELETE FROM cluster"),
        Setting(_THRESHOLD, threshold),
        Setting(_CLEAN, 0),
        *(_member(pair) for pair in pairs),
    ]


def _member(pair: tuple[int, int]) -> Statement:
    # An item that was removed before this is written must not leave a member behind.
    sql = "INSERT OR REPLACE INTO member SELECT id, ? FROM item WHERE id = ?"
    return Statement(sql, (pair[1], pair[0]))


def _clusters(centroids: Centroids) -> list[Statement]:
    """Write all groups; one of a single member is its vector, and is not written twice."""
    numbers, counts, sums = centroids.state()
    rows = []
    for number, count, total in zip(numbers.tolist(), counts.tolist(), sums, strict=True):
        packed = _packed(number, count, total) if count > 1 else b""
        rows.append(Statement("INSERT INTO cluster VALUES (?, ?, ?)", (number, count, packed)))
    return [Statement("DELETE FROM cluster"), *rows]


def _packed(number: int, count: int, total: Vector) -> bytes:
    data = total.astype(_SUM_DTYPE).tobytes()
    return data + struct.pack("<I", zlib.crc32(data, number << 20 ^ count))


def _unpacked(number: int, count: int, packed: bytes) -> Vector | None:
    data = packed[:-4]
    if not data or packed[-4:] != struct.pack("<I", zlib.crc32(data, number << 20 ^ count)):
        return None
    return np.frombuffer(data, _SUM_DTYPE)
