"""Watch a week as `edgeclip watch` would: words alone, and thresholds that are learnt meanwhile."""

from __future__ import annotations

import os
from dataclasses import replace

from benchmarks.week import judge
from benchmarks.week.week import Week
from edgeclip.model.model import Model
from edgeclip.model.pack import PromptPack
from edgeclip.model.prompts import Prompts
from edgeclip.watch.recording import Course, follow
from edgeclip.watch.rules import compiled

MIDDLE = [0.21875, 0.0, 0.78125, 1.0]
"""The square in which the things stand."""


def pack_of(week: Week, model: Model) -> PromptPack:
    """Return the rules of a week, each about the middle of the frame."""
    settings = {"region": MIDDLE, "false_alerts": judge.TOLERATED}
    labels = [replace(rule, settings=settings) for rule in week.rules]
    return compiled(Prompts(tuple(labels)), model)


def watched(seed: int, half: str, days: float) -> dict[str, Course]:
    """Watch a week as `edgeclip watch` would."""
    os.environ["EDGECLIP_CONFIG"] = "off"
    model = Model.load("starter", threads=1, fit="pad")
    week = Week(seed, "held" if half == "held" else "development", days)
    return follow(week.frames(), model, pack_of(week, model))
