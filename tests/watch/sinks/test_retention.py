"""What a timeline removes: by age, by size, and what a kill has left."""

import math
from datetime import datetime

import pytest

from edgeclip.watch.clock import Clock
from edgeclip.watch.sinks.timeline import Timeline
from tests.watch.sinks.conftest import Steady, files
from tests.watch.sinks.some import SPACE, event


def test_age_counts_on_the_steady_clock_alone(timeline, steady):
    made = timeline(keep_days=2)
    made(event(1, start=datetime(1970, 1, 1, 0, 1).astimezone()))
    steady.now += 86_400
    made(event(2, start=datetime(2036, 1, 1).astimezone()))
    made(event(3, start=datetime(1999, 1, 1).astimezone()))
    assert len(made.index) == 3
    steady.now += 86_401
    made(event(4))
    assert [key[-10:-4] for key in made.index] == ["000002", "000003", "000004"]
    steady.now += 3601  # one in an hour of few
    assert made.prune() == 0
    steady.now += 86_400
    assert made.prune() == 1 and made.prune() == 0


def test_one_pruning_removes_a_tenth_at_most(timeline, steady, tmp_path):
    made = timeline(keep_days=1)
    for number in range(40):
        made(event(number))
    steady.now += 1e9  # a clock gone mad
    assert made.prune() == 4 and made.prune() == 0
    steady.now += 3600
    assert made.prune() == 3
    assert len(files(tmp_path)) == 33 == len(made.index)


def test_a_steady_clock_that_begins_again_makes_nothing_old_or_young(timeline):
    first = timeline(keep_days=1, steady=Steady(5e6))
    first(event(1))
    fresh = Steady(0.0)
    made = timeline(keep_days=1, steady=fresh)
    assert made.now() == pytest.approx(5e6)
    fresh.now += 86_000
    assert made.prune() == 0
    fresh.now += 3700
    assert made.prune() == 1


def test_the_clock_of_the_watcher_fits(timeline):
    made = timeline(steady=Clock().steady, keep_days=1)
    made(event(1))
    assert len(made.index) == 1 and made.prune() == 0


def test_the_oldest_make_room_when_there_is_too_much(timeline, tmp_path):
    made = timeline(keep_bytes=40_000)
    for number in range(30):
        made(event(number))
    size = sum((tmp_path / "t" / "pictures" / name).stat().st_size for name in files(tmp_path))
    assert 20_000 < size + 2048 * len(made.index) <= 40_000
    keys = list(made.index)
    assert keys[-1].endswith("000029.jpg") and keys == sorted(keys) and keys == files(tmp_path)
    again = timeline(keep_bytes=20_000)
    while again.prune():
        pass
    assert 0 < len(again.index) < len(keys)


@pytest.mark.parametrize("limit", [0, -1, math.inf, math.nan])
def test_odd_limits(tmp_path, limit):
    for name in ("keep_days", "keep_bytes"):
        with pytest.raises(ValueError, match="must be a number above 0"):
            Timeline(tmp_path / "t", SPACE, **{name: limit})


def test_pictures_that_a_kill_has_left_are_swept(timeline, tmp_path):
    timeline()(event(1))
    day = tmp_path / "t" / "pictures" / "2026-05-01"
    (day / "door-person-000002.jpg").write_bytes(b"no item")
    (day / ".edgeclip-12.partial").write_bytes(b"half")
    (day / "notes.txt").write_text("mine")
    other = tmp_path / "t" / "pictures" / "mine"
    other.mkdir()
    (other / "cat.jpg").write_bytes(b"mine")
    timeline()
    left = ["2026-05-01/door-person-000001.jpg", "2026-05-01/notes.txt", "mine/cat.jpg"]
    assert files(tmp_path) == left


def test_pictures_that_the_index_has_lost_stay(timeline, tmp_path):
    made = timeline()
    for number in range(5):
        made(event(number))
    made.index.remove_many(list(made.index)[:4])
    timeline()
    assert len(files(tmp_path)) == 5
