"""Groups of alike pictures: made by average linkage, joined by new pictures, named by words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeclip.index.centroids import THRESHOLD, add_to, check_threshold, parts
from edgeclip.index.components import Numbers, components, numbered, rows_of
from edgeclip.index.linkage import linked
from edgeclip.vectors import Vector, unit

__all__ = ["THRESHOLD", "Cluster", "Group", "cluster", "groups", "label"]

Named = tuple[str, float]
"""A word, and its cosine to what it names."""


@dataclass(frozen=True, slots=True)
class Group:
    """Vectors that belong together."""

    number: int
    """Its label."""
    members: Numbers
    """``(m,)`` row numbers, the nearest to the centroid first: that one represents the group."""
    cosines: Vector
    """``(m,)`` of each to the centroid."""
    centroid: Vector
    """``(dim,)`` float32, unit length: the direction of the sum of the members."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Items of an index that belong together."""

    number: int
    """Stays with the group while pictures come and go."""
    keys: tuple[str, ...]
    """The nearest to the centroid first: that one represents the group."""
    cosines: tuple[float, ...]
    """Of each to the centroid."""
    centroid: Vector
    """``(dim,)`` float32, unit length."""


def cluster(vectors: Vector, threshold: float = THRESHOLD) -> Numbers:
    """Group vectors by agglomerative clustering with average linkage, exactly.

    The groups are scikit-learn's ``AgglomerativeClustering(n_clusters=None, metric="cosine",
    linkage="average", distance_threshold=1 - threshold)``: while the mean cosine between two groups
    is above the threshold, the nearest two merge.  Nothing of size n² is ever held: groups cannot
    grow out of a connected component of cosine ≥ threshold, and inside one a group is its mean.
    The time is that of n²/2 dot products, or about five times that when one component holds most
    vectors; the memory is that of the vectors and up to three times as much again.  In a component
    of more than 16,384 vectors the first merges are decided in float32, so two cosines that differ
    by less than 1e-6 may change places there; everywhere else in float64.

    Args:
        vectors: ``(n, dim)`` float32 of about unit length (they are scaled).
        threshold: a cosine in [0, 1].

    Returns:
        ``(n,)`` int64 labels: the first vector has 0, the next that is in another group 1 …

    Raises:
        ValueError: the shape or the threshold is wrong, or a vector has no direction.
    """
    check_threshold(threshold)
    connected = components(vectors, threshold)
    first = np.arange(len(connected), dtype=np.int64)
    if threshold < 1:
        for rows in rows_of(connected):
            if len(rows) > 1:
                first[rows] = rows[linked(vectors[rows], threshold)]
    return numbered(first)


def groups(vectors: Vector, labels: NDArray[np.integer]) -> list[Group]:
    """Describe the groups that labels make.

    Args:
        vectors: ``(n, dim)`` float32 of about unit length.
        labels: ``(n,)`` whole numbers, as from ``cluster``.

    Returns:
        The groups, the largest first; equal ones by their number.

    Raises:
        ValueError: there are not as many labels as vectors, or a vector has no direction.
    """
    if vectors.ndim != 2 or labels.shape != (len(vectors),):
        raise ValueError(f"labels {labels.shape} do not fit vectors {vectors.shape}; give one each")
    rows = np.arange(len(labels))
    return described(labels, vectors.shape[1], lambda: [(rows, vectors)])


def described(
    labels: NDArray[np.integer],
    dim: int,
    pieces: Callable[[], Iterable[tuple[Numbers, Vector]]],
) -> list[Group]:
    """Describe the groups that labels make, without all vectors in one place.

    Args:
        labels: ``(n,)``.
        dim: numbers in a vector.
        pieces: yields row numbers, ``(m,)``, and their vectors, ``(m, dim)``.  It is asked twice,
            and rows that are missing the second time are left out.

    Returns:
        As `groups`.
    """
    numbers, places = np.unique(labels, return_inverse=True)
    sums = np.zeros((len(numbers), dim), np.float32)
    for rows, vectors in pieces():
        add_to(sums, places[rows], vectors)
    cosines = np.full(len(labels), np.nan, np.float32)
    directed = np.zeros(len(numbers), np.bool_)
    for rows, vectors in pieces():
        for part in parts(len(rows)):
            _direct(sums, directed, places[rows[part]], vectors[part])
            near = np.einsum("ij,ij->i", unit(vectors[part]), sums[places[rows[part]]])
            cosines[rows[part]] = near
    there = np.flatnonzero(~np.isnan(cosines))
    order = there[np.lexsort((-cosines[there], places[there]))]
    ends = np.flatnonzero(np.diff(places[order])) + 1
    members = np.split(order, ends) if len(order) else []
    found = [Group(int(numbers[places[m[0]]]), m, cosines[m], sums[places[m[0]]]) for m in members]
    return sorted(found, key=lambda group: (-len(group.members), group.number))


def label(centroids: Vector, word_vectors: Vector, words: Sequence[str]) -> list[Named]:
    """Name each group with the nearest of some words, however far that is.

    Args:
        centroids: ``(groups, dim)``.
        word_vectors: ``(words, dim)``, unit length, from the same model's text tower.
        words: as many names.

    Returns:
        One word a group, and its cosine to the centroid; of equally near words the first.

    Raises:
        ValueError: there are no words, or not as many as vectors.
    """
    if not words or word_vectors.shape[:1] != (len(words),):
        shape = word_vectors.shape
        raise ValueError(
            f"{len(words)} words do not fit vectors {shape}; give one each, at least 1"
        )
    cosines = centroids @ word_vectors.T
    nearest = np.argmax(cosines, axis=1).tolist()
    return [(words[i], float(row[i])) for row, i in zip(cosines, nearest, strict=True)]


def _direct(sums: Vector, directed: NDArray[np.bool_], places: Numbers, vectors: Vector) -> None:
    """Scale the sums of some groups to length 1, each once; ``directed`` knows which are."""
    few, first = np.unique(places, return_index=True)
    new = ~directed[few]
    few, first = few[new], first[new]
    directed[few] = True
    lengths = np.linalg.norm(sums[few], axis=1, keepdims=True)
    # Labels of the caller's own making may put opposites together.
    sums[few] = unit(np.where(lengths > 1e-6, sums[few], vectors[first]))
