"""Groups that new pictures join: one centroid each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edgeclip.index.components import Numbers, rows_of
from edgeclip.vectors import Vector, unit

THRESHOLD = 0.82
"""The mean cosine from which on two groups of pictures are taken for one."""

_PART = 4096


def check_threshold(threshold: float) -> None:
    """Raise ValueError when a threshold is not in [0, 1]: below 0 a group may have no centroid."""
    if not 0 <= threshold <= 1:
        raise ValueError(f"a threshold of {threshold} makes no groups; give a cosine in [0, 1]")


def total_of(vectors: Vector, rows: Numbers) -> NDArray[np.float64]:
    """Return the sum of some rows, each scaled to length 1 first, ``(dim,)``."""
    found = np.zeros(vectors.shape[1])
    for part in parts(rows):
        found += unit(vectors[part]).sum(axis=0, dtype=np.float64)
    return found


def parts(rows: Numbers) -> Iterator[Numbers]:
    """Cut a long list of rows, so that copies of their vectors stay small."""
    return (rows[start : start + _PART] for start in range(0, len(rows), _PART))


class Centroids:
    """The groups as they stand while pictures come and go; each costs one pass over the centroids.

    A group is the sum of its members' unit vectors (kept in float64, so that coming and going
    leaves no trace) and their count.  Numbers are never given twice, not even that of a group which
    lost its last picture.
    """

    def __init__(self, dim: int, threshold: float = THRESHOLD) -> None:
        """Begin without groups, for vectors of ``dim`` numbers."""
        check_threshold(threshold)
        self.dim = dim
        self.threshold = threshold
        self._next = 0
        self._places: dict[int, int] = {}
        # Room for more groups than there are, so that a new one seldom copies the others.
        self._numbers = np.zeros(0, np.int64)
        self._counts = np.zeros(0, np.int64)
        self._sums = np.zeros((0, dim), np.float64)
        self._lengths = np.zeros(0, np.float64)

    @classmethod
    def of(
        cls, vectors: Vector, labels: NDArray[np.integer], threshold: float = THRESHOLD
    ) -> Centroids:
        """Take over groups from ``cluster``: ``(n, dim)`` vectors and their ``(n,)`` labels."""
        rows = rows_of(labels)
        sums = np.zeros((len(rows), vectors.shape[1]))
        for place, members in enumerate(rows):
            sums[place] = total_of(vectors, members)
        numbers = np.array([labels[members[0]] for members in rows], np.int64)
        counts = np.array([len(members) for members in rows], np.int64)
        return cls.restored(numbers, counts, sums, threshold)

    @classmethod
    def restored(
        cls,
        numbers: Numbers,
        counts: Numbers,
        sums: NDArray[np.floating],
        threshold: float = THRESHOLD,
    ) -> Centroids:
        """Take over what ``state`` returned.

        Args:
            numbers: ``(c,)`` the groups' numbers, each once, 0 or more.
            counts: ``(c,)`` how many members each has; 0 for a number that is only not to be given
                again.
            sums: ``(c, dim)``, any float dtype.
            threshold: a cosine in [0, 1].

        Raises:
            ValueError: the shapes do not fit, or a number, a count or a sum is impossible.
        """
        if sums.ndim != 2 or not numbers.shape == counts.shape == sums.shape[:1]:
            shapes = f"{numbers.shape}, {counts.shape}, {sums.shape}"
            raise ValueError(f"numbers, counts and sums do not fit: {shapes}; give one row a group")
        possible = np.all(numbers >= 0) and np.all(counts >= 0) and np.all(np.isfinite(sums))
        if not possible or len(np.unique(numbers)) != len(numbers):
            raise ValueError("a group's number, count or sum is impossible; make the groups anew")
        found = cls(sums.shape[1], threshold)
        for number, count, total in zip(numbers, counts, sums, strict=True):
            if count:
                found._append(int(number), int(count), total)
        found._next = int(numbers.max(initial=-1)) + 1
        return found

    def __len__(self) -> int:
        """Return how many groups have members."""
        return len(self._places)

    @property
    def numbers(self) -> Numbers:
        """The numbers of the groups that have members, ascending."""
        return np.sort(self._numbers[: len(self)])

    @property
    def highest(self) -> int:
        """The highest number that a group ever had; -1 before the first."""
        return self._next - 1

    def count(self, number: int) -> int:
        """Return how many members a group has; 0 when there is no such group."""
        place = self._places.get(number)
        return 0 if place is None else int(self._counts[place])

    def centroid(self, number: int) -> Vector:
        """Return a group's direction, ``(dim,)`` float32 of unit length.

        Raises:
            KeyError: no group has this number.
        """
        return unit(self._sums[self._places[number]])

    def nearest(self, vector: Vector) -> tuple[int, float] | None:
        """Return the nearest group and the cosine to its centroid; None when there are no groups.

        Of equally near groups it is the one with the lowest number.
        """
        return self._nearest(self._checked(vector))

    def assign(self, vector: Vector) -> tuple[int, bool]:
        """Put a vector into the nearest group with cosine ≥ threshold, or else into a new one.

        Args:
            vector: ``(dim,)``, not zero; it is scaled to unit length.

        Returns:
            The group's number, and whether the group is new.

        Raises:
            ValueError: the shape is wrong, or the vector has no direction.
        """
        row = self._checked(vector)
        found = self._nearest(row)
        if found is None or found[1] < self.threshold:
            self._append(self._next, 1, row)
            self._next += 1
            return self._next - 1, True
        place = self._places[found[0]]
        self._set(place, int(self._counts[place]) + 1, self._sums[place] + row)
        return found[0], False

    def remove(self, number: int, vector: Vector) -> None:
        """Take one member out of a group; the group ends with its last member.

        Args:
            number: the group that ``assign`` or ``cluster`` put the vector into.
            vector: the member, as it was.

        Raises:
            KeyError: no group has this number.
            ValueError: as for ``assign``.
        """
        row, place = self._checked(vector), self._places[number]
        if self._counts[place] == 1:
            self._drop(place)
        else:
            self._set(place, int(self._counts[place]) - 1, self._sums[place] - row)

    def remake(self, number: int, members: Vector) -> None:
        """Make a group's sum anew, after some of its members have gone.

        Args:
            number: the group.
            members: ``(m, dim)`` those that are left; none of them ends the group.

        Raises:
            KeyError: no group has this number.
        """
        place = self._places[number]
        if len(members):
            self._set(place, len(members), total_of(members, np.arange(len(members))))
        else:
            self._drop(place)

    def state(self, only: Sequence[int] | None = None) -> tuple[Numbers, Numbers, Vector]:
        """Return what has to be kept, for ``restored``.

        Args:
            only: the groups that have changed; all when None.  A group that has ended is returned
                with a count of 0: it may be forgotten, unless its number is the greatest.

        Returns:
            ``(numbers (c,) int64, counts (c,) int64, sums (c, dim) float32)``, by number.
        """
        last = {self._next - 1} - {-1}
        wanted = sorted(last | set(self._places) if only is None else set(only))
        sums = np.zeros((len(wanted), self.dim), np.float32)
        for row, number in enumerate(wanted):
            if number in self._places:
                sums[row] = self._sums[self._places[number]]
        counts = np.array([self.count(number) for number in wanted], np.int64)
        return np.array(wanted, np.int64), counts, sums

    def _checked(self, vector: Vector) -> NDArray[np.float64]:
        if np.shape(vector) != (self.dim,):
            raise ValueError(f"the groups hold vectors ({self.dim},), not {np.shape(vector)}")
        return unit(vector).astype(np.float64)

    def _nearest(self, row: NDArray[np.float64]) -> tuple[int, float] | None:
        if not self._places:
            return None
        cosines = (self._sums[: len(self)] @ row) / self._lengths[: len(self)]
        best = cosines.max()
        return int(self._numbers[: len(self)][cosines == best].min()), float(best)

    def _append(self, number: int, count: int, total: NDArray[np.floating]) -> None:
        place = len(self)
        if place == len(self._numbers):
            more = max(16, place // 2)
            for name in ("_numbers", "_counts", "_lengths", "_sums"):
                old = getattr(self, name)
                setattr(
                    self, name, np.concatenate([old, np.zeros((more, *old.shape[1:]), old.dtype)])
                )
        self._places[number] = place
        self._numbers[place] = number
        self._set(place, count, total)

    def _set(self, place: int, count: int, total: NDArray[np.floating]) -> None:
        self._counts[place] = count
        self._sums[place] = total
        self._lengths[place] = max(float(np.linalg.norm(self._sums[place])), 1e-12)

    def _drop(self, place: int) -> None:
        """Close the gap with the last group."""
        last = len(self) - 1
        del self._places[int(self._numbers[place])]
        if place == last:
            return
        for array in (self._numbers, self._counts, self._lengths, self._sums):
            array[place] = array[last]
        self._places[int(self._numbers[place])] = place
