"""The simulated week: what the figures about cameras rest on."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.week import DEVELOPMENT, HELD, Week, cutouts, judge
from benchmarks.week.watching import MIDDLE
from benchmarks.week.week import EVENTS_A_WEEK, FEWEST, IDLE_S
from edgeclip.model.model import Model
from edgeclip.model.pack import PromptPack
from edgeclip.model.packed import PackedLabel
from edgeclip.model.prompts import Prompts
from edgeclip.watch.recording import Course, follow
from edgeclip.watch.replay import Truth
from edgeclip.watch.rules import compiled
from tests.programs import ALL_TESTS

NOTHING = np.zeros((0, 4), np.float32)


def shots(count: int, **changes) -> list[np.ndarray]:
    week = Week(1, "development", 1 / 24, 10, pictures="skimage", **changes)
    return [frame.picture for frame in itertools.islice(week.frames(), count)]


@pytest.mark.parametrize("half", ["development", "held"])
def test_a_week_has_what_was_promised(half):
    week = Week(1, half)
    counted = Counter(one.rule for one in week.truth)
    assert set(counted) == {rule.name for rule in week.rules} and set(counted.values()) == {
        EVENTS_A_WEEK
    }
    assert EVENTS_A_WEEK >= 60
    assert len(week.distractors) == len(week.truth)
    visits = sorted(week.truth + week.distractors, key=lambda one: one.start)
    assert all(6 <= one.end - one.start <= 60 for one in visits)
    assert all(b.start - a.end >= 20 for a, b in itertools.pairwise(visits))
    assert visits[0].start >= 0 and visits[-1].end < 7 * 86_400
    night = sum(not 6 < one.start / 3600 % 24 < 18 for one in week.truth)
    assert 0.35 < night / len(week.truth) < 0.65


def test_frames_come_each_second_while_something_is_there():
    week = Week(2, "development", 2 / 24)
    times = [time for time, _ in week.times()]
    there = {
        second
        for one in week.truth + week.distractors
        for second in range(int(one.start), int(one.end) + 1)
    }
    names = [rule.name for rule in week.rules]
    assert times == [s for s in range(7200) if s in there or s % IDLE_S == 0]
    assert Counter(one.rule for one in week.truth) == dict.fromkeys(names, FEWEST)


def test_the_halves_share_no_picture():
    cast = cutouts.STAMP_CAST
    development, held = (cutouts.appearing(cast, half) for half in ("development", "held"))
    for rule in ["", *(rule.name for rule in cast.rules)]:
        assert development[rule] and held[rule]
        assert abs(len(development[rule]) - len(held[rule])) <= len(cast.distractors)
    seen = [set(itertools.chain(*half.values())) for half in (development, held)]
    seen += [set(cutouts.taken(cast.furniture, half)) for half in ("development", "held")]
    assert len(set.union(*seen)) == sum(map(len, seen))  # nothing stands in two places
    assert not set(DEVELOPMENT) & set(HELD)


def test_the_visits_of_a_half_are_of_its_pictures():
    for half in ("development", "held"):
        files = cutouts.appearing(cutouts.STAMP_CAST, half)
        assert all(visit.file in files[visit.rule] for visit in Week(3, half).visits)


def test_one_seed_gives_one_week():
    assert Week(1, "held").visits == Week(1, "held").visits
    assert Week(1, "held").visits != Week(2, "held").visits
    for a, b in zip(shots(12), shots(12), strict=True):
        assert (a == b).all()


def test_a_frame_is_a_picture_and_two_are_never_equal():
    frames = shots(6)
    assert all(shot.shape == (288, 512, 3) and shot.dtype == np.uint8 for shot in frames)
    changes = [np.abs(a.astype(int) - b).mean() for a, b in itertools.pairwise(frames)]
    assert all(0.2 < change < 12 for change in changes)  # noise and sway, and no more


def test_what_appears_is_seen():
    week = Week(1, "development", 1 / 24, 10, pictures="skimage")
    visit = week.visits[0]
    before, middle = visit.start - IDLE_S, (visit.start + visit.end) / 2
    kept = {}
    for frame in week.frames():
        kept[frame.time] = frame.picture.astype(int)
        if frame.time > middle:
            break
    empty = kept[before - before % IDLE_S]
    there = np.abs(kept[int(middle)] - empty).mean(-1) > 40
    assert 0.03 < there.mean() < 0.6


def test_night_is_dark_and_noisy():
    def mean_and_noise(hour: float) -> tuple[float, float]:
        week = Week(1, "development", 1 / 24, hour, pictures="skimage")
        stage = week._stage()
        stage._shift = lambda: np.zeros(2)  # else sway is most of what changes
        quiet = (time for time, visit in week.times() if not visit and not stage._light.lamp(time))
        shots = [np.asarray(stage.draw(next(quiet), None)).astype(float) for _ in range(6)]
        return shots[-1].mean(), np.std(shots, 0).mean()

    day, night = mean_and_noise(11), mean_and_noise(0)
    assert night[0] < 0.7 * day[0]
    assert night[1] > 2 * day[1]


def test_a_part_too_short_for_its_visits_is_refused():
    with pytest.raises(ValueError, match="600 s are too short for 66 visits"):
        Week(1, "held", 600 / 86_400)


@pytest.mark.skipif(
    not cutouts.installed() and not os.environ.get(ALL_TESTS),
    reason="the stamps are missing: apt-get install tuxpaint-stamps-default",
)
def test_every_cut_out_is_there():
    cast = cutouts.STAMP_CAST
    names = [*itertools.chain(*cast.classes.values(), *cast.distractors), *cast.furniture]
    assert not [name for name in names if not (cutouts.STAMPS / name).is_file()]
    for name in names[::12]:
        cutout = cutouts.read(name, "stamps")
        assert cutout.mode == "RGBA" and cutout.getchannel("A").getextrema()[1] == 255


def test_rules_watch_an_hour_of_it():
    """An hour of the week with the starter, as `edgeclip watch` would see it."""
    model = Model.load("starter", fit="pad")
    week = Week(1, "development", 1 / 24, 9, pictures="skimage")
    labels = [
        replace(rule, settings={"region": MIDDLE, "false_alerts": "3 an hour"})
        for rule in week.rules
        if rule.name in ("cat", "coffee")
    ]
    courses = follow(week.frames(), model, compiled(Prompts(tuple(labels)), model))
    truth = {name: [each for each in week.truth if each.rule == name] for name in courses}
    found = {name: course.evaluate(truth[name]) for name, course in courses.items()}
    assert all(1200 <= course.since < 2400 for course in courses.values())
    assert sum(each.found for each in found.values()) >= 2
    assert not any(each.missed or each.false for each in found.values())


def test_a_flat_threshold_is_judged_beside_it():
    course = Course(
        1200.0, [float(i) for i in range(100)], [0.0] * 100, [float("nan")] * 10 + [2.0] * 90
    )
    course.scores[50:60] = [3.0] * 10
    course.scores[80:84] = [1.0] * 4
    course.events = [(50.0, 59.0)]
    rule = PackedLabel("cat", ("cat",), np.eye(1, 4, dtype=np.float32), (), NOTHING)
    pack = PromptPack(
        "m", "s", 1.0, (rule,), ("grey",), np.eye(1, 4, 1, dtype=np.float32), None, NOTHING
    )
    truths = {half: [Truth("cat", 50.0, 60.0)] for half in ("development", "held")}
    outcomes = judge.outcomes({half: {"cat": course} for half in truths}, truths, pack)
    assert [each.half for each in outcomes] == ["development", "held"]
    for each in outcomes:
        assert each.learnt.found == each.flat.found == 1
        assert each.learnt.false == each.flat.false == 0
        assert 1.0 < each.level <= 3.0
    shown = judge.table(outcomes)
    assert "| cat | held | 1 | 1.00 (" in shown
    assert "some 10 times a day" in shown and "bird 16/15" in shown and "bear 1/1," in shown
