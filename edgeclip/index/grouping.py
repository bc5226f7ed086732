"""The groups of an index: kept with it, joined by new pictures as they arrive.

Which item is in which group is written with the items, one commit later.  The centroids are not
written: they are made of the members when the first new picture has to be compared with them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclip.index.blocks import Ids
from edgeclip.index.centroids import THRESHOLD as THRESHOLD
from edgeclip.index.centroids import Centroids, parts
from edgeclip.index.changes import Change, Setting, Statement
from edgeclip.index.groups import Cluster, cluster, described
from edgeclip.index.memory import Memory
from edgeclip.index.store import Store
from edgeclip.vectors import Vector

_THRESHOLD, _HIGHEST = "groups_threshold", "groups_highest"
_MOST = 1 << 53
"""No group has a higher number: what is higher has rotted."""
_ROWS = 400
"""Rows of one statement: twice as many values, below the least limit that SQLite is built with."""


class Grouping:
    """Who is in which group.  One thread at a time may use it."""

    def __init__(self, store: Store, memory: Memory, threshold: float) -> None:
        """Take over what is stored, and let those join who came since."""
        self._memory = memory
        self._threshold = threshold
        self._joined: list[tuple[int, int]] = []
        stored = store.select("SELECT id, cluster FROM member")
        self._groups = {i: n for i, n in stored if i in memory.table and _is_number(n)}
        self._highest = self._known_highest = highest_number(store)
        self._centroids: Centroids | None = None
        ids = memory.exact.ids()
        self.join(ids[[int(i) not in self._groups for i in ids]])

    def numbers(self) -> dict[int, int]:
        """Return the number of the group of each id."""
        return dict(self._groups)

    @property
    def highest(self) -> int:
        """The highest number that a group ever had; -1 before the first."""
        return self._highest if self._centroids is None else self._centroids.highest

    def join(self, ids: Ids) -> None:
        """Put new items into the nearest group, or into groups of their own."""
        for part in parts(len(ids)):
            vectors = self._memory.exact.vectors(ids[part])
            for number, vector in zip(ids[part].tolist(), vectors, strict=True):
                if vector.any():  # zeros: it went away meanwhile
                    self._groups[number] = self._made().assign(vector)
                    self._joined.append((number, self._groups[number]))

    def leave(self, ids: Iterable[int]) -> None:
        """Take items out of their groups, after exact search has forgotten them."""
        touched = {self._groups.pop(number) for number in ids if number in self._groups}
        if not touched or self._centroids is None:
            return
        members = self._members(touched)
        for group in touched:
            self._centroids.remake(group, self._vectors(members[group]))

    def pending(self) -> list[Change]:
        """Return what has to be written together with the next change."""
        changes: list[Change] = [_member(pair) for pair in self._joined]
        if self.highest > self._known_highest:
            changes.append(Setting(_HIGHEST, self.highest))
        return changes

    def written(self) -> None:
        """Take notice that what was pending is written."""
        self._joined.clear()
        self._known_highest = self.highest

    def _made(self) -> Centroids:
        """Return the centroids; the first time they are summed up, in one pass over the vectors."""
        if self._centroids is None:
            groups = self._groups
            count = len(groups)
            ids = np.fromiter(groups, np.int64, count)
            numbers = np.fromiter(groups.values(), np.int64, count)
            order = np.argsort(ids)
            members = _placed(self._memory, ids[order], numbers[order])
            made = Centroids(self._memory.dim, self._threshold, self._highest)
            made.fill(np.unique(numbers), members)
            self._centroids = made
        return self._centroids

    def _members(self, groups: set[int]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for number, group in self._groups.items():
            if group in groups:
                found[group].append(number)
        return found

    def _vectors(self, ids: Sequence[int]) -> Vector:
        return self._memory.exact.vectors(np.array(ids, np.int64))


def stored_threshold(store: Store) -> float | None:
    """Return the threshold of the groups that are kept with an index; None: none, or nonsense."""
    value = store.setting(_THRESHOLD)
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None


def threshold_of(store: Store) -> float:
    """Return the threshold of the groups that are kept, or were, or else the usual one."""
    kept = stored_threshold(store)
    return THRESHOLD if kept is None else kept


def are_kept(store: Store) -> bool:
    """Tell whether groups are kept with an index: a threshold alone may be left of them."""
    return stored_threshold(store) is not None and bool(
        store.select("SELECT 1 FROM member LIMIT 1")
    )


def highest_number(store: Store) -> int:
    """Return the highest number that a group ever had; -1 when there was none."""
    sql = "SELECT max(cluster) FROM member WHERE typeof(cluster) = 'integer' AND cluster < ?"
    stored = [store.setting(_HIGHEST), *store.select(sql, (_MOST,))[0]]
    return max((number for number in stored if _is_number(number)), default=-1)


def made_anew(memory: Memory, threshold: float) -> tuple[Ids, NDArray[np.int64]]:
    """Group all items; return their ids, rising, and the numbers of their groups."""
    ids, vectors = stacked(memory)
    return ids, cluster(vectors, threshold)


def stacked(memory: Memory) -> tuple[Ids, Vector]:
    """Return all ids, rising, and their vectors, ``(n, dim)``; others may write meanwhile."""
    room, filled = len(memory.exact), 0
    ids, vectors = np.empty(room, np.int64), np.empty((room, memory.dim), np.float32)
    for part_ids, part in _pieces(memory):
        # Of those who came since, as many as the room takes: the ids rise.
        here = slice(filled, min(room, filled + len(part_ids)))
        filled = here.stop
        ids[here], vectors[here] = part_ids[: filled - here.start], part[: filled - here.start]
    return ids[:filled], vectors[:filled]


def clusters(memory: Memory, keys: Mapping[int, str], numbers: Mapping[int, int]) -> list[Cluster]:
    """Describe the groups of items, the largest first; others may write meanwhile.

    Args:
        memory: where their vectors are.
        keys: id → key.
        numbers: id → number of its group; ids that are missing in one of the two are left out.
    """
    ids = np.array(sorted(numbers.keys() & keys.keys()), np.int64)
    labels = np.array([numbers[number] for number in ids.tolist()], np.int64)
    names = [keys[number] for number in ids.tolist()]
    rows = np.arange(len(ids))
    found = described(labels, memory.dim, lambda: _placed(memory, ids, rows))
    return [
        Cluster(
            group.number,
            tuple(names[row] for row in group.members.tolist()),
            tuple(group.cosines.tolist()),
            group.centroid,
        )
        for group in found
    ]


def replacing(ids: Ids, labels: NDArray[np.int64], threshold: float) -> list[Change]:
    """Return what has to be written to keep new groups of items that are there, and no others."""
    pairs = np.stack([ids, labels], axis=1)
    changes: list[Change] = [Statement("DELETE FROM member"), Setting(_THRESHOLD, threshold)]
    if len(labels):
        changes.append(Setting(_HIGHEST, int(labels.max())))
    for start in range(0, len(pairs), _ROWS):
        some = pairs[start : start + _ROWS]
        marks = ", ".join(["(?, ?)"] * len(some))
        values = tuple(some.ravel().tolist())
        changes.append(Statement(f"INSERT INTO member VALUES {marks}", values))
    return changes


def _placed(memory: Memory, ids: Ids, values: Ids) -> Iterator[tuple[Ids, Vector]]:
    """Yield a value of each item, and its vector, piece by piece; ``ids`` rise."""
    for found, vectors in _pieces(memory):
        places = np.minimum(np.searchsorted(ids, found), max(0, len(ids) - 1))
        held = ids[places] == found if len(ids) else np.zeros(len(found), np.bool_)
        yield values[places[held]], vectors if held.all() else vectors[held]


def _pieces(memory: Memory) -> Iterator[tuple[Ids, Vector]]:
    """Yield ids, rising, and vectors, without those that go away meanwhile: they may be zeros."""
    for ids, vectors in memory.exact.all_vectors():
        live = vectors.any(axis=1)
        yield (ids, vectors) if live.all() else (ids[live], vectors[live])


def _member(pair: tuple[int, int]) -> Statement:
    # An item that was removed before this is written must not leave a member behind.
    sql = "INSERT OR REPLACE INTO member SELECT id, ? FROM item WHERE id = ?"
    return Statement(sql, (pair[1], pair[0]))


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and 0 <= value < _MOST
