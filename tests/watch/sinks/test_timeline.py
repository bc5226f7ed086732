"""What a timeline keeps: events, moments, how new they were, and when."""

from datetime import datetime, timedelta

import pytest
from PIL import Image

from edgeclip.errors import SpaceMismatch, StoreLocked
from edgeclip.index.index import Index
from edgeclip.watch.sinks.timeline import Timeline
from tests.index import mounting
from tests.watch.sinks.conftest import files, near
from tests.watch.sinks.some import DIM, NOON, SPACE, event, left_open, picture_of, vector_of


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
    made(event(2, vector=van))
    assert made.index.get(list(made.index)[-1]).metadata["novelty"] == pytest.approx(0, abs=1e-3)


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


def test_the_best_frame_of_an_event_is_not_kept_twice(timeline, tmp_path, steady):
    made, van = timeline(), vector_of("van", DIM)
    peak = event(1).peak
    for number, (moment, camera) in enumerate(
        [(peak - timedelta(seconds=1), "door"), (peak, "gate"), (peak, "door")]
    ):
        steady.now += 3600  # the bar sinks again
        assert made.see(picture_of(number), vector_of(number, DIM), moment, camera=camera)
    assert len(made.index) == 3
    made(event(1, vector=van))  # of a part of the frame, perhaps: it is that frame all the same
    names = ["120101-door.jpg", "120102-gate.jpg", "door-person-000001.jpg"]
    assert [key.split("/")[1] for key in made.index] == names
    assert files(tmp_path) == sorted(made.index)


def test_nor_is_it_when_the_clock_is_set_in_between(timeline, steady):
    made, boot = timeline(), datetime(1970, 1, 1, 0, 1, tzinfo=NOON.tzinfo)
    assert made.see(picture_of(1), vector_of("x", DIM), boot, camera="door", clock_set=False)
    after = event(1).end - event(1).peak
    steady.now += after.total_seconds()
    made(event(1, vector=vector_of("x", DIM)))
    assert [key.split("/")[1] for key in made.index] == ["door-person-000001.jpg"]


def test_a_picture_is_not_given_for_an_event_without_one(timeline, tmp_path):
    made, van = timeline(), vector_of("van", DIM)
    made.see(picture_of(1), van, event(1).peak, camera="door")
    made(event(1, vector=van, picture=None))
    assert len(made.index) == 2 and files(tmp_path) == ["2026-05-01/120102-door.jpg"]
    private = timeline(pictures=False)
    private.see(None, vector_of("x", DIM), event(2).peak, camera="door")
    private(event(2))
    assert len(private.index) == 3


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
