"""Decoys: what other words reach on this camera, though what they mean is not there.

A rule that is often true while it is learnt spoils what is learnt of its background, and nothing in
its own scores tells the two apart.  So each general text of the pack is scored as if it were the
rule, against the same negatives, and the level is noted that it reaches as often as alerts are
tolerated.  Most of these texts are never true here: what most of them stay below, the rule need not
stay below for being true.  (Targets beside decoys, as Elias and Gygi 2007 search spectra.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclip.model import nothing
from edgeclip.model.pack import PromptPack
from edgeclip.model.packed import PackedLabel
from edgeclip.vectors import Vector
from edgeclip.watch import state
from edgeclip.watch.scores import log_odds
from edgeclip.watch.sustained import Sustained

Floats = NDArray[np.float32]

FEWEST = 16
"""With fewer texts nothing can be said of most."""
_SHARE = 0.8
"""Of the decoys stay below the level."""
_BLOCKS, _PERIODS = 24, 7
"""In the time for which one alert is tolerated, and how many such times are kept."""
_DAY_S = 86_400.0


class Decoys:
    """Learn what decoys reach, for one rule on one camera.

    Args:
        label: of the rule.
        pack: where it comes from; its background has at least `FEWEST` texts.
        false_alerts: how many a day are tolerated.
        min_duration: seconds for which a score must be held to count.
    """

    def __init__(
        self, label: PackedLabel, pack: PromptPack, false_alerts: float, min_duration: float
    ) -> None:
        self._texts = pack.general([label])
        self._negatives = np.concatenate([label.negative_vectors, pack.negative_vectors])
        self._scale = pack.logit_scale
        self._reached = Reached(len(self._texts), false_alerts, min_duration)
        self._scores: Floats | None = None

    @property
    def level(self) -> float | None:
        """The score that most decoys stay below; None in the first time without enough to tell."""
        return self._reached.level

    def look(self, vectors: Sequence[Vector]) -> None:
        """Score the parts of a new frame; the best part of each decoy counts."""
        self._scores = np.max([self._scored(vector) for vector in vectors], axis=0)

    def observe(self, time: float) -> None:
        """Take in what was looked at last, which has not changed since."""
        if self._scores is not None:
            self._reached.observe(time, self._scores)

    def forget_moment(self) -> None:
        """Note that the camera was away: what was before says nothing of now."""
        self._scores = None
        self._reached.forget_moment()

    def record(self) -> dict[str, Any]:
        """Return what to keep over a restart."""
        return self._reached.record()

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Carry on from what `record` returned.

        Raises:
            ValueError, TypeError, KeyError: it is none.
        """
        self._reached.restore(kept)

    def _scored(self, vector: Vector) -> Floats:
        cosines = self._texts @ vector
        rivals = np.repeat((self._negatives @ vector)[None], len(cosines), axis=0)
        return log_odds(self._scale, cosines, np.column_stack([rivals, _competitors(cosines)]))


class Reached:
    """Learn what most of many series of scores stay below, as often as is tolerated.

    Args:
        count: of the series.
        false_alerts: how many a day are tolerated.
        min_duration: seconds for which a score must be held to count.
    """

    def __init__(self, count: int, false_alerts: float, min_duration: float) -> None:
        self._block_s = _DAY_S / false_alerts / _BLOCKS
        self._sustained = Sustained(min_duration)
        # The greatest sustained scores of each block; the newest row is still open.
        self._blocks = np.full((_BLOCKS * _PERIODS + 1, count), -np.inf, np.float32)
        self._filled = 0
        self._block: int | None = None
        self.level: float | None = None
        """None until one alert might have been told."""

    def observe(self, time: float, scores: Floats) -> None:
        """Take in ``(count,)`` scores.

        Args:
            time: seconds on a clock that only grows.
            scores: of a frame that was looked at or has not changed since.
        """
        held = self._sustained(time, scores)
        if held is None:
            return
        block = int(time // self._block_s)
        if block != self._block:
            self._next()
            self._block = block
        newest = self._blocks[self._filled % len(self._blocks)]
        np.maximum(newest, held, out=newest)

    def forget_moment(self) -> None:
        """Begin anew with what is sustained."""
        self._sustained.forget()

    def record(self) -> dict[str, Any]:
        """Return what to keep over a restart."""
        return {
            "decoys": state.packed(self._whole().ravel()),
            "count": self._blocks.shape[1],
            "block_s": self._block_s,
        }

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Carry on from what `record` returned.

        Raises:
            ValueError, TypeError, KeyError: it is none.
        """
        count = self._blocks.shape[1]
        blocks = state.unpacked(kept["decoys"])
        if kept["count"] != count or len(blocks) % count or len(blocks) >= self._blocks.size:
            raise ValueError("decoys are missing")
        if kept["block_s"] != self._block_s:
            raise ValueError("decoys were learnt for another rate")
        self._filled = len(blocks) // count
        self._blocks[: self._filled] = blocks.reshape(-1, count)
        self._blocks[self._filled :] = -np.inf
        self._fit()

    def _next(self) -> None:
        if self._block is not None:
            self._filled += 1
        self._blocks[self._filled % len(self._blocks)] = -np.inf
        self._fit()

    def _whole(self) -> Floats:
        """Return the blocks that are over, oldest first."""
        if self._filled < len(self._blocks):
            return self._blocks[: self._filled]
        return np.roll(self._blocks, -(self._filled % len(self._blocks)), axis=0)[1:]

    def _fit(self) -> None:
        blocks = self._whole()
        times = len(blocks) // _BLOCKS
        if times:
            # What each of them got above as often as is tolerated.
            levels = np.partition(blocks, -times - 1, axis=0)[-times - 1]
            self.level = float(np.quantile(levels, _SHARE))


def _competitors(cosines: Floats) -> Floats:
    """Return what each of ``(b,)`` cosines competes with: the mean of the others' best tenth."""
    count = max(1, round(nothing.BEST * len(cosines)))
    best = np.sort(cosines)[-count - 1 :]
    # Who is among the best makes room for the next.
    without = np.where(cosines >= best[1], best.sum() - cosines, best[1:].sum())
    means: Floats = without / count
    return means
