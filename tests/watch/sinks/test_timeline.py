import math
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeclip.errors import SpaceMismatch, StoreLocked
from edgeclip.index.index import Index
from edgeclip.watch.clock import Clock
from edgeclip.watch.sinks.timeline import Timeline
from tests.index import mounting
from tests.watch.sinks.some import DIM, NOON, SPACE, event, left_open, picture_of, vector_of


class Steady:
    """Seconds that only grow when they are told to."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def steady():
    return Steady()


@pytest.fixture
def timeline(tmp_path, steady):
    made = []

    def make(**options):
        for each in made:
            each.close()
        made.append(Timeline(tmp_path / "t", SPACE, "tiny", **({"steady": steady} | options)))
        return made[-1]

    yield make
    for each in made:
        each.close()


def files(folder: Path) -> list[str]:
    pictures = folder / "t" / "pictures"
    return sorted(p.relative_to(pictures).as_posix() for p in pictures.rglob("*") if p.is_file())


def near(vector, cosine, seed=99):
    """A vector with a given cosine to another."""
    other = vector_of(seed, DIM)
    other = other - (other @ vector) * vector
    other /= np.linalg.norm(other)
    return (cosine * vector + math.sqrt(1 - cosine**2) * other).astype(np.float32)


def test_an_event_is_kept_when_it_has_ended(timeline, tmp_path, steady):
    made = timeline()
    made(event(1, "started"))
    assert len(made.index) == 0
    made(event(1))
    key = "2026-05-01/door-person-000001.jpg"
    assert list(made.index) == [key] and files(tmp_path) == [key]
    item = made.index.get(key)
    assert item.metadata == {
        "camera": "door",
        "rule": "person",
        "event": "door-person-000001",
        "time": "2026-05-01T12:01:00.000+02:00",
        "peak": "2026-05-01T12:01:02.000+02:00",
        "end": "2026-05-01T12:01:05.000+02:00",
        "duration_s": 5.0,
        "score": 0.8,
        "box": [0.0, 0.25, 0.5, 1.0],
        "clock_set": True,
        "novelty": 1.0,
        "steady": steady.now,
    }
    picture = Image.open(made.index.root / key)
    assert (picture.format, picture.size) == ("JPEG", (32, 24)) and not picture.getexif()
    assert made.index.root == tmp_path / "t" / "pictures" and made.index.model == "tiny"
    assert made.notes == []


def test_a_timeline_that_was_moved_finds_its_pictures(timeline, tmp_path):
    made = timeline()
    made(event(1))
    made.close()
    (tmp_path / "t").rename(tmp_path / "elsewhere")
    with Index.open(tmp_path / "elsewhere", read_only=True) as index:
        (key,) = index
        assert (index.root / key).is_file() and index.records().root == index.root


def test_privacy_keeps_vectors_and_no_pictures(timeline, tmp_path):
    made = timeline(pictures=False)
    made(event(1))
    assert made.see(picture_of(5), vector_of("x", DIM), NOON)
    assert sorted(made.index) == ["2026-05-01/120000", "2026-05-01/door-person-000001"]
    assert not (tmp_path / "t" / "pictures").exists() and made.index.root is None


def test_privacy_from_now_on_leaves_what_was_there(timeline, tmp_path):
    timeline()(event(1))
    made = timeline(pictures=False)
    made(event(2))
    assert files(tmp_path) == ["2026-05-01/door-person-000001.jpg"] and len(made.index) == 2


def test_an_event_without_a_vector_is_passed_over_and_one_without_a_picture_kept(timeline):
    made = timeline()
    made(event(1, vector=None))
    made(event(2, picture=None))
    assert list(made.index) == ["2026-05-01/door-person-000002"]


def test_what_was_kept_is_never_written_over(timeline, tmp_path):
    """A camera that has lost its memory counts its events from 1 again."""
    made = timeline()
    made(event(1))
    made(event(1, vector=vector_of("other", DIM)))
    names = ["2026-05-01/door-person-000001-2.jpg", "2026-05-01/door-person-000001.jpg"]
    assert sorted(made.index) == names == files(tmp_path)


@pytest.mark.parametrize("name", ["../../../x", "/etc/x", "a\0b", "..", "門/" * 100, ""])
def test_a_name_cannot_leave_the_folder(timeline, tmp_path, name):
    made = timeline()
    made(event(1, id=name))
    (key,) = made.index
    assert key.startswith("2026-05-01/") and key.count("/") == 1 and files(tmp_path) == [key]


def test_novelty_is_the_distance_to_all_that_was_kept_before_this_visit(timeline, steady):
    made = timeline()
    van = vector_of("van", DIM)
    assert made.novelty(van) == 1.0
    made(event(1, vector=van))
    assert made.novelty(van) == 1.0  # the same visit
    steady.now += 61
    assert made.novelty(van) == pytest.approx(0, abs=1e-3)
    assert made.novelty(near(van, 0.7)) == pytest.approx(0.3, abs=1e-3)
    steady.now += 60
    made(event(2, vector=near(van, 0.6)))
    keys = list(made.index)
    assert made.index.get(keys[1]).metadata["novelty"] == pytest.approx(0.4, abs=1e-3)


def test_what_was_kept_during_an_event_does_not_make_it_familiar(timeline, steady):
    made = timeline()
    van = vector_of("van", DIM)
    made.see(picture_of(1), near(van, 0.99), NOON)
    steady.now += 100
    made(event(1, vector=van, duration_s=90.0))
    assert made.index.get(list(made.index)[-1]).metadata["novelty"] == 1.0
    steady.now += 1000
    made(event(2, vector=van, details={"novelty": 0.123}))
    assert made.index.get(list(made.index)[-1]).metadata["novelty"] == 0.123


def test_moments_are_kept_when_they_are_new(timeline, steady, tmp_path):
    made = timeline()
    scene = vector_of("scene", DIM)
    assert made.see(picture_of(1), scene, NOON, camera="door")
    for number in range(50):  # noise
        steady.now += 60
        assert not made.see(picture_of(2), near(scene, 0.985, number), NOON)
    later = NOON + timedelta(hours=1)
    assert made.see(picture_of(3), near(scene, 0.5), later, camera="door")
    assert files(tmp_path) == ["2026-05-01/120000-door.jpg", "2026-05-01/130000-door.jpg"]
    item = made.index.get("2026-05-01/130000-door.jpg")
    assert item.metadata["time"] == "2026-05-01T13:00:00.000+02:00"
    assert (
        item.metadata["camera"] == "door"
        and item.metadata["clock_set"]
        and "event" not in item.metadata
    )
    assert item.metadata["novelty"] == pytest.approx(0.5, abs=1e-2)


def test_the_first_frame_raises_no_bar_and_a_restart_is_no_first(timeline, steady):
    made = timeline()
    scene, steady.now = vector_of("scene", DIM), 5.0
    assert made.see(picture_of(1), scene, NOON)
    assert made.see(picture_of(2), near(scene, 0.9), NOON)
    again = timeline()
    assert not again.see(picture_of(3), near(scene, 0.9), NOON)
    assert not again.see(picture_of(3), scene, NOON)


def test_a_scene_that_never_stays_the_same_fills_no_disk(timeline, steady):
    made = timeline(pictures=False)
    kept = 0
    for number in range(4 * 3600 // 5):
        steady.now += 5
        kept += made.see(None, vector_of(number, DIM), NOON + timedelta(seconds=5 * number))
    assert 4 * 10 < kept < 4 * 25


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


def test_times_from_before_the_clock_was_set_are_corrected_when_it_is(timeline, steady):
    """A board without a clock begins in 1970; an hour later a time server answers."""
    made = timeline()
    boot = datetime(1970, 1, 1, 0, 1, tzinfo=NOON.tzinfo)
    made.see(picture_of(7), vector_of("x", DIM), boot, clock_set=False)
    steady.now += 60
    made(event(1, start=boot + timedelta(seconds=55), clock_set=False))
    steady.now += 3600
    made(event(2, start=NOON - timedelta(seconds=5)))
    first, second, third = (made.index.get(key).metadata for key in made.index)
    assert datetime.fromisoformat(first["time"]) == NOON - timedelta(seconds=3660)
    assert datetime.fromisoformat(second["time"]) == NOON - timedelta(seconds=3605)
    assert datetime.fromisoformat(second["end"]) == NOON - timedelta(seconds=3600)
    assert first["clock_set"] and second["clock_set"]
    assert datetime.fromisoformat(third["end"]) == NOON
    recent = made.index.search(
        vector_of("x", DIM), where={"time": {">=": NOON - timedelta(days=1)}}
    )
    assert len(recent) == 3


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


def test_nothing_is_left_open(tmp_path):
    def use():
        made = Timeline(tmp_path / "t", SPACE)
        made(event(1))
        made.close()

    left_open(use)


def test_another_space_and_a_second_writer_are_refused(timeline, tmp_path):
    timeline()
    with pytest.raises(StoreLocked):
        Timeline(tmp_path / "t", SPACE)
    timeline().close()
    with pytest.raises(SpaceMismatch):
        Timeline(tmp_path / "t", "6" * 64)


def test_a_picture_that_cannot_be_written_leaves_its_vector(timeline, tmp_path):
    made = timeline()
    (tmp_path / "t" / "pictures").write_text("a file in the way")
    made(event(1))
    assert list(made.index) == ["2026-05-01/door-person-000001"]
    told = made.notes
    made(event(2))
    assert made.lost == 2 and made.notes == told  # the same, or it would be told each time
    assert told == [
        f"Not all could be kept in {tmp_path / 't'}: Not a directory. Make the folder first, or "
        "choose another place."
    ]


@pytest.mark.parametrize("case", ["keeping", "retaining"])
def test_full_disk_while(case, tmp_path):
    mounting.run("tests.watch.sinks.full_disk", case, tmp_path)
