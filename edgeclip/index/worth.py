"""Whether a graph is worth building here and now: measured, and not right after a failure."""

from __future__ import annotations

import time

from edgeclip.index.exact import Exact

SLOW_S = 0.025
"""Above this time of an exact search a graph is worth its memory."""
_LEAST_NUMBERS = 1 << 21
"""So many numbers (4,096 vectors of 512) are searched in no time; below, nothing is measured."""
_CHANGE = 1.2
_FIRST_WAIT_S, _LONGEST_WAIT_S = 60.0, 86_400.0


class Worth:
    """Tells whether exact search is too slow on this board."""

    def __init__(self, when: bool | None) -> None:
        """Begin without a measurement.

        Args:
            when: True, False: the answer, wherever there is something to search in; None: measure.
        """
        self._when = when
        self._count = 0
        self.slow = False
        """What was found last."""

    def now(self, exact: Exact) -> bool:
        """Return the answer, measured again when the size has changed by a fifth."""
        count = len(exact)
        if self._when is not None:
            self.slow = self._when and count > 0
        elif count * exact.dim < _LEAST_NUMBERS:
            self.slow = False
        elif not self._count / _CHANGE <= count <= self._count * _CHANGE:
            self._count, self.slow = count, seconds(exact) > SLOW_S
        return self.slow


class Patience:
    """Waits longer after each failure: what failed once mostly fails again."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0

    @property
    def left_s(self) -> float:
        """Seconds until the next try, 0 when it is time."""
        return max(0.0, self._until - time.monotonic())

    def failed(self) -> None:
        """Wait a minute after the first failure, then longer, up to a day."""
        self.at_least(min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 4**self._failures))
        self._failures += 1

    def at_least(self, wait_s: float) -> None:
        """Wait so long from now on."""
        self._until = max(self._until, time.monotonic() + wait_s)

    def succeeded(self) -> None:
        """Begin anew."""
        self._failures = 0


def seconds(exact: Exact) -> float:
    """Return how long an exact search takes here, the best of three."""
    query = exact.vectors(exact.ids()[:1])
    times = []
    for _ in range(3):
        start = time.perf_counter()
        exact.search(query, 10)
        times.append(time.perf_counter() - start)
    return min(times)
