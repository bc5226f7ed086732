"""Alarm: scores → spells: one beginning and one end for each time that a rule is true.

A spell begins when the score has been above the threshold for the rule's minimum duration, and ends
when it has been below a lower level for as long (hysteresis); for the rule's cooldown after that
none begins.  What never ends, such as a van that was parked, is told as ended after an hour; the
next spell begins after the score has been low in between.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from edgeclip.watch.events import Box
from edgeclip.watch.rules import Rule
from edgeclip.watch.sustained import SILENCE_S

_EXIT = 0.3
"""How far below the threshold a spell ends: this share of the way to what is usual here."""
_LEAST_HOLD_S = 3.0
_LONGEST_S = 3600.0


@dataclass(slots=True, eq=False)
class Spell:
    """A time for which a rule was true, so far."""

    start: float
    """When the score got above the threshold, in steady time."""
    threshold: float
    score: float
    """The greatest so far."""
    peak: float
    """When that was."""
    box: Box
    """Where in the frame that was."""
    last: float
    """When the score was high the last time."""
    frame: Any = None
    """The frame of the peak."""
    vector: Any = None
    """Its vector."""
    told: bool = False
    """Whether it was long enough to be told."""
    over: bool = False
    """Whether it has ended."""
    id: str = field(default_factory=lambda: uuid4().hex[:12])
    """Digits that never come twice."""


class Alarm:
    """Turn one rule's scores into spells."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._spell: Spell | None = None
        self._ended = -math.inf
        self._held = False
        self._seen = 0.0

    @property
    def open(self) -> Spell | None:
        """The spell that was told and goes on."""
        return self._spell if self._spell is not None and self._spell.told else None

    def __call__(
        self,
        time: float,
        score: float,
        threshold: float | None,
        usual: float,
        *,
        box: Box,
        frame: Any = None,
        vector: Any = None,
        allowed: bool = True,
    ) -> Spell | None:
        """Take in a score; return the spell that begins or ends by it, if one does.

        Args:
            time: of the frame, on a clock that carries on over restarts.
            score: of the rule.
            threshold: what it has to get above; None while that is being learnt.
            usual: what it is mostly.
            box: where in the frame it was greatest.
            frame: what belongs to it.
            vector: what belongs to it.
            allowed: whether a spell may begin now, by the rule's schedule.
        """
        if threshold is None:
            return None
        silence, self._seen = time - self._seen, time
        spell = self._spell
        if spell is not None and not 0 <= silence <= SILENCE_S:
            return self.end()  # nobody saw whether it went on
        level = threshold if spell is None else spell.threshold
        if score >= level - (_EXIT * max(level - usual, 0.0) if spell and spell.told else 0.0):
            return self._high(time, score, threshold, box, frame, vector, allowed)
        self._held = False
        return self._low(time)

    def unseen(self, time: float) -> Spell | None:
        """Note a frame that shows nothing; return the spell that ends, as after a silence."""
        return self.end() if time - self._seen > SILENCE_S else None

    def end(self) -> Spell | None:
        """End the spell that goes on, if one does: the camera is gone, or the program ends."""
        spell, self._spell = self._spell, None
        if spell is None or not spell.told:
            return None
        return self._over(spell)

    def record(self) -> dict[str, Any]:
        """Return what to keep over a restart; a spell that goes on has ended by then."""
        ended = self._ended if self.open is None else self.open.last
        return {"ended": ended if math.isfinite(ended) else None, "held": self._held}

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Carry on from what `record` returned.

        Raises:
            ValueError, TypeError, KeyError: it is none.
        """
        ended, self._held = kept["ended"], bool(kept["held"])
        self._ended = -math.inf if ended is None else float(ended)

    def _high(
        self,
        time: float,
        score: float,
        threshold: float,
        box: Box,
        frame: Any,
        vector: Any,
        allowed: bool,
    ) -> Spell | None:
        # A clock that was not kept begins again below what it once said: that is no cooldown.
        quiet = 0 <= time - self._ended < self._rule.cooldown
        if self._held or (self._spell is None and (not allowed or quiet)):
            return None
        if self._spell is None:
            self._spell = Spell(time, threshold, score, time, box, time, frame, vector)
        spell = self._spell
        spell.last = time
        if score > spell.score:
            spell.score, spell.peak, spell.box = score, time, box
            spell.frame, spell.vector = frame, vector
        if not spell.told and time - spell.start >= self._rule.min_duration:
            spell.told = True
            return spell
        if spell.told and time - spell.start > _LONGEST_S:
            self._held = True
            return self.end()
        return None

    def _low(self, time: float) -> Spell | None:
        spell = self._spell
        if spell is None:
            return None
        if not spell.told:
            self._spell = None
            return None
        if time - spell.last < max(self._rule.min_duration, _LEAST_HOLD_S):
            return None
        return self.end()

    def _over(self, spell: Spell) -> Spell:
        spell.over = True
        self._ended = spell.last
        return spell
