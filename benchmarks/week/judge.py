"""How well rules do on a week, beside a flat threshold that was chosen with the truth at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.week import cutouts
from benchmarks.week.week import EVENTS_A_WEEK
from edgeclip.model.pack import PromptPack
from edgeclip.watch.alarm import Alarm
from edgeclip.watch.recording import Course
from edgeclip.watch.replay import Evaluation, Truth, evaluate
from edgeclip.watch.rules import WHOLE, Rule, rules_of

TOLERATED = 1.0
"""False alerts a day."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One rule in one half."""

    rule: str
    half: str
    learnt: Evaluation
    """With the threshold that was learnt without the truth."""
    hours: float
    """That it learnt before it alerted."""
    flat: Evaluation | None = None
    """With the flat threshold that was best in the development half."""
    level: float = 0.0
    """That threshold."""


def outcomes(
    courses: Mapping[str, Mapping[str, Course]],
    truths: Mapping[str, Sequence[Truth]],
    pack: PromptPack,
) -> list[Outcome]:
    """Judge the courses of each half; the flat thresholds are the best ones in ``development``."""
    found = []
    for rule in rules_of(pack):
        best = max(
            _levels(courses["development"][rule.name]),
            key=lambda level: _worth(_flat(rule, "development", courses, truths, level)),
        )
        for half in courses:
            course = courses[half][rule.name]
            truth = [each for each in truths[half] if each.rule == rule.name]
            learnt, flat = course.evaluate(truth), _flat(rule, half, courses, truths, best)
            hours = (course.since if course.since is not None else course.seconds) / 3600
            found.append(Outcome(rule.name, half, learnt, hours, flat, best))
    return found


def _levels(course: Course) -> list[float]:
    scores = np.asarray(course.scores)
    high = scores[scores > np.quantile(scores, 0.9)]
    return [float(level) for level in np.unique(np.round(high, 1))]


def _worth(found: Evaluation) -> tuple[float, float]:
    """Prefer the most that is found at no more false alerts than tolerated; else the fewest."""
    false = found.false_a_day.value
    return (found.recall.value, -false) if false <= TOLERATED else (-1.0, -false)


def _flat(
    rule: Rule,
    half: str,
    courses: Mapping[str, Mapping[str, Course]],
    truths: Mapping[str, Sequence[Truth]],
    level: float,
) -> Evaluation:
    """Alert above one level, from the time on when the learnt threshold did."""
    course = courses[half][rule.name]
    alarm, usual = Alarm(rule), float(np.median(course.scores))
    spells = [
        alarm(time, score, level, usual, box=WHOLE)
        for time, score in zip(course.times, course.scores, strict=True)
    ]
    events = [(spell.start, spell.last) for spell in [*spells, alarm.end()] if spell and spell.over]
    since = course.seconds if course.since is None else course.since
    truth = [each for each in truths[half] if each.rule == rule.name]
    after = [span for span in events if span[0] >= since]
    return evaluate(truth, after, watched_s=course.watched_s, since=since)


def table(found: Sequence[Outcome]) -> str:
    """Return the outcomes as a Markdown table, and below it what is easy about this week."""
    lines = [
        "| rule | half | events | recall, learnt | false a day, learnt | delay s | learning h "
        "| recall, flat | false a day, flat |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for each in found:
        flat = each.flat
        cells = [
            each.rule,
            each.half,
            str(each.learnt.found + each.learnt.missed),
            _shown(each.learnt.recall, 2),
            _shown(each.learnt.false_a_day, 2),
            f"{each.learnt.delay_s:.1f}",
            f"{each.hours:.1f}",
            _shown(flat.recall, 2) if flat else "",
            f"{_shown(flat.false_a_day, 2)} above {each.level:.1f}" if flat else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", _easy()])


def _easy() -> str:
    """Say what a camera at a door will not have."""
    development, held = (
        cutouts.appearing(cutouts.STAMP_CAST, half) for half in ("development", "held")
    )
    counts = (f"{rule} {len(development[rule])}/{len(held[rule])}" for rule in development if rule)
    return (
        "Easy about this week: things come one at a time and stand in the middle square, which is "
        f"all that the rules look at, and each rule becomes true some {EVENTS_A_WEEK / 7:.0f} "
        "times a day. The cut-outs of a class are few (development/held): "
        f"{', '.join(counts)}."
    )


def _shown(rate: Sequence[float], digits: int) -> str:
    value, low, high = (f"{number:.{digits}f}" for number in rate)
    return f"{value} ({low}–{high})"
