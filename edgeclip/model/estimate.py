"""Estimates of how well classes are told apart, with 95 % intervals that stay honest when few."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Z = 1.959963984540054
"""Of 95 %."""
Interval = tuple[float, float]


def wilson(share: float, count: float) -> Interval:
    """Return the interval of a share that was seen ``count`` times (Wilson 1927)."""
    middle = share + Z * Z / (2 * count)
    reach = Z * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    whole = 1 + Z * Z / count
    return max(0.0, (middle - reach) / whole), min(1.0, (middle + reach) / whole)


def balanced_accuracy(right: Sequence[NDArray[np.bool_]]) -> tuple[float, Interval]:
    """Return the mean of the classes' shares of right answers, and its interval.

    Args:
        right: for each class, whether each of its pictures was answered right.
    """
    mean = float(np.mean([answers.mean() for answers in right]))
    # So many pictures tell as much as these do when the classes are not equally many.
    count = len(right) ** 2 / sum(1 / len(answers) for answers in right)
    return mean, wilson(mean, count)


def auc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> tuple[float, Interval]:
    """Return how often a positive scores above a negative, and its interval.

    The interval has every value that the variance of Hanley and McNeil (1982), taken at that value,
    does not exclude (Newcombe 2006, method 5): it keeps its width when all pairs are right.
    """
    above = np.sign(positive[:, None] - negative[None, :])
    found = float((above.mean() + 1) / 2)
    few, many = len(positive), len(negative)

    def reach(value: float) -> float:
        half = (few + many) / 2 - 1
        more = 1 + half * ((1 - value) / (2 - value) + value / (1 + value))
        return Z * math.sqrt(value * (1 - value) * more / (few * many))

    low = _crossing(lambda value: found - value - reach(value), 0.0, found)
    high = _crossing(lambda value: value - found - reach(value), 1.0, found)
    return found, (low, high)


def best_threshold(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Return the score that parts two sets best: equally many of each are right of all that are.

    Where several do, the middle of their range is returned.
    """
    steps = np.unique(np.concatenate([positive, negative]))
    cuts = np.concatenate([(steps[:-1] + steps[1:]) / 2, steps[-1:]])
    right = (positive[None] >= cuts[:, None]).mean(axis=1)
    right += (negative[None] < cuts[:, None]).mean(axis=1)
    best = np.flatnonzero(right >= right.max() - 1e-12)
    return float(cuts[best[(len(best) - 1) // 2]])


def _crossing(excluded: Callable[[float], float], far: float, near: float) -> float:
    """Return where a value stops to be excluded on the way from ``far`` to ``near``."""
    if excluded(far) <= 0:
        return far
    for _ in range(60):
        middle = (far + near) / 2
        far, near = (middle, near) if excluded(middle) > 0 else (far, middle)
    return near
