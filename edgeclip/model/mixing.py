"""Mix words and example pictures into directions that tell classes apart.

Vectors of words and of pictures lie in two separate cones (Liang et al. 2022, "Mind the Gap"), so
they are never averaged as they are: each side is centred on its own mean, and differences from the
means are mixed.  What classes differ in is then weighed against how much pictures of one class
differ among themselves (linear discriminant analysis with a covariance shrunk towards a sphere).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeclip.vectors import Vector, unit

WEIGHTS = tuple(i / 10 for i in range(11))
"""Shares of the pictures that are tried; the rest is the words'."""
_SHRINKAGE = 0.8
"""Of the covariance: from a few pictures it is mostly noise."""
_LEAST = 1e-6

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """What the words say of ``k`` classes."""

    centre: Array
    """``(dim,)``: the mean of all vectors of words; what is made is put around it."""
    apart: Array
    """``(k, dim)``: what each class's words differ from the centre; 0 where there are none."""

    @property
    def reach(self) -> float:
        """How far words lie from their centre."""
        lengths = np.linalg.norm(self.apart, axis=1)
        told = lengths[lengths > _LEAST]
        return float(told.mean()) if len(told) else float(np.linalg.norm(self.centre))

    @property
    def silent(self) -> bool:
        """Whether they tell nothing apart, so that pictures alone count."""
        return not np.any(np.linalg.norm(self.apart, axis=1) > _LEAST)


def words(own: Sequence[Vector | None], others: Sequence[Vector]) -> Words:
    """Centre the vectors of words.

    Args:
        own: for each class ``(p, dim)`` of its prompts, or None for one that has no words.
        others: further ``(p, dim)`` of the same pack: what else competes.
    """
    means = [None if rows is None else _mean(rows) for rows in own]
    told = [*(mean for mean in means if mean is not None), *(_mean(r) for r in others if len(r))]
    centre = np.mean(told, axis=0)
    apart = [np.zeros_like(centre) if mean is None else mean - centre for mean in means]
    if len(told) == 1:
        apart = [np.zeros_like(centre) for _ in apart]
    return Words(centre, np.stack(apart))


def directions(pictures: Array, classes: NDArray[np.int64], said: Words) -> Array:
    """Learn a direction for each class, for each of `WEIGHTS`.

    Args:
        pictures: ``(n, dim)`` unit vectors.
        classes: ``(n,)`` numbers from 0 to ``k - 1``, each at least once.
        said: what the words say.

    Returns:
        ``(len(WEIGHTS), k, dim)`` of unit length, at right angles to the pictures' mean and to the
        words' centre: neither what all pictures share nor what all words share counts.
    """
    means = np.stack([pictures[classes == k].mean(axis=0) for k in range(len(said.apart))])
    centre = means.mean(axis=0)
    shown = means - centre
    told = said.apart * (np.linalg.norm(shown) / max(float(np.linalg.norm(said.apart)), _LEAST))
    both = _whitened(pictures - means[classes], np.concatenate([shown, told]), len(means))
    both = _cleared(both, centre, said.centre)
    shown, told = both[: len(means)], both[len(means) :]
    shares = np.array(WEIGHTS)[:, None, None]
    mixed = shares * shown + (1 - shares) * told
    lengths = np.linalg.norm(mixed, axis=-1, keepdims=True)
    found: Array = mixed / np.maximum(lengths, 1e-12)
    return found


def prototypes(direction: Array, said: Words, sharpness: float) -> Vector:
    """Put directions ``(…, dim)`` around the words' centre: unit vectors that words compete with.

    Args:
        direction: as `directions` returns them.
        said: what the words say.
        sharpness: how far from the centre, in units of the words' own reach.
    """
    return unit(said.centre + sharpness * said.reach * direction)


def _mean(rows: Vector) -> Array:
    mean: Array = unit(rows.mean(axis=0, dtype=np.float64)).astype(np.float64)
    return mean


def _whitened(residuals: Array, rows: Array, classes: int) -> Array:
    """Divide ``rows`` by the pooled covariance within classes, shrunk towards a sphere."""
    count, dim = residuals.shape
    spread = float(np.sum(residuals**2)) / max(1, count - classes)
    if spread < _LEAST:  # one picture of each class: nothing is known of their spread
        return rows
    ball = _SHRINKAGE * spread / dim
    part = (1 - _SHRINKAGE) / max(1, count - classes)
    if count < dim:  # the same in as many unknowns as there are pictures (Woodbury)
        inner = np.linalg.solve(
            np.eye(count) * ball / part + residuals @ residuals.T, residuals @ rows.T
        )
        apart: Array = (rows - (residuals.T @ inner).T) / ball
        return apart
    covariance = ball * np.eye(dim) + part * residuals.T @ residuals
    solved: Array = np.linalg.solve(covariance, rows.T).T
    return solved


def _cleared(rows: Array, *shared: Array) -> Array:
    """Take directions out of ``rows``."""
    basis, _ = np.linalg.qr(np.stack(shared).T)
    cleared: Array = rows - (rows @ basis) @ basis.T
    return cleared
