"""Take very many frames from a source to the sinks, and look at what the process holds.

``python -m tests.watch.frames_soak --frames 100000`` prints what became of it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgeclip.model.model import Model
from edgeclip.model.pack import PromptPack
from edgeclip.model.packed import PackedLabel
from edgeclip.watch.clock import RecordedClock
from edgeclip.watch.frame import Frame
from edgeclip.watch.frames import frames
from edgeclip.watch.gate import ChangeGate
from edgeclip.watch.sinks.jsonl import JsonLines
from edgeclip.watch.sinks.timeline import Timeline
from edgeclip.watch.watcher import Watcher
from tests import tiny
from tests.usage import Usage, usage

SHAPE = (96, 128, 3)
WARM_UP = 10_000
"""Frames before the first look: the caches are full, and the timeline removes what is oldest."""
LOOK_EVERY = 100
MOST_MB = 1.0
"""That the process may grow by in 100,000 frames."""
KEEP_BYTES = 100_000
_VISIT_EVERY, _VISIT = 240, 12
_WEEK_S, _BLOCK_S = 604_800.0, 30.0
_COLOURS = {"red": (220, 20, 20), "blue": (20, 20, 220)}
_GREY = (120, 120, 120)


@dataclass
class Report:
    """What was done, and what the process held."""

    events: Counter[str] = field(default_factory=Counter)
    """Rule and state → how many."""
    inferred: int = 0
    kept: int = 0
    removed: int = 0
    looks: list[int] = field(default_factory=list)
    """Frames so far, at each look."""
    held: list[Usage] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    @property
    def mb_in_100000(self) -> float:
        """The slope of the memory, by least squares."""
        memory = [held.memory_kb / 1024 for held in self.held]
        return float(np.polyfit(self.looks, memory, 1)[0]) * 100_000


def pictures(count: int) -> Iterator[np.ndarray]:
    """Yield noisy grey, and now and then a colour in its middle for a while."""
    random = np.random.default_rng(0)
    noise = random.normal(0, 3, (64, *SHAPE))
    colours = list(_COLOURS.values())
    for number in range(count):
        visit, second = divmod(number, _VISIT_EVERY)
        shown = np.full(SHAPE, _GREY, float)
        if second >= _VISIT_EVERY - _VISIT:
            shown[8:-8, 8:-8] = np.add(colours[visit % 2], random.integers(-15, 16, 3))
        yield np.clip(shown + noise[random.integers(64)], 0, 255).astype(np.uint8)


def rules(model: Model) -> PromptPack:
    """One rule with a threshold, and one that learns; their prompts are pictures."""
    nothing = np.zeros((0, model.dim), np.float32)
    settings = {"red": {"threshold": 0.5}, "blue": {"false_alerts": 400}}

    def seen(colour: tuple[int, int, int]) -> np.ndarray:
        return model.embed_image(np.full(SHAPE, colour, np.uint8))[None]

    labels = tuple(
        PackedLabel(name, (name,), seen(colour), (), nothing, settings[name])
        for name, colour in _COLOURS.items()
    )
    grey = seen(_GREY)
    return PromptPack(model.name, model.space, 20.0, labels, ("grey",), grey, None, nothing)


def watched_a_week(watcher: Watcher) -> float:
    """Fill what is learnt, which grows for a week; return the time after it."""
    for number, picture in enumerate(pictures(round(_WEEK_S / _BLOCK_S))):
        watcher(Frame(number * _BLOCK_S, picture))
    return _WEEK_S


def soak(folder: Path, count: int, *, warm_up: int = WARM_UP, after_a_week: bool = True) -> Report:
    """Take frames through everything, and look at the process after a warm-up."""
    report, clock = Report(), RecordedClock()
    model = Model.load(tiny.make(folder / "tiny"))
    gate, state = ChangeGate(), folder / "state.json"
    watcher = Watcher(model, rules(model), keep=state, gate=gate, clock=clock)
    timeline = Timeline(
        folder / "timeline", model.space, keep_bytes=KEEP_BYTES, steady=clock.steady
    )
    log = JsonLines(folder / "events.jsonl")
    begin = watched_a_week(watcher) if after_a_week else 0.0
    source = (Frame(begin + second, shown) for second, shown in enumerate(pictures(count)))
    gate.passed = 0
    with closing(timeline), closing(log):
        for number, frame in enumerate(frames(source), 1):
            for event in watcher(frame):
                report.events[f"{event.rule} {event.state}"] += 1
                log(event)
                timeline(event)
            if watcher.vector is not None:
                report.kept += timeline.see(frame.picture, watcher.vector, clock.local(frame.time))
            if number >= warm_up and number % LOOK_EVERY == 0:
                report.looks.append(number)
                report.held.append(usage())
                report.threads.append(threading.active_count())
        report.kept += report.events["red ended"] + report.events["blue ended"]
        report.removed = report.kept - len(timeline.index)
    report.inferred = gate.passed
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=100_000)
    given = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = soak(Path(folder), given.frames)
    first, last, grown = report.held[0], report.held[-1], report.mb_in_100000
    events = ", ".join(f"{count} {name}" for name, count in sorted(report.events.items()))
    print(
        f"{given.frames:,} frames in {time.monotonic() - started:.0f} s: {report.inferred:,} "
        f"inferred; {events}; {report.kept:,} kept in the timeline, {report.removed:,} of them "
        f"removed again.\n"
        f"Held after {report.looks[0]:,} frames: {first}, {report.threads[0]} threads; "
        f"at the end: {last}, {report.threads[-1]} threads.\n"
        f"Memory grows by {grown:.2f} MB in 100,000 frames (least squares over "
        f"{len(report.looks)} looks; at most {MOST_MB:g})."
    )
    flat = last.files <= first.files and report.threads[-1] <= report.threads[0]
    return 0 if flat and grown <= MOST_MB else 1


if __name__ == "__main__":
    sys.exit(main())
