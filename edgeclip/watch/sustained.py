"""Sustained: the scores that were held for the minimum duration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SILENCE_S = 60.0
"""What was before a longer one says nothing of now."""
_STEPS = 16
"""Parts of the duration in which frames are not told apart: hundreds a second cost no memory."""

Scores = NDArray[np.float32]


class Sustained:
    """The least scores since at least ``duration`` seconds ago, whatever the frame rate is.

    A threshold below one has been passed for that long.  When frames are farther apart than the
    duration, it takes two of them.
    """

    def __init__(self, duration: float) -> None:
        self._duration = duration
        # When a part of the duration began, and the least scores in it.
        self._parts: list[tuple[float, Scores]] = []
        self._seen = 0.0

    def __call__(self, time: float, scores: Scores) -> Scores | None:
        """Take in ``(n,)`` scores; return the sustained ones, None when it is too soon to tell."""
        if self._parts and not 0 <= time - self._seen <= self._duration + SILENCE_S:
            self.forget()
        self._seen = time
        if self._parts and time - self._parts[-1][0] < self._duration / _STEPS:
            begin, least = self._parts[-1]
            self._parts[-1] = begin, np.minimum(least, scores)
        else:
            self._parts.append((time, scores))
        while len(self._parts) > 1 and self._parts[1][0] <= time - self._duration:
            del self._parts[0]
        if time - self._parts[0][0] < self._duration:
            return None
        held: Scores = np.min([least for _, least in self._parts], axis=0)
        return held

    def forget(self) -> None:
        """Begin anew: what was before a gap says nothing of now."""
        self._parts.clear()
