"""Groups that new pictures join: one centroid each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from edgeclip.index.components import Numbers
from edgeclip.vectors import Vector, unit

THRESHOLD = 0.82
"""The mean cosine from which on two groups of pictures are taken for one."""

_PART = 1024
_LEAST_LENGTH = 1e-12


def check_threshold(threshold: float) -> None:
    """Raise ValueError when a threshold is not in [0, 1]: below 0 a group may have no centroid."""
    if not 0 <= threshold <= 1:
        raise ValueError(f"a threshold of {threshold} makes no groups; give a cosine in [0, 1]")


def parts(count: int) -> Iterator[slice]:
    """Cut so many rows into pieces, so that copies of their vectors stay small."""
    return (slice(start, start + _PART) for start in range(0, count, _PART))


def add_to(sums: Vector, places: Numbers, vectors: Vector) -> None:
    """Add vectors, each scaled to length 1 first, to the sums of their groups.

    Args:
        sums: ``(groups, dim)`` float32; changed.
        places: ``(n,)`` which row of ``sums`` each vector belongs to.
        vectors: ``(n, dim)``.
    """
    for part in parts(len(places)):
        order = np.argsort(places[part], kind="stable")
        rising = places[part][order]
        firsts = np.flatnonzero(np.diff(rising, prepend=-1))
        rows = unit(vectors[part])[order]
        if len(firsts) < len(rows):
            rows = np.add.reduceat(rows.astype(np.float64), firsts, axis=0)
        sums[rising[firsts]] += rows


class Centroids:
    """The groups as they stand while pictures come and go; each costs one pass over the centroids.

    A group is the sum of its members' unit vectors, in float32: as much memory as that of one
    vector a group.  A group that loses members is summed anew, so that going leaves no trace.
    Numbers are never given twice, not even that of a group which lost its last picture.
    """

    def __init__(self, dim: int, threshold: float = THRESHOLD, highest: int = -1) -> None:
        """Begin without groups.

        Args:
            dim: numbers in a vector.
            threshold: least cosine to a centroid for joining its group.
            highest: the highest number that a group ever had.
        """
        check_threshold(threshold)
        self.threshold = threshold
        self.highest = highest
        """The highest number that a group ever had; -1 before the first."""
        self._places: dict[int, int] = {}
        self._hold(0, dim)

    def fill(self, numbers: Numbers, members: Iterable[tuple[Numbers, Vector]]) -> None:
        """Take over groups, where there were none.

        Args:
            numbers: ``(groups,)`` their numbers, each once, rising.
            members: ``(n,)`` numbers of groups and the ``(n, dim)`` vectors in them, in pieces.
        """
        count = len(numbers)
        self._hold(count, self._sums.shape[1])
        self._numbers[:count] = numbers
        self._places = dict(zip(numbers.tolist(), range(count), strict=True))
        for groups, vectors in members:
            add_to(self._sums, np.searchsorted(numbers, groups), vectors)
        for part in parts(count):
            lengths = np.linalg.norm(self._sums[:count][part], axis=1)
            self._lengths[:count][part] = np.maximum(lengths, _LEAST_LENGTH)
        self.highest = max(self.highest, int(numbers.max(initial=-1)))

    def assign(self, vector: Vector) -> int:
        """Put a vector into the nearest group with cosine ≥ threshold, or else into a new one.

        Of equally near groups it is the one with the lowest number.

        Args:
            vector: ``(dim,)``, not zero; it is scaled to unit length.

        Returns:
            The group's number.

        Raises:
            ValueError: the shape is wrong, or the vector has no direction.
        """
        if np.shape(vector) != self._sums.shape[1:]:
            raise ValueError(
                f"the groups hold vectors {self._sums.shape[1:]}, not {np.shape(vector)}"
            )
        row = unit(vector)
        place = self._nearest(row)
        if place is None:
            self.highest += 1
            return self._append(self.highest, row)
        self._set(place, self._sums[place] + row)
        return int(self._numbers[place])

    def remake(self, number: int, members: Vector) -> None:
        """Make a group's sum anew, after some of its members have gone.

        Args:
            number: the group.
            members: ``(m, dim)`` those that are left; none of them ends the group.

        Raises:
            KeyError: no group has this number.
        """
        place = self._places[number]
        if not len(members):
            self._drop(place)
            return
        total = np.zeros((1, members.shape[1]), np.float32)
        add_to(total, np.zeros(len(members), np.int64), members)
        self._set(place, total[0])

    def _nearest(self, row: Vector) -> int | None:
        """Return the place of the nearest group that is near enough."""
        count = len(self._places)
        if not count:
            return None
        cosines = (self._sums[:count] @ row) / self._lengths[:count]
        best = cosines.max()
        if best < self.threshold:
            return None
        places = np.flatnonzero(cosines == best)
        return int(places[self._numbers[places].argmin()])

    def _append(self, number: int, total: Vector) -> int:
        place = len(self._places)
        if place == len(self._numbers):
            self._grow()
        self._places[number] = place
        self._numbers[place] = number
        self._set(place, total)
        return number

    def _hold(self, count: int, dim: int) -> None:
        """Make room for some groups; what is not used of it takes no memory yet."""
        room = _room_for(count)
        self._numbers = np.zeros(room, np.int64)
        self._lengths = np.zeros(room, np.float32)
        self._sums = np.zeros((room, dim), np.float32)

    def _grow(self) -> None:
        """Make room for more groups, without a second copy of them."""
        room = _room_for(len(self._places))
        # Nobody else holds these arrays; of great ones the system only moves the pages.
        self._numbers.resize(room, refcheck=False)
        self._lengths.resize(room, refcheck=False)
        self._sums.resize((room, self._sums.shape[1]), refcheck=False)

    def _set(self, place: int, total: Vector) -> None:
        self._sums[place] = total
        self._lengths[place] = max(float(np.linalg.norm(total)), _LEAST_LENGTH)

    def _drop(self, place: int) -> None:
        """Close the gap with the last group."""
        last = len(self._places) - 1
        del self._places[int(self._numbers[place])]
        if place == last:
            return
        for array in (self._numbers, self._lengths, self._sums):
            array[place] = array[last]
        self._places[int(self._numbers[place])] = place


def _room_for(count: int) -> int:
    """Return how many groups to have room for, so that a new one seldom moves the others."""
    return count + max(16, count // 8)
