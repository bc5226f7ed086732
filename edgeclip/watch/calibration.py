"""Calibration: which score a camera's own background reaches as rarely as is wanted.

"At most one false alert a day" at a frame a second is a share of one in 86,400, which no quantile
of a warm-up reaches.  So it is not frames that are counted but episodes: the greatest sustained
score of each half minute is kept, neighbouring high ones are one episode, and the tail of the
episodes' peaks says how high the background gets once in the time that is wanted
(`edgeclip.watch.tail`).  Blocks of time, not frames, so that another frame rate changes nothing.

All of the last week counts, whatever was taken for an alert in it.  A rule that was often true in
it is bounded by what other words reach, see `edgeclip.watch.decoys`.  Below a log-odds of 0 the
model itself finds something else more likely: scores up to there never alert.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclip.watch import state, tail
from edgeclip.watch.sustained import Sustained

_DAY_S = 86_400.0
_BLOCK_S = 30.0
_DAY_BLOCKS = round(_DAY_S / _BLOCK_S)
_MOST_BLOCKS = 7 * _DAY_BLOCKS
_LEAST_REFIT_S, _MOST_REFIT_S = 600.0, 3600.0
"""A fit takes tens of milliseconds on a small board, and a day changes little of a week."""
_TIMES_RATE, _FEWEST = 40, 20
"""The tail is that of the episodes that come so many times as often as alerts may, or of a few."""
_SHARES = np.geomspace(0.002, 0.5, 40)
_APART = 2
"""Blocks below the base that end an episode."""
_FLOOR = 0.0
"""Scores up to here never alert: something else is as likely."""
_OFTEN, _CLEAR = 0.75, 2.5
"""A threshold is so much (12 times as likely) above what a quarter of the half minutes reach, for
day and night differ: where a rule is near it for hours, whatever comes lifts it above."""
_AIM = 0.7
"""Of the rate that is wanted."""
_LEAST_SCALE = 0.1
"""Of the tail, in units of the score; a scene may stand quite still while it is learnt."""
_LEAST_WARM_UP_S, _MOST_WARM_UP_S = 1200.0, _DAY_S


class Calibration:
    """Learn the threshold of one rule on one camera.

    Args:
        false_alerts: how many a day are tolerated.
        min_duration: seconds for which a score must be held to count.
    """

    def __init__(self, false_alerts: float, min_duration: float) -> None:
        self._rate = false_alerts
        self._sustained = Sustained(min_duration)
        self._blocks = np.full(_MOST_BLOCKS, np.nan, np.float32)
        self._filled = 0
        self._block: int | None = None
        self._highest = -np.inf
        self._fitted = -np.inf
        self.threshold: float | None = None
        """What a score must get above; None while it is being learnt."""
        self.usual = 0.0
        """The median of the background."""
        self._often = 0.0

    @property
    def warm_up_s(self) -> float:
        """How many seconds must be watched before there is a threshold.

        The time for which one alert is promised, so that none is told in advance for longer than
        was watched; but a day at most, which has seen all that comes with the sun.
        """
        return min(max(_DAY_S / self._rate, _LEAST_WARM_UP_S), _MOST_WARM_UP_S)

    @property
    def watched_s(self) -> float:
        """How long was watched, at most a week."""
        return min(self._filled, _MOST_BLOCKS) * _BLOCK_S

    @property
    def learnt(self) -> float:
        """Return how much of the warm-up is done, from 0 to 1."""
        return min(1.0, self.watched_s / self.warm_up_s)

    def bounded(self, level: float | None) -> float | None:
        """Return the threshold, no higher than a level that other words do not reach.

        The level is no bound where the rule itself is near it for hours.
        """
        if self.threshold is None or level is None:
            return self.threshold
        return min(self.threshold, max(level, self._often + _CLEAR, _FLOOR))

    def observe(self, time: float, score: float) -> None:
        """Take in a score.

        Args:
            time: seconds on a clock that only grows.
            score: of the rule, of a frame that was looked at or has not changed since.
        """
        held = self._sustained(time, np.array([score], np.float32))
        if held is None:
            return
        block = math.floor(time / _BLOCK_S)
        if block != self._block:
            self._close_block(block)
        self._highest = max(self._highest, float(held[0]))
        due = self.threshold is None and self.learnt >= 1
        if due or not self._fitted <= time < self._fitted + self._refit_s:
            self._fitted = time
            self._fit()

    def forget_moment(self) -> None:
        """Note that the camera was away: what was before says nothing of now."""
        self._sustained.forget()

    def record(self) -> dict[str, Any]:
        """Return what to keep over a restart."""
        kept = self._blocks[: min(self._filled, _MOST_BLOCKS)]
        return {"blocks": state.packed(kept), "filled": self._filled}

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Carry on from what `record` returned.

        Raises:
            ValueError, TypeError, KeyError: it is none.
        """
        blocks, filled = state.unpacked(kept["blocks"]), int(kept["filled"])
        if len(blocks) != min(filled, _MOST_BLOCKS):
            raise ValueError("blocks are missing")
        self._blocks[: len(blocks)] = blocks
        self._filled = filled
        self._fit()

    @property
    def _refit_s(self) -> float:
        return min(max(self.watched_s / 24, _LEAST_REFIT_S), _MOST_REFIT_S)

    def _close_block(self, next_block: int) -> None:
        # Frames a minute apart stand for two blocks; after a longer silence nothing was watched.
        passed = 0 if self._block is None else next_block - self._block
        for _ in range(passed if passed in (1, 2) else min(max(passed, 0), 1)):
            self._blocks[self._filled % _MOST_BLOCKS] = self._highest
            self._filled += 1
        self._block, self._highest = next_block, -np.inf

    def _ordered(self) -> NDArray[np.float32]:
        """Return the blocks, oldest first."""
        if self._filled <= _MOST_BLOCKS:
            return self._blocks[: self._filled]
        return np.roll(self._blocks, -(self._filled % _MOST_BLOCKS))

    def _fit(self) -> None:
        if self.learnt < 1:
            return
        blocks = levelled(self._ordered().astype(np.float64))
        self.usual = float(np.median(blocks[-_DAY_BLOCKS:]))
        self._often = float(np.quantile(blocks, _OFTEN))
        often = max(_FEWEST, _TIMES_RATE * self._rate * self.watched_s / _DAY_S)
        base, peaks = highest(blocks, often)
        if len(peaks) < tail.LEAST_PEAKS:
            # A still scene has few episodes, or none; each half minute for itself is a safe count.
            peaks = blocks[blocks >= base]
        found = tail.fit(peaks, base, self.watched_s / _DAY_S, least_scale=_LEAST_SCALE)
        if found is not None:
            level = found.level(_AIM * self._rate)
            self.threshold = max(level, self._reached(peaks), _FLOOR)

    def _reached(self, peaks: NDArray[np.float64]) -> float:
        """Return what peaks got above as often as alerts may: a smooth tail may tell less."""
        count = int(self._rate * self.watched_s / _DAY_S)
        # None may yet: too short to count it.
        if not count:
            return -math.inf
        return math.nextafter(float(np.sort(peaks)[::-1][: count + 1][-1]), math.inf)


