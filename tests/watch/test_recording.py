"""Rules over recorded frames."""

from __future__ import annotations

import threading
from datetime import datetime

import numpy as np
import pytest

from edgeclip.errors import CameraError
from edgeclip.watch.recording import Course, follow
from edgeclip.watch.replay import Truth
from tests.watch.test_watcher import film, made


def test_each_rule_has_its_course(model):
    courses = follow(film(40, red=set(range(5, 12))), model, made(model, threshold=0.5))
    red, blue = courses["red"], courses["blue"]
    assert red.events == [(5, 11)] and blue.events == []
    assert red.times == blue.times == [float(second) for second in range(40)]
    assert len(red.scores) == len(red.thresholds) == 40
    assert all((red.scores[s] > 0) == (5 <= s <= 11) for s in range(40))
    assert set(red.thresholds) == {0.0} and red.threshold == 0.0
    assert (red.seconds, red.since, red.watched_s) == (39, 0, 39)


def test_schedules_are_judged_by_when_it_began(model):
    pack = made(model, threshold=0.5, schedule="fri 18:00-19:00")
    for hour, events in ((17, []), (18, [(5, 11)])):
        begin = datetime(2026, 5, 1, hour, 7, 0, 123_456).timestamp()
        found = follow(film(40, red=set(range(5, 12))), model, pack, begin=begin)
        assert found["red"].events == events


def test_an_event_that_goes_on_ends_with_the_recording(model):
    courses = follow(film(20, red=set(range(5, 99))), model, made(model, threshold=0.5))
    assert courses["red"].events == [(5, 19)]


def test_what_has_not_changed_is_passed_over_and_changes_nothing(model):
    pack = made(model, threshold=0.5)
    red = set(range(20, 30))
    gated = follow(film(60, red), model, pack)["red"]
    every = follow(film(60, red), model, pack, gated=False)["red"]
    assert gated.events == every.events == [(20, 29)]
    assert len(set(gated.scores)) < len(set(every.scores))


def test_frames_are_prepared_while_others_are_looked_at(model):
    used = set()

    def drawn():
        for frame in film(9):
            used.add(threading.current_thread().name)
            yield frame

    assert follow(drawn(), model, made(model, threshold=0.5))["red"].times == [*range(9)]
    assert used == {"edgeclip-frames"}


def test_a_recording_that_breaks_off_is_an_error(model):
    def broken():
        yield from film(3)
        raise CameraError("it is torn")

    before = threading.active_count()
    with pytest.raises(CameraError, match="it is torn"):
        follow(broken(), model, made(model, threshold=0.5))
    assert threading.active_count() == before


def test_learning_is_no_watching(model, pack):
    course = follow(film(1900, red={*range(300, 310), *range(1800, 1810)}), model, pack)["red"]
    assert course.warm_up_s == 1200 and 1190 <= course.since <= 1300
    learning = course.times.index(course.since)
    assert np.isnan(course.thresholds[:learning]).all()
    assert not np.isnan(course.thresholds[learning:]).any()
    assert course.watched_s == 1899 - course.since and course.events == [(1800, 1809)]
    # What was there while it learnt is neither found nor missed.
    found = course.evaluate([Truth("red", 300, 310), Truth("red", 1801, 1810)])
    assert (found.found, found.missed, found.false) == (1, 0, 0)
    assert found.watched_s == course.watched_s


def test_too_short_a_recording(model, pack):
    course = follow(film(60, red=set(range(20, 30))), model, pack)["red"]
    assert (course.since, course.threshold, course.watched_s, course.events) == (None, None, 0, [])
    found = course.evaluate([Truth("red", 20, 30)])
    assert (found.found, found.missed, found.right, found.false) == (0, 0, 0, 0)


def test_nothing_at_all(model, pack):
    assert follow(iter(()), model, pack) == {}
    empty = Course(1200.0)
    assert (empty.seconds, empty.since, empty.threshold, empty.watched_s) == (0, None, None, 0)


@pytest.fixture
def pack(model):
    return made(model)
