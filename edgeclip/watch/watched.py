"""Watched: one rule on one camera: its scorer, what is learnt of its background, its alarm."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import numpy as np

from edgeclip.errors import PromptError
from edgeclip.model.pack import PromptPack
from edgeclip.vectors import Vector
from edgeclip.watch.alarm import Alarm, Spell
from edgeclip.watch.calibration import Calibration
from edgeclip.watch.decoys import FEWEST, Decoys
from edgeclip.watch.events import Box
from edgeclip.watch.frame import Frame
from edgeclip.watch.rules import WHOLE, Rule
from edgeclip.watch.scores import Scorer

Novelty = Callable[[Vector], float]


class Watched:
    """Take one rule through the frames.

    Args:
        rule: what is watched for.
        pack: where it comes from.
        novelty: vector → how new it is, for a rule that asks it.
    """

    def __init__(self, rule: Rule, pack: PromptPack, novelty: Novelty | None) -> None:
        self.rule = rule
        self.calibration = Calibration(rule.false_alerts, rule.min_duration)
        self._decoys = _decoys(rule, pack)
        self.score, self.box = 0.0, rule.region
        self.vector: Vector | None = None
        self._scorer = _scorer(rule, pack, novelty)
        # A novelty is told as it is, and learnt in the units of the other scores.
        self._scale = pack.logit_scale if rule.novelty else 1.0
        self._alarm = Alarm(rule)
        self._identity = _identity(rule, pack)

    @property
    def threshold(self) -> float | None:
        """What the score must get above; None while it is being learnt."""
        share = self.rule.threshold
        if share is None:
            learnt = self.calibration.bounded(self._decoys.level if self._decoys else None)
            return None if learnt is None else learnt / self._scale
        return share if self.rule.novelty else math.log(share / (1 - share))

    @property
    def learnt(self) -> float:
        """How much of the warm-up is done, from 0 to 1."""
        return 1.0 if self.rule.threshold is not None else self.calibration.learnt

    @property
    def spell(self) -> Spell | None:
        """The spell that was told and goes on."""
        return self._alarm.open

    def look(self, vectors: Mapping[Box, Vector]) -> None:
        """Score a new frame; without this the next `step` is for one that has not changed."""
        boxes = self.rule.boxes
        found = [self._scorer(vectors[box]) for box in boxes]
        best = int(np.argmax(found))
        self.score, self.box = found[best], boxes[best]
        if self._decoys:
            self._decoys.look([vectors[box] for box in boxes])
        # As the picture of an event, where all of the frame was looked at.
        self.vector = vectors.get(WHOLE, vectors[self.box])

    def step(self, frame: Frame, steady: float, local: datetime) -> Spell | None:
        """Take in a frame; return the spell that begins or ends by it, if one does.

        Args:
            frame: the frame.
            steady: its time, on a clock that carries on over restarts.
            local: its time by the wall clock.
        """
        if self.vector is None or not math.isfinite(self.score):
            return None
        if frame.blind:
            # Nothing of now is seen.  Were it learnt, a stuck camera would fill the week with one
            # score; and what it showed before it was stuck is no reason for an alert.
            return self._alarm.unseen(steady)
        # The alarm first: a frame is judged by what was learnt before it.
        spell = self._alarm(
            steady,
            self.score,
            self.threshold,
            self.calibration.usual / self._scale,
            box=self.box,
            frame=frame,
            vector=self.vector,
            allowed=local in self.rule.schedule,
        )
        if self.rule.threshold is None:
            self.calibration.observe(steady, self._scale * self.score)
        if self._decoys:
            self._decoys.observe(steady)
        return spell

    def lost(self) -> Spell | None:
        """Note that the camera gives no frames; return the spell that ends by it."""
        self.calibration.forget_moment()
        if self._decoys:
            self._decoys.forget_moment()
        self.vector = None
        return self._alarm.end()

    def record(self, *, recorded: bool) -> dict[str, Any]:
        """Return what to keep over a restart.

        Args:
            recorded: whether the frames are of a recording, which may be watched again: no event
                of the time before holds back one of the next.
        """
        alarm = {} if recorded else {"alarm": self._alarm.record()}
        decoys = self._decoys.record() if self._decoys else {}
        return {"identity": self._identity, **alarm, **decoys, **self.calibration.record()}

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Carry on, if it was learnt for this rule as it is now.

        Raises:
            ValueError, TypeError, KeyError: nothing of the kind was kept.
        """
        if kept["identity"] == self._identity:
            self.calibration.restore(kept)
            if "alarm" in kept:
                self._alarm.restore(kept["alarm"])
            if self._decoys:
                self._decoys.restore(kept)


def _decoys(rule: Rule, pack: PromptPack) -> Decoys | None:
    """Return the decoys of a rule whose threshold is learnt from words."""
    if rule.novelty or rule.threshold is not None or len(pack.background_vectors) < FEWEST:
        return None
    return Decoys(rule.label, pack, rule.false_alerts, rule.min_duration)


def _scorer(rule: Rule, pack: PromptPack, novelty: Novelty | None) -> Callable[[Vector], float]:
    if not rule.novelty:
        return Scorer(rule.label, pack)
    if novelty is None:
        raise PromptError(
            f"the rule {rule.name!r} asks what is new, and nothing is kept to know it by. Give a "
            "timeline (--timeline)."
        )
    return novelty


def _identity(rule: Rule, pack: PromptPack) -> str:
    """Name all that the scores depend on: what was learnt with other prompts is of no use."""
    label = rule.label
    digest = hashlib.sha256(
        f"{pack.space} {pack.logit_scale} {rule.boxes} {rule.novelty} {rule.min_duration}".encode()
    )
    others = pack.negative_vectors, pack.background_vectors
    for vectors in (label.vectors, label.negative_vectors, *others):
        digest.update(np.ascontiguousarray(vectors, np.float32).tobytes() + b"|")
    return digest.hexdigest()[:32]
