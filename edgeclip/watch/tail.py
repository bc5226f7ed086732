"""Tail: how high a background gets how rarely, beyond what was ever seen of it.

Peaks over threshold (Pickands 1975; Coles 2001, chapter 4): the excesses of independent peaks over
a high level follow a generalised Pareto distribution with a scale and a shape.  Both are known only
roughly after a short time, so the level that is wanted is the predictive one: the mean over what
the peaks leave open, on a grid, with the shape's prior of Martins and Stedinger (2000) in spirit: a
tail that is neither cut off hard nor endless.  A short look gives a higher level than a long one.

Peaks that do not belong to the background, as those of a rule that was true while it was learnt,
would lift the level above themselves.  So the peaks are taken for a mixture of the background and
of foreign ones, which may lie anywhere above it.  How likely each is foreign beforehand must be
told; how far that is to be believed is left open, too, and the peaks' own gaps decide.
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
_BELIEF = np.array([0.0, 0.1, 0.3, 0.6, 0.9, 0.98])
_BELIEF_PRIOR = np.array([0.15, 0.1, 0.15, 0.2, 0.2, 0.2])
"""How far what was told of foreign peaks is believed, and how likely that is beforehand."""


@dataclass(frozen=True, slots=True)
class Tail:
    """A fitted tail."""

    base: float
    """The level whose excesses were fitted."""
    rates: Floats
    """``(g,)``: peaks of the background above the base per unit of time, for each row of a grid."""
    scales: Floats
    """``(g,)``"""
    shapes: Floats
    """``(g,)``"""
    weights: Floats
    """``(g,)``: how likely each row is; their sum is 1."""

    def rate_above(self, level: float) -> float:
        """Return how many peaks per unit of time get above a level, at or above the base."""
        above = _share(max(level - self.base, 0.0), self.scales, self.shapes)
        return float(self.weights @ (self.rates * above))

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


def fit(
    peaks: Floats,
    base: float,
    watched: float,
    *,
    foreign: Floats | None = None,
    least_scale: float = 1e-9,
) -> Tail | None:
    """Fit the tail of a background.

    Args:
        peaks: ``(n,)``: the highest score of each episode above ``base``, in any order.
        base: a level that the background gets above often.
        watched: how long was watched, in the unit of time that rates are wanted in.
        foreign: ``(n,)``: how likely each peak is none of the background's; None: not at all.
        least_scale: no background is taken to be stiller than this.

    Returns:
        The tail, or None when there are fewer than `LEAST_PEAKS` peaks to go by.
    """
    above = np.asarray(peaks, np.float64) >= base
    excesses = np.asarray(peaks, np.float64)[above] - base
    if len(excesses) < LEAST_PEAKS or watched <= 0:
        return None
    told = np.zeros(len(excesses)) if foreign is None else np.asarray(foreign)[above]
    # The lower quarter, not the mean: foreign peaks may be many and far away.
    typical = max(float(np.quantile(excesses, 0.25)) / _QUARTER, least_scale)
    shapes, scales = (grid.ravel() for grid in np.meshgrid(_SHAPES, _SCALES * typical))
    scales = np.maximum(scales, least_scale)
    even = 1 / max(float(excesses.max()), typical)
    likely, counts = np.zeros((2, len(_BELIEF), len(shapes)))
    for start in range(0, len(excesses), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        more = _explained(excesses[some], told[some], even, scales, shapes)
        likely, counts = likely + more[0], counts + more[1]
    likely += np.log(_BELIEF_PRIOR)[:, None] - ((shapes - _SHAPE_MEAN) / _SHAPE_SPREAD) ** 2 / 2
    weights = np.exp(likely - likely.max())
    rows = len(_BELIEF)
    return Tail(
        base,
        (counts / watched).ravel(),
        np.tile(scales, rows),
        np.tile(shapes, rows),
        (weights / weights.sum()).ravel(),
    )


def _explained(
    excesses: Floats, told: Floats, even: float, scales: Floats, shapes: Floats
) -> tuple[Floats, Floats]:
    """Return two ``(b, g)``: how likely the peaks are, as a logarithm, and how many are own."""
    own = np.exp(_log_density(excesses, scales, shapes))
    shares = _BELIEF[:, None] * told
    likely = [_log(own * (1 - s)[:, None] + (even * s)[:, None]).sum(axis=0) for s in shares]
    return np.stack(likely), np.stack([_own_count(own, even, share) for share in shares])


def _own_count(own: Floats, even: float, share: Floats) -> Floats:
    """Return ``(g,)``: how many of the peaks are the background's."""
    mine = own * (1 - share)[:, None]
    count: Floats = (mine / np.maximum(mine + (even * share)[:, None], 1e-300)).sum(axis=0)
    return count


def _log(density: Floats) -> Floats:
    logarithm: Floats = np.log(np.maximum(density, 1e-300))
    return logarithm


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
