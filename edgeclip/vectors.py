"""Arithmetic on unit vectors: no files, no models.

Vectors are float32 numpy arrays, ``(dim,)`` for one and ``(n, dim)`` for many.  On unit vectors the
dot product is the cosine, so ``a @ b`` compares two of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float32]

# The least length that can be scaled to 1 without amplifying rounding noise.
_LEAST_NORM = 1e-12


@dataclass(frozen=True, slots=True)
class Match:
    """One answer: what was found and how well it fits."""

    key: str
    """The label, file or item that matches."""
    score: float
    """A cosine in [-1, 1] from a search, a probability in [0, 1] from a classifier."""
    metadata: Mapping[str, Any] | None = None
    """What was stored with the item, if anything."""


def unit(vectors: ArrayLike) -> Vector:
    """Scale vectors to length 1 along their last axis.

    Args:
        vectors: ``(dim,)`` or ``(n, dim)``, any real dtype.

    Returns:
        float32 of the same shape; each vector has L2 norm 1.

    Raises:
        ValueError: a vector is zero or not finite, so it has no direction.
    """
    array = np.asarray(vectors, dtype=np.float64)
    norm = np.sqrt(np.sum(array * array, axis=-1, keepdims=True))
    if not np.all(np.isfinite(norm)) or np.any(norm < _LEAST_NORM):
        raise ValueError("a vector of length zero or with non-finite values has no direction")
    scaled: Vector = (array / norm).astype(np.float32)
    return scaled


def softmax(logits: ArrayLike) -> Vector:
    """Turn logits into probabilities along the last axis.

    Args:
        logits: any shape, finite.

    Returns:
        float32 of the same shape, each row in [0, 1] and summing to 1.
    """
    array = np.asarray(logits, dtype=np.float64)
    powers = np.exp(array - array.max(axis=-1, keepdims=True))
    shares: Vector = (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
    return shares


def ranked(keys: Iterable[str], scores: ArrayLike, count: int | None = None) -> list[Match]:
    """Return matches, best first; equal scores keep the order of their keys.

    Args:
        keys: ``n`` names.
        scores: ``(n,)`` numbers; higher is better.
        count: how many to return; all of them when None.

    Raises:
        ValueError: there are not as many scores as keys.
    """
    names = list(keys)
    values = np.asarray(scores, dtype=np.float32)
    if values.shape != (len(names),):
        raise ValueError(f"{len(names)} keys need {len(names)} scores, not shape {values.shape}")
    order = np.argsort(-values, kind="stable")[:count]
    return [Match(names[i], float(values[i])) for i in order]
