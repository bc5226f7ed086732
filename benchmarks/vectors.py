"""Vectors as CLIP makes them: clusters of pictures, a few loose ones, and two kinds of queries."""

from __future__ import annotations

import numpy as np

from edgeclip.vectors import Vector, unit

DIM = 512
_CENTRES, _LOOSE = 1000, 0.2
_NOISE, _QUERY_NOISE = 0.6, 0.5
_PART = 50_000


def clustered(count: int, seed: int = 1) -> Vector:
    """Return ``(count, 512)`` unit vectors around 1,000 centres; every fifth belongs to none.

    Within a cluster cosines are about 0.74.  They are rounded to fp16, as an index keeps them, so
    that every library here searches the same numbers.
    """
    random = np.random.default_rng(seed)
    centres = _centres()
    parts = []
    for start in range(0, count, _PART):
        size = min(_PART, count - start)
        noise = unit(random.standard_normal((size, DIM), np.float32))
        chosen = centres[random.integers(0, _CENTRES, size)]
        part = unit(chosen + _NOISE * noise)
        loose = random.random(size) < _LOOSE
        part[loose] = noise[loose]
        parts.append(part.astype(np.float16))
    return np.concatenate(parts).astype(np.float32)


def queries(count: int, seed: int = 2) -> Vector:
    """Return ``(count, 512)`` queries: half like further pictures, half like words.

    A text's vector lies far from all pictures (the modality gap): its best cosines are about 0.3.
    """
    random = np.random.default_rng(seed)
    noise = unit(random.standard_normal((count, DIM), np.float32))
    near = unit(_centres()[random.integers(0, _CENTRES, count)] + _QUERY_NOISE * noise)
    away = unit(random.standard_normal(DIM, np.float32))
    words = unit(0.35 * near + 0.8 * away + 0.3 * noise)
    return np.where(np.arange(count)[:, None] % 2 == 0, near, words).astype(np.float32)


def _centres() -> Vector:
    return unit(np.random.default_rng(0).standard_normal((_CENTRES, DIM), np.float32))
