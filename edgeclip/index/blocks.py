"""Blocks of vectors in RAM: float32, or int8 with a scale for each vector.

Rows are only ever added behind the last one, so a search may read a block while another thread
fills it; a block that loses rows is replaced by a new one.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgeclip.vectors import Vector

ROWS = 32_768
"""Rows of a block: 64 MB of float32 at 512 numbers, of which only what is used takes memory."""
# Converted rows of this many numbers stay in the cache of a small CPU until they are multiplied.
_CHUNK_NUMBERS = 1 << 17
_INT8_MAX = 127

Ids = NDArray[np.int64]


class Block(Protocol):
    """Some rows: their ids, rising, which of them are alive, and their vectors."""

    ids: Ids
    alive: NDArray[np.bool_]

    def write(self, start: int, vectors: Vector) -> None:
        """Fill rows from ``start``."""

    def score(self, queries: Vector, scores: Vector) -> None:
        """Fill ``(q, count)`` with the cosines of the first ``count`` rows."""

    def read(self, rows: NDArray[np.int64]) -> Vector:
        """Return the vectors of some rows, as exactly as they are kept here."""


class Fp32Block:
    """Vectors as they are."""

    def __init__(self, dim: int) -> None:
        self.ids = np.zeros(ROWS, np.int64)
        self.alive = np.zeros(ROWS, np.bool_)
        self._vectors = np.empty((ROWS, dim), np.float32)

    def write(self, start: int, vectors: Vector) -> None:
        """Fill rows from ``start``."""
        self._vectors[start : start + len(vectors)] = vectors

    def score(self, queries: Vector, scores: Vector) -> None:
        """Fill ``(q, count)`` with the cosines of the first ``count`` rows."""
        vectors = self._vectors[: scores.shape[1]]
        if len(queries) == 1:  # a product of matrix and vector reads the block once, in order
            np.matmul(vectors, queries[0], out=scores[0])
        else:
            np.matmul(queries, vectors.T, out=scores)

    def read(self, rows: NDArray[np.int64]) -> Vector:
        """Return the vectors of some rows."""
        return self._vectors[rows]


class Int8Block:
    """Vectors in 8 bits a number: a quarter of the memory, right to about 0.005 in a cosine."""

    def __init__(self, dim: int) -> None:
        self.ids = np.zeros(ROWS, np.int64)
        self.alive = np.zeros(ROWS, np.bool_)
        self._codes = np.empty((ROWS, dim), np.int8)
        self._scales = np.empty(ROWS, np.float32)
        self._chunk = max(1, _CHUNK_NUMBERS // dim)

    def write(self, start: int, vectors: Vector) -> None:
        """Fill rows from ``start``; each vector's greatest number becomes ±127."""
        scales = np.abs(vectors).max(axis=1, keepdims=True) / _INT8_MAX
        rows = slice(start, start + len(vectors))
        self._codes[rows] = np.rint(vectors / scales)
        self._scales[rows] = scales[:, 0]

    def score(self, queries: Vector, scores: Vector) -> None:
        """Fill ``(q, count)`` with the cosines of the first ``count`` rows, chunk by chunk."""
        count = scores.shape[1]
        for start in range(0, count, self._chunk):
            stop = min(count, start + self._chunk)
            codes = self._codes[start:stop].astype(np.float32)
            scores[:, start:stop] = (codes @ queries.T).T * self._scales[start:stop]

    def read(self, rows: NDArray[np.int64]) -> Vector:
        """Return the vectors of some rows, as near as 8 bits come."""
        found: Vector = self._codes[rows].astype(np.float32) * self._scales[rows, None]
        return found
