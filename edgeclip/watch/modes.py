"""Modes: peaks that are no background's, told by the valley below them.

A background gets high the more rarely, the higher: its peaks thin out.  Where they get denser again
with the score, something else begins: the times at which the rule was really true.  So a valley is
looked for, below which there are fewer peaks than above it, and more than chance explains.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_WIDTHS = (1.0, 1.5, 2.5)
_STEP = 0.1
_FEWEST = 3
_CHANCE_EMPTY, _CHANCE = 0.13, 0.02
"""So likely may the peaks above be by chance, over an empty valley and over one that is not: a wide
background has many small dents.  Three peaks over none are enough."""


def valley(peaks: Floats, low: float, floor: float) -> float | None:
    """Return the level above which peaks are no background's, or None when there is none.

    Args:
        peaks: the highest score of each episode above ``low``, in any order.
        low: the background gets above it often; nothing is known of what lies below.
        floor: no valley lies below it.
    """
    ordered = np.sort(peaks)
    least, found = 1.0, None
    top = float(ordered[-1]) if len(ordered) else floor
    for cut in np.arange(floor, top, _STEP):
        for width in _WIDTHS:
            if cut - width < low:
                continue
            ends = np.searchsorted(ordered, (cut - width, cut, cut + width), "right")
            below, above = np.diff(ends)
            chance = _chance(int(above), int(below))
            most = _CHANCE if below else _CHANCE_EMPTY
            if above >= _FEWEST and chance < min(least, most):
                least, found = chance, float(cut)
    return found


def _chance(above: int, below: int) -> float:
    """Return how likely so many of both are above, or more, if one half were as likely."""
    count = above + below
    if not count:
        return 1.0
    # The normal approximation, with half a count for continuity.
    return math.erfc((above - 0.5 - count / 2) / math.sqrt(count / 2)) / 2