def episodes(blocks: NDArray[np.float64], base: float) -> NDArray[np.float64]:
    """Return the peak of each episode: high blocks with at most a block of quiet between them."""
    high = np.flatnonzero(blocks > base)
    if not len(high):
        return np.array([])
    runs = np.split(high, np.flatnonzero(np.diff(high) > _APART) + 1)
    return np.array([blocks[run].max() for run in runs])


def levelled(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return blocks as they would be today: each day is moved to the median of the last one.

    A camera that is moved, a lens that gets dirty and a season change all scores alike and slowly.
    """
    moved, today = blocks.copy(), np.median(blocks[-_DAY_BLOCKS:])
    for end in range(len(blocks), 0, -_DAY_BLOCKS):
        day = slice(max(0, end - _DAY_BLOCKS), end)
        # A part of a day may be all night; it counts with the day after it.
        whole = slice(day.start, day.start + _DAY_BLOCKS)
        moved[day] += today - np.median(blocks[whole])
    return moved


def highest(blocks: NDArray[np.float64], count: float) -> tuple[float, NDArray[np.float64]]:
    """Return the highest base with so many episodes above it, and their peaks."""
    for share in _SHARES:
        base = float(np.quantile(blocks, 1 - share))
        peaks = episodes(blocks, base)
        if len(peaks) >= count:
            break
    return base, peaks
