"""Recording: rules over recorded frames, as if a camera gave them now, and how that went."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from edgeclip.model.model import Model
from edgeclip.model.pack import PromptPack
from edgeclip.watch.ahead import Ahead
from edgeclip.watch.clock import RecordedClock
from edgeclip.watch.events import Event
from edgeclip.watch.frame import Frame
from edgeclip.watch.gate import ChangeGate
from edgeclip.watch.replay import Evaluation, Truth, evaluate
from edgeclip.watch.watcher import Prepared, Reading, Watcher

_TICK_S = 1.0


@dataclass(slots=True)
class Course:
    """How one rule went; all times in seconds of the recording."""

    warm_up_s: float
    """How long learning takes."""
    times: list[float] = field(default_factory=list)
    """Of the frames."""
    scores: list[float] = field(default_factory=list)
    """One for each time."""
    thresholds: list[float] = field(default_factory=list)
    """One for each time; NaN while it was being learnt."""
    events: list[tuple[float, float]] = field(default_factory=list)
    """Start and end of each."""

    @property
    def seconds(self) -> float:
        """How long the recording is."""
        return self.times[-1] if self.times else 0.0

    @property
    def since(self) -> float | None:
        """When the rule had learnt enough; None: never."""
        known = (t for t, level in zip(self.times, self.thresholds, strict=True) if level == level)
        return next(known, None)

    @property
    def watched_s(self) -> float:
        """How long it watched after that."""
        return 0.0 if self.since is None else self.seconds - self.since

    @property
    def threshold(self) -> float | None:
        """The last one."""
        last = self.thresholds[-1] if self.thresholds else math.nan
        return last if last == last else None

    def evaluate(self, truth: Sequence[Truth]) -> Evaluation:
        """Compare the events with what was really there."""
        since = self.seconds if self.since is None else self.since
        return evaluate(truth, self.events, watched_s=self.watched_s, since=since)


def follow(
    frames: Iterable[Frame],
    model: Model,
    pack: PromptPack,
    *,
    gated: bool = True,
    begin: float = 0.0,
) -> dict[str, Course]:
    """Run the rules of a pack over frames.

    Args:
        frames: of a recording, whose times begin near 0.
        model: of the pack's space.
        pack: the rules.
        gated: infer only frames that have changed.
        begin: seconds since 1970 of the recording's beginning, by which schedules are judged.

    Returns:
        The course of each rule.
    """
    gate = ChangeGate() if gated else None
    watcher = Watcher(model, pack, gate=gate, clock=RecordedClock(begin), pictures=False)
    began = watcher.local(0.0)
    courses: dict[str, Course] = {}
    with closing(_ahead(watcher, frames)) as coming:
        for prepared in coming:
            _note(courses, watcher(prepared), began)
            _log(courses, prepared.frame.time, watcher.readings)
    _note(courses, watcher.lost(), began)
    return courses


def _ahead(watcher: Watcher, frames: Iterable[Frame]) -> Generator[Prepared, None, None]:
    """Yield the frames in order, each prepared while the one before it is looked at."""
    with closing(Ahead(watcher.prepare(frame) for frame in frames)) as ahead:
        while not ahead.ended:
            prepared = ahead.take(_TICK_S)
            if prepared is not None:
                yield prepared


def _log(courses: dict[str, Course], time: float, readings: Iterable[Reading]) -> None:
    for reading in readings:
        course = courses.setdefault(reading.rule, Course(reading.warm_up_s))
        course.times.append(time)
        course.scores.append(reading.score)
        course.thresholds.append(math.nan if reading.threshold is None else reading.threshold)


def _note(courses: dict[str, Course], events: Iterable[Event], began: datetime) -> None:
    for event in events:
        if event.end is not None:
            # Times of today as floats are too coarse: a difference of two is exact.
            start, end = event.start - began, event.end - began
            courses[event.rule].events.append((start.total_seconds(), end.total_seconds()))
