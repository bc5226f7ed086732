"""Vectors, an index of them, and what a search must find."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgeclip.index.index import Index
from edgeclip.vectors import Vector

DIM = 32
SPACE = "5" * 64


def units(count: int, dim: int = DIM, seed: int = 0) -> Vector:
    """Random directions, ``(count, dim)``."""
    found = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def vector_of(name: object, dim: int = DIM) -> Vector:
    """The same direction each time for the same name."""
    return units(1, dim, zlib.crc32(str(name).encode("utf-8", "surrogateescape")))[0]


def stored(vector: Vector) -> Vector:
    """A vector after it was kept in 16 bits a number."""
    return vector.astype(np.float16).astype(np.float32)


def opened(folder: Path, space: str | None = SPACE, **options: Any) -> Index:
    """Open an index that is searched exactly."""
    return Index.open(folder, space, **({"hnsw": False} | options))


def filled(folder: Path, count: int, dim: int = DIM, **options: Any) -> dict[str, Vector]:
    """Make an index and return what is in it."""
    items = {f"{number:04}.jpg": vector_of(number, dim) for number in range(count)}
    with opened(folder, **options) as index:
        index.add_many((key, v, {"n": int(key[:4])}) for key, v in items.items())
    return items


def check(index: Index, wanted: Mapping[str, Vector]) -> None:
    """Check keys, bits of the vectors, and some searches against brute force."""
    assert sorted(index) == sorted(wanted) and len(index) == len(wanted) == index.count()
    for key, vector in wanted.items():
        item = index.get(key)
        assert item is not None and np.array_equal(item.vector, stored(vector)), key
    keys, table = index.vectors()
    assert sorted(keys) == sorted(wanted)
    if wanted:
        assert all(
            np.array_equal(row, stored(wanted[key])) for key, row in zip(keys, table, strict=True)
        )
        for number in range(5):
            check_search(index, wanted, vector_of(f"query {number}", table.shape[1]))


def check_search(index: Index, wanted: Mapping[str, Vector], query: Vector, count: int = 7) -> None:
    """Compare one search with brute force."""
    found = index.search(query, count=count)
    keys = list(wanted)
    scores = np.array([stored(wanted[key]) for key in keys]) @ query
    best = np.sort(scores)[::-1][:count]
    assert np.allclose([match.score for match in found], best, atol=1e-5)
    assert len({match.key for match in found}) == len(found)
    for match in found:
        assert abs(match.score - scores[keys.index(match.key)]) < 1e-5
