"""Rules that ask what was never seen before, and the whole frames that they go by."""

from __future__ import annotations

import numpy as np
import pytest

from edgeclip.errors import PromptError
from edgeclip.watch.clock import RecordedClock
from edgeclip.watch.watcher import Watcher
from tests.watch.test_watcher import BEGIN, film, made, watched

HALF = [0.0, 0.0, 0.5, 1.0]


class Seen:
    """1 − the greatest cosine with all that was shown to it, as a timeline has it."""

    def __init__(self) -> None:
        self.vectors: list[np.ndarray] = []

    def __call__(self, vector: np.ndarray) -> float:
        return 1 - max((float(vector @ each) for each in self.vectors), default=0.0)


def new(model, seen: Seen, **settings) -> Watcher:
    rules = made(model, novelty=True, **settings)
    return Watcher(model, rules, novelty=seen, clock=RecordedClock(BEGIN))


def test_novelty_needs_something_to_know_it_by(model):
    with pytest.raises(PromptError, match="--timeline"):
        Watcher(model, made(model, novelty=True))


def test_the_score_is_the_novelty_itself(model):
    seen = Seen()
    watcher = new(model, seen, threshold=0.9)
    watched(watcher, film(1))
    (reading, _) = watcher.readings
    assert reading.score == pytest.approx(1.0, abs=1e-3) and reading.threshold == 0.9
    seen.vectors.append(watcher.vector)
    watched(watcher, film(1))
    assert watcher.readings[0].score == pytest.approx(0, abs=1e-3)


def test_a_threshold_is_a_novelty(model):
    seen = Seen()
    for shown in (film(1), film(1, red={0}, part=HALF)):
        seen.vectors.append(model.embed_image(next(shown).picture))
    red = seen(model.embed_image(next(film(1, red={0})).picture))
    assert 0.05 < red < 0.95
    shown = list(film(20, red=set(range(5, 15))))
    above, below = (
        watched(new(model, seen, threshold=red + step), shown) for step in (0.04, -0.04)
    )
    assert (
        above == [] and [event.state for event in below] == ["started", "started"] + ["ended"] * 2
    )
    assert below[-1].score == pytest.approx(red, abs=0.03)
    assert below[-1].threshold == pytest.approx(red - 0.04)


def test_what_is_learnt_is_told_as_a_novelty(model):
    seen = Seen()
    seen.vectors += [model.embed_image(frame.picture) for frame in film(3)]
    watcher = new(model, seen)
    assert watched(watcher, film(1300)) == []
    level = watcher.readings[0].threshold
    assert level is not None and 0 < level < 0.2
    events = watched(watcher, film(20, begin=1300, red=set(range(1305, 1315))))
    assert {event.state for event in events} == {"started", "ended"}
    assert all(level <= event.threshold < event.score < 1 for event in events)


def test_a_short_dip_does_not_end_what_is_new(model):
    course = {"now": 0.5}
    rules = made(model, novelty=True)
    watcher = Watcher(model, rules, novelty=lambda _: course["now"], clock=RecordedClock(BEGIN))
    watched(watcher, film(1300))
    level = watcher.readings[0].threshold
    events = []
    dip = level - 0.2 * (level - 0.5)
    for begin, count, now in ((1300, 10, level + 0.05), (1310, 30, dip), (1340, 30, 0.4)):
        course["now"] = now
        events += watched(watcher, film(count, begin=begin))
    assert [event.state for event in events if event.rule == "red"] == ["started", "ended"]
    assert events[-1].duration_s == 39


def test_the_many_times_at_which_something_is_new_are_all_of_the_background(model):
    # Where a rule has a meaning they would be what it is about; here they are what is usual.
    def usual(vector: np.ndarray) -> float:
        return 0.5 if usual.second % 100 < 6 else 0.02

    usual.second = 0
    watcher = Watcher(model, made(model, novelty=True), novelty=usual, clock=RecordedClock(BEGIN))
    for frame in film(2500):
        usual.second = int(frame.time)
        watcher(frame)
    assert watcher.readings[0].threshold > 0.4


def test_where_a_timeline_is_kept_all_of_the_frame_is_embedded(model):
    rules = made(model, threshold=0.5, region=HALF)
    red = set(range(2, 9))
    shown = list(film(14, red, part=HALF))
    whole = Watcher(model, rules, novelty=Seen(), clock=RecordedClock())
    events = watched(whole, shown)
    assert whole.inferences == 2 * 14
    assert whole.vector @ model.embed_image(shown[-1].picture) == pytest.approx(1, abs=1e-5)
    assert [event.box for event in events] == [tuple(HALF)] * 2
    # The vector of an event is that of its picture.
    assert events[-1].vector @ model.embed_image(events[-1].picture) == pytest.approx(1, abs=1e-5)
    part = Watcher(model, rules, clock=RecordedClock())
    assert [event.score for event in watched(part, shown)] == [event.score for event in events]
    assert part.inferences == 14
    assert part.vector @ model.embed_image(shown[-1].picture[:, :32]) == pytest.approx(1, abs=1e-5)
