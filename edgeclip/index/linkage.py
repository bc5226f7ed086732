"""Average linkage on cosines, exact, in the memory of the vectors.

On unit vectors the mean cosine between two groups is the product of their mean vectors, so a group
is one row: its mean.  Average linkage is *reducible*: a merge brings nothing nearer.  Hence two
groups that are each other's nearest may merge at once, in any order, and the tree is the one that
always merging the nearest pair of all gives; and a group whose nearest is too far away is final.
That is the nearest-neighbour chain (F. Murtagh, "A survey of recent advances in hierarchical
clustering algorithms", The Computer Journal 26, 1983); many chains grow here side by side, because
one product of matrices costs far less than many of a matrix with a vector.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclip.index.components import Numbers, unite

Rows = NDArray[np.floating[Any]]

# Up to so many groups their means are kept in float64, which halves the speed and leaves near ties
# to the fifteenth digit; above it in float32 (then two groups whose cosines to a third differ by
# less than 1e-6 may change places).
_DOUBLE = 16_384
# Up to so many rows the cosines of all pairs are looked at, to be done in one step.
_SMALL = 2_048
# The most products at once, in bytes.
_ROOM = 64 << 20
# Chains that grow side by side: the fewest cost no more than one (memory is the limit), the most
# keep the processor busy.
_FEWEST, _MOST = 8, 1024
_UNKNOWN = -1


def linked(vectors: NDArray[np.float32], threshold: float) -> Numbers:
    """Group vectors by average linkage, as long as the mean cosine is above the threshold.

    Args:
        vectors: ``(m, dim)`` float32, none of them zero; they are scaled to length 1.
        threshold: a cosine in [0, 1).

    Returns:
        ``(m,)`` int64: for each row the first row of its group.
    """
    group = _equal(vectors)
    first, counts = np.unique(group, return_counts=True)
    rows = _scaled(vectors, first)
    if _all_near(rows, threshold):
        return np.zeros_like(group)
    found = _Groups(rows, counts, threshold)
    del rows
    while found.size:
        found.step()
    unite(group, first, first[found.parent])
    return group


def _equal(vectors: NDArray[np.float32]) -> Numbers:
    """Return for each row the first row that is the same, bit for bit (equal hash and content)."""
    bits = np.ascontiguousarray(vectors, dtype=np.float32).view(np.uint32)
    # 0 and -0 are two; that costs a row, not an answer.
    factors = np.random.default_rng(0).integers(1, 1 << 62, bits.shape[1], dtype=np.uint64)
    chunks = range(0, len(bits), 4096)
    hashes = [bits[i : i + 4096].astype(np.uint64) @ factors for i in chunks]
    _, first, inverse = np.unique(np.concatenate(hashes), return_index=True, return_inverse=True)
    like = first[inverse.reshape(-1)].astype(np.int64)
    for i in chunks:
        rows = slice(i, i + 4096)
        same = (bits[rows] == bits[like[rows]]).all(axis=1)
        like[rows] = np.where(same, like[rows], np.arange(len(bits))[rows])
    return like


def _scaled(vectors: NDArray[np.float32], rows: Numbers) -> Rows:
    dtype = np.float64 if len(rows) <= _DOUBLE else np.float32
    found: Rows = vectors[rows].astype(dtype, copy=False)
    found /= np.sqrt(np.einsum("ij,ij->i", found, found))[:, None]
    return found


def _all_near(rows: Rows, threshold: float) -> bool:
    """Say whether every pair is surely above the threshold; then every merge is, too.

    Two rows that are each within half of the threshold's angle of a third vector are within all of
    it: enough for the pictures of a fixed camera, however many.
    """
    centre = rows.mean(axis=0, dtype=np.float64).astype(rows.dtype)
    to_centre = rows @ centre / max(float(np.linalg.norm(centre)), 1e-12)
    if to_centre.min() > np.sqrt((1 + threshold) / 2) + 1e-5:
        return True
    return len(rows) <= _SMALL and bool((rows @ rows.T).min() > threshold)


class _Groups:
    """The groups that may still merge: one place each, in the order of their first members."""

    def __init__(self, means: Rows, counts: Numbers, threshold: float) -> None:
        self.size = len(means)
        self.parent: Numbers = np.arange(self.size, dtype=np.int64)
        self._threshold = threshold
        self._means = means
        self._counts = counts.astype(np.float64)
        self._first = self.parent.copy()
        self._alive = np.ones(self.size, bool)
        # The place of each group's nearest, while known, and the cosine to it.
        self._nearest = np.full(self.size, _UNKNOWN, np.int64)
        self._cosine = np.zeros(self.size, means.dtype)
        self._chains = _MOST
        self._looked = self._merged = 0.0

    def step(self) -> None:
        """Look for some groups' nearest, then merge all pairs that are each other's nearest."""
        places = self._due()
        self._look(places)
        left = self._leave()
        a, b = self._mutual(stuck=not places.size and not left.size)
        self._merge(a, b)
        self._forget(np.concatenate([left, a, b]))
        self._adapt(places.size, a.size)
        if np.count_nonzero(self._alive) <= self.size * 15 // 16:
            self._compact()

    def _due(self) -> Numbers:
        """Choose whose nearest to look for: the ends of chains first, then new beginnings."""
        unknown = self._alive & (self._nearest == _UNKNOWN)
        ends = np.zeros(self.size, bool)
        ends[self._nearest[self._nearest != _UNKNOWN]] = True
        places = np.flatnonzero(unknown & ends)[: self._chains]
        more = np.flatnonzero(unknown & ~ends)[: self._chains - len(places)]
        return np.concatenate([places, more])

    def _look(self, places: Numbers) -> None:
        means, dead = self._means, np.flatnonzero(~self._alive)
        rows = max(1, _ROOM // (self.size * means.itemsize))
        for start in range(0, len(places), rows):
            chunk = places[start : start + rows]
            each = np.arange(len(chunk))
            cosines = means[chunk] @ means.T
            cosines[:, dead] = -2
            cosines[each, chunk] = -2
            # argmax takes the first of equals, so equal vectors meet at the lowest.
            self._nearest[chunk] = nearest = cosines.argmax(axis=1)
            self._cosine[chunk] = cosines[each, nearest]

    def _leave(self) -> Numbers:
        """Take out the groups that are final; nothing will come nearer to them."""
        known = self._alive & (self._nearest != _UNKNOWN)
        left = np.flatnonzero(known & (self._cosine <= self._threshold))
        self._alive[left] = False
        return left

    def _mutual(self, stuck: bool) -> tuple[Numbers, Numbers]:
        """Return the pairs that are each other's nearest, the lower place first."""
        known = np.flatnonzero(self._alive & (self._nearest != _UNKNOWN))
        other = self._nearest[known]
        pair = (self._nearest[other] == known) & (known < other) & self._alive[other]
        if not stuck or pair.any():
            return known[pair], other[pair]
        # All is known and nobody is met: a ring of ties that rounding broke in a circle.
        best = known[np.argmax(self._cosine[known]), None]
        ends = np.sort(np.concatenate([best, self._nearest[best]]))
        return ends[:1], ends[1:]

    def _merge(self, a: Numbers, b: Numbers) -> None:
        total = self._counts[a] + self._counts[b]
        share = (self._counts[b] / total).astype(self._means.dtype)[:, None]
        self._means[a] += (self._means[b] - self._means[a]) * share
        self._counts[a] = total
        self._alive[b] = False
        self.parent[self._first[b]] = self._first[a]

    def _forget(self, changed: Numbers) -> None:
        """Drop what was known about these places, and about those whose nearest they were."""
        stale = np.zeros(self.size, bool)
        stale[changed] = True
        known = self._nearest != _UNKNOWN
        stale[known] |= stale[self._nearest[known]]
        self._nearest[stale] = _UNKNOWN

    def _adapt(self, looked: int, merged: int) -> None:
        """Grow fewer chains when most end in the same place, where each merge undoes the others."""
        self._looked, self._merged = 0.8 * self._looked + looked, 0.8 * self._merged + merged
        fruitful = self._merged * 8 >= self._looked
        chains = self._chains * 2 if fruitful else self._chains // 2
        self._chains = min(max(chains, _FEWEST), _MOST)

    def _compact(self) -> None:
        """Close the gaps, in place: a second matrix might not fit."""
        kept = np.flatnonzero(self._alive)
        place = np.cumsum(self._alive) - 1
        for start in range(0, len(kept), 4096):
            chunk = kept[start : start + 4096]
            self._means[start : start + len(chunk)] = self._means[chunk]
        self.size = len(kept)
        self._means = self._means[: self.size]
        if self.size <= _DOUBLE:
            self._means = self._means.astype(np.float64, copy=False)
        nearest = self._nearest[kept]
        self._nearest = np.where(nearest == _UNKNOWN, _UNKNOWN, place[nearest])
        self._counts, self._first = self._counts[kept], self._first[kept]
        self._cosine = self._cosine[kept].astype(self._means.dtype)
        self._alive = np.ones(self.size, bool)
