"""Clock: a steady time that carries on over restarts, and what the wall clock made of it.

A board without a clock chip begins each start in the past and jumps to today when a time server
answers; a wall clock may also be set back.  So everything is measured, ordered and aged by the
steady time; the wall clock only names moments, and is asked when they are told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime

_OLDEST = datetime(2024, 1, 1).timestamp()


class Clock:
    """Tell steady and wall time.

    Args:
        monotonic: seconds that never go back, as ``Frame.time`` counts them.
        wall: seconds since 1970.
    """

    recorded = False
    """Whether it tells the times of a recording."""

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._monotonic, self._wall = monotonic, wall
        self._offset = -monotonic()

    def restore(self, kept: Mapping[str, float]) -> None:
        """Carry on from what `record` returned in the run before.

        How long the board was off does not count: only the wall clock could tell.
        """
        self._offset = kept["steady"] - self._monotonic()

    def steady(self, moment: float | None = None) -> float:
        """Return the steady time of a monotonic one; None: of now."""
        return (self._monotonic() if moment is None else moment) + self._offset

    def local(self, moment: float) -> datetime:
        """Return the local time of a monotonic one, as the wall clock counts now."""
        return datetime.fromtimestamp(self._wall() - (self._monotonic() - moment)).astimezone()

    def when(self, steady: float) -> datetime:
        """Return the local time of a steady one of this run, as the wall clock counts now."""
        return self.local(steady - self._offset)

    @property
    def is_set(self) -> bool:
        """Whether the wall clock can be right: a board without a clock chip starts long ago."""
        return self._wall() >= _OLDEST

    def record(self) -> dict[str, float]:
        """Return what the next run needs to carry on."""
        return {"steady": self.steady()}


class RecordedClock(Clock):
    """Tell the times of a recording, whose frames begin at 0 and come as fast as they can be read.

    Args:
        begin: seconds since 1970 of its beginning, as somebody says; None: now.
    """

    recorded = True

    def __init__(self, begin: float | None = None) -> None:
        self._given = begin is not None
        self._begin = time.time() if begin is None else begin
        self._last = 0.0
        super().__init__(monotonic=lambda: self._last, wall=lambda: self._begin + self._last)

    def steady(self, moment: float | None = None) -> float:
        """Return the steady time of a frame's; None: of the last frame that was asked about."""
        if moment is not None:
            self._last = moment
        return super().steady(moment)

    @property
    def is_set(self) -> bool:
        """Whether its times can be right: a beginning that was given may lie long ago."""
        return self._given or super().is_set
