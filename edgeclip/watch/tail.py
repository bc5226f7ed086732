"""Tail: how high a background gets how rarely, beyond what was ever seen of it.

Peaks over threshold (Pickands 1975; Coles 2001, chapter 4): the excesses of independent peaks over
a high level follow a generalised Pareto distribution with a scale and a shape.  Both are known only
roughly after a short time, so the level that is wanted is the predictive one: the mean over what
the peaks leave open, on a grid, with the shape's prior of Martins and Stedinger (2000) in spirit: a
tail that is neither cut off hard nor endless.  A short look gives a higher level than a long one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_PEAKS = 12
"""Fewer say nothing about a scale and a shape."""
_SHAPE_MEAN, _SHAPE_SPREAD = -0.05, 0.12
_SHAPES = np.linspace(-0.45, 0.35, 17)
_SCALES = np.geomspace(0.2, 8.0, 33)
"""Times the typical excess."""
_QUARTER = -np.log(0.75)
"""A quarter of the excesses of an exponential tail are below so many times its scale."""
_AT_ONCE = 32
"""Peaks: all of a week at once would take 60 MB where many alerts a day are tolerated."""


@dataclass(frozen=True, slots=True)
class Tail:
    """A fitted tail."""

    base: float
    """The level whose excesses were fitted."""
    rate: float
    """Peaks above the base per unit of time."""
    scales: Floats
    """``(g,)``, of a grid."""
    shapes: Floats
    """``(g,)``"""
    weights: Floats
    """``(g,)``: how likely each row is; their sum is 1."""

    def rate_above(self, level: float) -> float:
        """Return how many peaks per unit of time get above a level, at or above the base."""
        above = _share(max(level - self.base, 0.0), self.scales, self.shapes)
        return self.rate * float(self.weights @ above)

    def level(self, rate: float) -> float:
        """Return the level that so many peaks per unit of time get above."""
        if rate >= self.rate_above(self.base):
            return self.base
        low, high = self.base, self.base + float(self.scales.max())
        while self.rate_above(high) > rate:
            low, high = high, high + 2 * (high - self.base)
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self.rate_above(middle) > rate else (low, middle)
        return high


def fit(peaks: Floats, base: float, watched: float, *, least_scale: float = 1e-9) -> Tail | None:
    """Fit the tail of a background.

    Args:
        peaks: ``(n,)``: the highest score of each episode above ``base``, in any order.
        base: a level that the background gets above often.
        watched: how long was watched, in the unit of time that rates are wanted in.
        least_scale: no background is taken to be stiller than this.

    Returns:
        The tail, or None when there are fewer than `LEAST_PEAKS` peaks to go by.
    """
    excesses = np.asarray(peaks, np.float64) - base
    excesses = excesses[excesses >= 0]
    if len(excesses) < LEAST_PEAKS or watched <= 0:
        return None
    typical = max(float(np.quantile(excesses, 0.25)) / _QUARTER, least_scale)
    shapes, scales = (grid.ravel() for grid in np.meshgrid(_SHAPES, _SCALES * typical))
    scales = np.maximum(scales, least_scale)
    likely = -(((shapes - _SHAPE_MEAN) / _SHAPE_SPREAD) ** 2) / 2
    for start in range(0, len(excesses), _AT_ONCE):
        some = _log_density(excesses[start : start + _AT_ONCE], scales, shapes)
        likely = likely + np.maximum(some, -1e3).sum(axis=0)
    weights = np.exp(likely - likely.max())
    return Tail(base, len(excesses) / watched, scales, shapes, weights / weights.sum())


def _log_density(excesses: Floats, scales: Floats, shapes: Floats) -> Floats:
    """Return ``(n, g)`` logarithms of the generalised Pareto density; -inf where it ends before."""
    scaled = excesses[:, None] / scales
    small = np.abs(shapes) < 1e-6
    inner = np.where(small, 1.0, 1 + shapes * scaled)
    with np.errstate(divide="ignore", invalid="ignore"):
        powers = np.where(small, -scaled, -(1 + 1 / np.where(small, 1, shapes)) * np.log(inner))
    density: Floats = np.where(inner > 0, powers, -np.inf) - np.log(scales)
    return density


def _share(excess: float, scales: Floats, shapes: Floats) -> Floats:
    """Return ``(g,)``: the share of the excesses that lie above one."""
    scaled = excess / scales
    small = np.abs(shapes) < 1e-6
    inner = np.maximum(np.where(small, 1.0, 1 + shapes * scaled), 0.0)
    with np.errstate(divide="ignore"):
        powers = np.where(small, -scaled, -np.log(inner) / np.where(small, 1, shapes))
    # Beyond the end of a bounded tail nothing is left.
    return np.where(inner > 0, np.exp(powers), 0.0)
