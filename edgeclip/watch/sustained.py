"""Sustained: the score that a rule has held for its minimum duration."""

from __future__ import annotations

from collections import deque

SILENCE_S = 60.0
"""What was before a longer one says nothing of now."""


class Sustained:
    """The least score since at least ``duration`` seconds ago, whatever the frame rate is.

    A threshold below it has been passed for that long.  When frames are farther apart than the
    duration, it takes two of them.
    """

    def __init__(self, duration: float) -> None:
        self._duration = duration
        # Times and scores; the scores rise from the left, so the first is the least (a monotonic
        # queue).
        self._scores: deque[tuple[float, float]] = deque()
        self._times: deque[float] = deque()

    def __call__(self, time: float, score: float) -> float | None:
        """Take in a score; return the sustained one, or None when it is too soon to tell."""
        if self._times and not 0 <= time - self._times[-1] <= self._duration + SILENCE_S:
            self.forget()
        self._times.append(time)
        while len(self._times) > 1 and self._times[1] <= time - self._duration:
            self._times.popleft()
        while self._scores and self._scores[-1][1] >= score:
            self._scores.pop()
        self._scores.append((time, score))
        first = self._times[0]
        while self._scores[0][0] < first:
            self._scores.popleft()
        if time - first < self._duration:
            return None
        return self._scores[0][1]

    def forget(self) -> None:
        """Begin anew: what was before a gap says nothing of now."""
        self._times.clear()
        self._scores.clear()
