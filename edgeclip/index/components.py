"""Pairs of vectors with a high cosine, and what they connect, without the matrix of all pairs.

Rows are multiplied block by block: n²/2 products, but never more than one block of them in memory.
A cosine here is a float32 product, right to about 1e-6; one that misses the threshold by less than
that counts as reaching it, so that equal vectors reach a threshold of 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclip.vectors import Vector

Numbers = NDArray[np.int64]

# Rows a block: its products take 36 MiB and the two masks over them 9 MiB each.
_BLOCK = 3072
# The most pairs that are listed at once (as two int64 and one float32: 10 MiB).
_PAIRS = 1 << 19
ROUNDING = 1e-6


def components(vectors: Vector, threshold: float) -> Numbers:
    """Find the connected components of the graph that joins rows with cosine ≥ threshold.

    Args:
        vectors: ``(n, dim)`` float32 of about unit length; cosines are taken, so it need not be 1.
        threshold: a cosine in [-1, 1].

    Returns:
        ``(n,)`` int64: 0 for the component of the first row, 1 for the next that is met, and so on.

    Raises:
        ValueError: the shape or the threshold is wrong, or a vector has no direction.
    """
    parent = np.arange(len(_checked(vectors, threshold)), dtype=np.int64)
    for i, j, cosines in _blocks(vectors, parent):
        _join(parent, i, j, cosines >= threshold - ROUNDING)
    return numbered(parent)


def pairs(vectors: Vector, threshold: float) -> Iterator[tuple[Numbers, Numbers, Vector]]:
    """Yield all pairs of rows with cosine ≥ threshold, a bounded number at a time.

    Args:
        vectors: as for ``components``.
        threshold: a cosine in [-1, 1].

    Yields:
        ``(i, j, cosines)``: row numbers with ``i < j``, and float32, all ``(pairs,)``; at most half
        a million pairs.

    Raises:
        ValueError: as for ``components``.
    """
    for start, other, cosines in _blocks(_checked(vectors, threshold)):
        near = cosines >= threshold - ROUNDING
        if start == other:
            near = np.triu(near, 1)
        many = np.count_nonzero(near) > _PAIRS
        rows = max(1, _PAIRS // near.shape[1]) if many else len(near)
        for row in range(0, len(near), rows):
            i, j = np.nonzero(near[row : row + rows])
            if i.size:
                yield start + row + i, other + j, cosines[row + i, j]


def unite(parent: Numbers, a: Numbers, b: Numbers) -> None:
    """Join ``a[k]`` with ``b[k]`` for every k.

    Args:
        parent: ``(n,)`` the lowest row that each row is known to be connected with; changed.
        a: row numbers.
        b: as many row numbers.
    """
    while True:
        a, b = parent[a], parent[b]
        apart = a != b
        if not apart.any():
            return
        a, b = a[apart], b[apart]
        # A higher root hangs on a lower one, so no ring can form.  Of several assignments to one
        # root the last holds; the pairs behind the others come round again.
        parent[np.maximum(a, b)] = np.minimum(a, b)
        _flatten(parent)


def numbered(parent: Numbers) -> Numbers:
    """Turn the lowest row of each component into 0, 1, 2 …, in the same order."""
    return np.unique(parent, return_inverse=True)[1].reshape(-1).astype(np.int64)


def rows_of(labels: NDArray[np.integer[Any]]) -> list[Numbers]:
    """Return the row numbers of each label, ascending; the labels ascending too."""
    order = np.argsort(labels, kind="stable")
    ends = np.flatnonzero(np.diff(labels[order])) + 1
    return list(np.split(order, ends)) if order.size else []


def _flatten(parent: Numbers) -> None:
    while True:
        above = parent[parent]
        if np.array_equal(above, parent):
            return
        parent[:] = above


def _checked(vectors: Vector, threshold: float) -> Vector:
    if vectors.ndim != 2:
        raise ValueError(f"vectors have shape {vectors.shape}; give them as rows, (n, dim)")
    if not -1 <= threshold <= 1:
        raise ValueError(f"a threshold of {threshold} is no cosine; give one in [-1, 1]")
    return vectors


def _blocks(vectors: Vector, parent: Numbers | None = None) -> Iterator[tuple[int, int, Vector]]:
    """Yield ``(first row, first row of the others, cosines)``; each block overwrites the last.

    With ``parent``, blocks whose rows are all connected already are left out.
    """
    length = _lengths(vectors)[:, None]
    room = np.empty(min(_BLOCK, len(vectors)) ** 2, np.float32)
    for i in range(0, len(vectors), _BLOCK):
        left = vectors[i : i + _BLOCK] / length[i : i + _BLOCK]
        for j in range(i, len(vectors), _BLOCK):
            if parent is not None and _is_one(parent, i, j):
                continue
            right = vectors[j : j + _BLOCK] / length[j : j + _BLOCK]
            cosines = room[: len(left) * len(right)].reshape(len(left), len(right))
            yield i, j, np.matmul(left, right.T, out=cosines)


def _lengths(vectors: Vector) -> Vector:
    """Return the length of each row, ``(n,)`` float32.

    Raises:
        ValueError: a vector is zero or not finite, so it has no direction.
    """
    found: Vector = np.sqrt(np.einsum("ij,ij->i", vectors, vectors)).astype(np.float32)
    if not np.all(np.isfinite(found)) or np.any(found < 1e-12):
        raise ValueError("a vector of length zero or with non-finite values has no direction")
    return found


def _is_one(parent: Numbers, i: int, j: int) -> bool:
    rows, others = parent[i : i + _BLOCK], parent[j : j + _BLOCK]
    return bool((rows == rows[0]).all() and (others == rows[0]).all())


def _join(parent: Numbers, i: int, j: int, near: NDArray[np.bool_]) -> None:
    """Unite the rows from i with the rows from j that are near.

    Of a fixed camera's pictures all pairs are near, millions a block.  So only pairs that are not
    connected yet are listed, those of a few rows at a time: a row or two connects nearly all.
    """
    while True:
        rows, others = parent[i : i + near.shape[0]], parent[j : j + near.shape[1]]
        near &= rows[:, None] != others
        some = np.flatnonzero(near.any(axis=1))
        if not some.size:
            return
        some = some[: _enough(near, some)]
        row, other = np.divmod(np.flatnonzero(near[some]), near.shape[1])
        unite(parent, rows[some][row], others[other])


def _enough(near: NDArray[np.bool_], some: Numbers) -> int:
    """Return how many of these rows hold as many pairs as may be listed, at least 1."""
    if np.count_nonzero(near) <= _PAIRS:
        return len(some)
    rows: int = max(1, _PAIRS // near.shape[1])
    return rows
