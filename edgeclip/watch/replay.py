"""Compare events with recorded truth: how many were found, how many were false, how late.

Clocks are seconds since the beginning of the recording.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgeclip.errors import EdgeclipError
from edgeclip.model import estimate

DAY_S = 86_400.0
_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Truth:
    """Say when something was really there."""

    rule: str
    """Its name; empty where the file names none."""
    start: float
    """Seconds."""
    end: float


class Rate(NamedTuple):
    """Hold a share or a rate and its 95 % confidence interval."""

    value: float
    """NaN where nothing was counted."""
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Say how well the events of one rule agree with the truth."""

    found: int
    """True ones that an event overlaps."""
    missed: int
    """True ones that none does."""
    right: int
    """Events that were the first to overlap a true one."""
    false: int
    """Events that overlap none."""
    doubled: int
    """Events whose true ones had been found already: neither right nor false."""
    watched_s: float
    delays: tuple[float, ...]
    """Of each true one that was found: seconds from its start to the event's, at least 0."""

    @property
    def precision(self) -> Rate:
        """Share of right events among right and false ones, with Wilson's interval."""
        return wilson(self.right, self.right + self.false)

    @property
    def recall(self) -> Rate:
        """Share of true ones that were found, with Wilson's interval."""
        return wilson(self.found, self.found + self.missed)

    @property
    def false_a_day(self) -> Rate:
        """False events in 24 hours of watching, with the exact Poisson interval."""
        if self.watched_s <= 0:
            return Rate(math.nan, 0.0, math.inf)
        days = self.watched_s / DAY_S
        count = poisson(self.false)
        return Rate(count.value / days, count.low / days, count.high / days)

    @property
    def delay_s(self) -> float:
        """Median delay; NaN where nothing was found."""
        return float(np.median(self.delays)) if self.delays else math.nan


def evaluate(
    truth: Iterable[Truth],
    events: Iterable[tuple[float, float]],
    *,
    watched_s: float,
    since: float = 0.0,
    tolerance_s: float = 2.0,
) -> Evaluation:
    """Compare the events of one rule with the truth of that rule.

    What began before ``since`` is not counted, nor is an event that overlaps only such a truth.

    Args:
        truth: of this rule.
        events: start and end of each, in seconds on the same clock.
        watched_s: for how long events could be told: after the learning.
        since: the end of the learning.
        tolerance_s: an event that misses a true one by no more still overlaps it.
    """
    truths = sorted(truth, key=lambda one: (one.start, one.end))
    delays: dict[int, float] = {}
    right = false = doubled = 0
    for start, end in sorted(span for span in events if span[0] >= since):
        overlapped = [
            i
            for i, one in enumerate(truths)
            if start <= one.end + tolerance_s and end >= one.start - tolerance_s
        ]
        counted = [i for i in overlapped if truths[i].start >= since]
        news = [i for i in counted if i not in delays]
        delays |= {i: max(0.0, start - truths[i].start) for i in news}
        right += bool(news)
        doubled += bool(counted) and not news
        false += not overlapped
    missed = sum(one.start >= since for one in truths) - len(delays)
    ordered = tuple(delays[i] for i in sorted(delays))
    return Evaluation(len(delays), missed, right, false, doubled, watched_s, ordered)


def read_truth(path: str | Path) -> list[Truth]:
    """Read when things were really there, from a CSV file with a header ``rule,start,end``.

    Times are seconds, ``MM:SS`` or ``HH:MM:SS``, each with an optional fraction.  The column
    ``rule`` may be left out where there is one rule: it is empty then.

    Raises:
        EdgeclipError: the file cannot be read, or a line makes no sense.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise EdgeclipError(
            f"{path} cannot be read: {reason}. Give a CSV file with a header rule,start,end."
        ) from error
    reader = csv.DictReader(text.splitlines(), restkey="", skipinitialspace=True)
    columns = {(name or "").strip().lower(): name for name in reader.fieldnames or ()}
    if not {"start", "end"} <= columns.keys():
        raise EdgeclipError(
            f"{path}, line 1: no columns start and end. Let its first line be rule,start,end "
            "(or start,end)."
        )
    found = []
    for row in reader:
        cells = {name: (row[column] or "").strip() for name, column in columns.items()}
        found.append(_truth(cells, f"{path}, line {reader.line_num}"))
    return found


def _truth(cells: dict[str, str], place: str) -> Truth:
    start, end = (_seconds(cells[name], f"{place}: {name}") for name in ("start", "end"))
    if end < start:
        raise EdgeclipError(
            f"{place}: the end {cells['end']} is before the start {cells['start']}. Swap them."
        )
    if "rule" in cells and not cells["rule"]:
        raise EdgeclipError(f"{place}: no rule. Name one, or leave the column out of the file.")
    return Truth(cells.get("rule", ""), start, end)


def _seconds(text: str, place: str) -> float:
    matched = _TIME.fullmatch(text)
    hours, minutes, seconds = matched.groups() if matched else (None, None, "nan")
    parts = [float(hours or 0), float(minutes or 0), float(seconds)]
    if not matched or (minutes and parts[2] >= 60) or (hours and parts[1] >= 60):
        raise EdgeclipError(
            f"{place} is {text!r}, which is no time. Write seconds (83.5), MM:SS or HH:MM:SS."
        )
    return parts[0] * 3600 + parts[1] * 60 + parts[2]


def wilson(count: int, of: int) -> Rate:
    """Return a share with Wilson's score interval (1927), 95 %."""
    if not of:
        return Rate(math.nan, 0.0, 1.0)
    share = count / of
    low, high = estimate.wilson(share, of)
    # Exact at the ends, where rounding leaves a trace.
    return Rate(share, low if count else 0.0, high if count < of else 1.0)


def poisson(count: int) -> Rate:
    """Return a count with Garwood's exact interval (1936) of its expectation, 95 %."""
    above = count + 10 * math.sqrt(count + 1) + 10
    high = _root(lambda mean: _at_most(count, mean) - 0.025, above)
    low = _root(lambda mean: _at_most(count - 1, mean) - 0.975, above) if count else 0.0
    return Rate(float(count), low, high)


def _at_most(count: int, mean: float) -> float:
    """Return the probability of ``count`` or fewer when ``mean`` are expected."""
    numbers = np.arange(count + 1)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(numbers[1:]))])
    return float(np.exp(numbers * math.log(mean) - mean - factorials).sum())


def _root(falling: Callable[[float], float], above: float) -> float:
    """Return where a falling function crosses 0 between 0 and ``above``, by bisection."""
    low, high = 0.0, above
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2
