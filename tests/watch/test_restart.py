"""What is known of a camera over restarts, power cuts and full disks."""

from __future__ import annotations

import gc
import json
from dataclasses import replace

import pytest

from edgeclip.errors import EdgeclipError
from edgeclip.watch import state
from edgeclip.watch.clock import Clock, RecordedClock
from edgeclip.watch.frame import Frame
from edgeclip.watch.sinks.jsonl import JsonLines
from edgeclip.watch.sinks.mqtt import Mqtt
from edgeclip.watch.sinks.timeline import Timeline
from edgeclip.watch.sinks.webhook import Webhook
from edgeclip.watch.watcher import Watcher
from tests.watch.test_watcher import BEGIN, GREY, RED, film, made, pack, picture, watched

__all__ = ["pack"]


class Board:
    """A board on which each run counts its seconds from 0, and whose power can be cut."""

    def __init__(self, model, keep, *, wall: float = BEGIN, **settings) -> None:
        self._model, self._keep = model, keep
        self.settings = {"threshold": 0.5, "cooldown": 30, **settings}
        self.now, self.wall, self.watcher = 0.0, wall, None

    def start(self) -> Board:
        """Start it, after a power cut if it was on."""
        if self.watcher is not None:
            self.watcher.close()  # as the kernel does
        self.now = 0.0
        clock = Clock(monotonic=lambda: self.now, wall=lambda: self.wall)
        rules = made(self._model, **self.settings)
        self.watcher = Watcher(self._model, rules, keep=self._keep, clock=clock)
        return self

    def see(self, colour, count: int, step: float = 1) -> list:
        """Look at so many frames."""
        events = []
        for _ in range(count):
            self.now, self.wall = self.now + step, self.wall + step
            events += self.watcher(Frame(self.now, picture(colour, round(self.now))))
        return events

    def off(self, seconds: float) -> Board:
        self.wall += seconds
        return self.start()


@pytest.fixture
def board(model, tmp_path) -> Board:
    return Board(model, tmp_path / "door.json").start()


def states(events) -> list[str]:
    return [event.state for event in events]


def test_an_event_that_a_power_cut_left_open_is_ended_by_the_first_frame(board):
    (started,) = board.see(RED, 5)
    (ended,) = board.off(7200).see(GREY, 1)
    assert (ended.id, ended.state, ended.rule) == (started.id, "ended", "red")
    # As the wall clock had it: the hours without power are not in it.
    assert ended.start == started.start and ended.end.timestamp() == BEGIN + 3
    assert ended.duration_s == 2.0 and ended.clock_set
    assert ended.picture is None and ended.vector is None and ended.box is None
    assert json.dumps(ended.record())
    assert board.see(GREY, 5) == [] == board.off(10).see(GREY, 5)  # once


def test_every_sink_takes_an_end_without_picture_and_vector(board, model, tmp_path):
    pytest.importorskip("paho.mqtt")
    board.see(RED, 5)
    (ended,) = board.off(60).see(GREY, 1)
    log = JsonLines(tmp_path / "log")
    timeline = Timeline(tmp_path / "timeline", model.space)
    webhook = Webhook("http://127.0.0.1:1/", spool=tmp_path / "spool", picture=True)
    mqtt = Mqtt("mqtt://127.0.0.1:1", camera="camera", rules=["red", "blue"])
    for sink in (log, timeline, webhook, mqtt):
        sink(ended)
    for close in (log.close, timeline.close, lambda: webhook.close(0.1), lambda: mqtt.close(0.1)):
        close()
    assert json.loads((tmp_path / "log").read_text()) == ended.record()
    assert len(webhook.spool) == 1


def test_it_is_known_to_the_minute_how_long_an_event_went_on(board):
    board.see(RED, 200)
    (ended,) = board.off(10).see(GREY, 1)
    assert 140 <= ended.duration_s <= 199
    assert ended.end.timestamp() == ended.start.timestamp() + ended.duration_s


def test_a_cooldown_holds_over_a_restart(board):
    assert states(board.see(RED, 5)) == ["started"]
    again = board.off(3600).see(RED, 60)
    assert states(again) == ["ended", "started"]
    # Counted in seconds of watching: from the second 3 of the first run, 30 in all.
    assert again[1].start.timestamp() == pytest.approx(BEGIN + 5 + 3600 + 30, abs=1.1)


def test_a_cooldown_after_an_end_holds_over_a_restart(board):
    assert states(board.see(RED, 5) + board.see(GREY, 5)) == ["started", "ended"]
    assert board.off(100).see(RED, 20) == []
    assert states(board.see(RED, 20)) == ["started"]


def test_what_never_ended_is_not_told_again_after_a_restart(board):
    board.settings["cooldown"] = 0
    events = board.off(0).see(RED, 123, step=30)
    assert states(events) == ["started", "ended"]
    assert board.off(60).see(RED, 20) == []
    assert states(board.see(GREY, 5) + board.see(RED, 5)) == ["started"]


def test_an_end_that_nobody_may_have_told_is_told_again(board):
    *_, ended = board.see(RED, 5) + board.see(GREY, 3)
    (again,) = board.off(1).see(GREY, 1)
    assert (again.id, again.state, again.end) == (ended.id, "ended", ended.end)
    assert board.see(GREY, 1) == [] == board.off(1).see(GREY, 3)


def test_after_an_orderly_end_nothing_is_open(board):
    board.see(RED, 5)
    assert states(board.watcher.lost()) == ["ended"]
    board.watcher.save()
    assert board.off(60).see(GREY, 5) == []


def test_a_camera_that_is_away_at_the_start_holds_up_no_end(board):
    (started,) = board.see(RED, 5)
    board.off(60).watcher.save()  # before anything was told
    (ended,) = board.off(60).watcher.lost()
    assert (ended.id, ended.state) == (started.id, "ended")


def test_an_end_that_was_told_as_the_camera_went_is_not_told_again(board):
    *_, started = board.see(RED, 45)
    (ended,) = board.watcher.lost()
    assert (ended.id, ended.duration_s) == (started.id, 44.0)
    (again,) = board.off(60).watcher.lost()  # cut before it was told
    assert again.record() == {**ended.record(), "clock_set": True}
    board.watcher.told()
    assert board.off(60).watcher.lost() == [] == board.see(GREY, 1)


def test_of_a_recording_no_event_is_kept(model, tmp_path):
    rules = made(model, threshold=0.5)
    for _ in range(2):
        watcher = Watcher(model, rules, keep=tmp_path / "film.json")
        frames = [replace(frame, recorded=True) for frame in film(20, red={*range(5, 20)})]
        assert states(watched(watcher, frames)) == ["started"]
        watcher.save()
        watcher.close()


def test_to_save_before_the_first_frame_changes_no_clock(model, tmp_path):
    watcher = Watcher(model, made(model, threshold=0.5), keep=tmp_path / "film.json")
    watcher.save()
    assert watcher.clock_set and watcher.lost() == []
    frame = Frame(0.0, picture(RED, 0), recorded=True)
    watcher(frame)
    assert isinstance(watcher._chosen, RecordedClock)


def test_an_event_is_ended_whatever_became_of_its_rule(board):
    (started,) = board.see(RED, 5)
    board.settings["min_duration"] = 7
    (ended,) = board.off(60).see(RED, 6)
    assert ended.id == started.id
    # It is another rule now: the cooldown was that of the one before.
    assert states(board.see(RED, 6)) == ["started"]


def test_a_board_that_did_not_know_the_time_says_so_of_what_it_left_open(model, tmp_path):
    board = Board(model, tmp_path / "door.json", wall=1000.0).start()
    board.see(RED, 5)
    board.wall = BEGIN
    (ended,) = board.off(60).see(GREY, 1)
    assert not ended.clock_set and ended.end.year == 1970


def test_a_tile_is_remembered(board):
    board.settings["tiles"] = "2x1"
    board.off(0)
    for second in range(5):
        board.now += 1
        shown = picture(RED, second, (0.5, 0.0, 1.0, 1.0))
        board.watcher(Frame(board.now, shown))
    (ended,) = board.off(60).see(GREY, 1)
    assert ended.box == (0.5, 0.0, 1.0, 1.0)


@pytest.mark.parametrize("left", [None, 3, [3], [{}], [{"id": "x", "box": [1]}]])
def test_open_events_that_are_none_are_passed_over(model, tmp_path, left):
    keep = tmp_path / "door.json"
    state.save(keep, {"clock": {"steady": 1.0}, "rules": {}, "open": left})
    watcher = Watcher(model, made(model, threshold=0.5), keep=keep, clock=RecordedClock())
    assert watched(watcher, film(3)) == []


def test_cooldowns_of_a_clock_that_was_lost_hold_nothing_up(model, tmp_path):
    keep = tmp_path / "door.json"
    board = Board(model, keep).start()
    board.see(GREY, 1000)
    board.see(RED, 5)
    board.watcher.close()
    kept = state.load(keep)
    state.save(keep, {**kept, "clock": None})
    assert states(board.off(1).see(RED, 5)) == ["ended", "started"]


def test_a_restart_carries_on(model, pack, tmp_path):
    keep = tmp_path / "folder" / "door.json"
    before = Watcher(model, pack, keep=keep, clock=RecordedClock(BEGIN))
    watched(before, film(1300))
    assert all(reading.threshold is not None for reading in before.readings)
    before.save()
    before.close()
    after = Watcher(model, pack, keep=keep, clock=RecordedClock(BEGIN + 4000))
    events = watched(after, film(20, red=set(range(5, 12))))
    assert [event.state for event in events] == ["started", "ended"]
    assert after.readings[0].threshold == pytest.approx(before.readings[0].threshold, abs=0.5)


def test_what_was_learnt_for_other_prompts_is_not_used(model, pack, tmp_path):
    keep = tmp_path / "door.json"
    before = Watcher(model, pack, keep=keep, clock=RecordedClock())
    watched(before, film(1300))
    before.save()
    before.close()
    other = made(model, min_duration=5)
    after = Watcher(model, other, keep=keep, clock=RecordedClock())
    watched(after, film(2))
    assert {reading.threshold for reading in after.readings} == {None}


@pytest.mark.parametrize("damage", [b"", b"{", b'{"format": 1}', None])
def test_a_damaged_state_is_learnt_again(model, pack, tmp_path, damage):
    keep = tmp_path / "door.json"
    Watcher(model, pack, keep=keep, clock=RecordedClock()).save()
    data = bytearray(keep.read_bytes())
    data[len(data) // 2] ^= 1
    keep.write_bytes(bytes(data) if damage is None else damage)
    watcher = Watcher(model, pack, keep=keep, clock=RecordedClock())
    watched(watcher, film(2))
    assert {reading.threshold for reading in watcher.readings} == {None}
    assert watcher.notes == [f"{keep} is damaged: what it held is learnt anew."]


def test_a_state_that_cannot_be_read_is_not_written_over(model, pack, tmp_path):
    keep = tmp_path / "door.json"
    keep.mkdir()  # root may read everything else
    with pytest.raises(EdgeclipError, match=r"door\.json cannot be read: Is a directory"):
        Watcher(model, pack, keep=keep)


def test_what_was_learnt_at_another_temperature_is_not_used(model, pack, tmp_path):
    keep = tmp_path / "door.json"
    before = Watcher(model, pack, keep=keep, clock=RecordedClock())
    watched(before, film(1300))
    before.save()
    before.close()
    for scale, learnt in ((pack.logit_scale, True), (2 * pack.logit_scale, False)):
        after = Watcher(model, replace(pack, logit_scale=scale), keep=keep, clock=RecordedClock())
        watched(after, film(2))
        assert any(reading.threshold is not None for reading in after.readings) == learnt
        after.close()


def test_a_kill_loses_a_quarter_of_an_hour_at_most(model, pack, tmp_path):
    keep = tmp_path / "door.json"
    watched(Watcher(model, pack, keep=keep, clock=RecordedClock(BEGIN)), film(1000))
    after = Watcher(model, pack, keep=keep, clock=RecordedClock(BEGIN))
    watched(after, film(2))
    assert after.readings[0].learnt >= 0.7


def test_a_full_disk_stops_no_camera(model, pack, tmp_path):
    keep = tmp_path / "door.json"
    watcher = Watcher(model, pack, keep=keep, clock=RecordedClock(BEGIN))
    keep.mkdir()  # nothing can be put in its place
    watched(watcher, film(899))
    assert watcher.notes == []
    watched(watcher, film(10, begin=899))
    (note,) = watcher.notes
    assert "door.json cannot be written" in note
    with pytest.raises(EdgeclipError, match="cannot be written"):
        watcher.save()
    keep.rmdir()
    watched(watcher, film(900, begin=910))
    assert watcher.notes == [] and keep.is_file()


def test_a_place_that_cannot_be_written_is_known_at_once(model, pack, tmp_path):
    (tmp_path / "kept").touch()  # a file where the folder would be
    with pytest.raises(EdgeclipError, match=r"folder .*kept cannot be used: .*\. Give another"):
        Watcher(model, pack, keep=tmp_path / "kept" / "door.json")
    (tmp_path / "door.json.lock").mkdir()
    with pytest.raises(EdgeclipError, match=r"the state folder .* cannot be used: .*--state"):
        Watcher(model, pack, keep=tmp_path / "door.json")


def test_a_file_is_of_one_watcher(model, pack, tmp_path):
    keep = tmp_path / "door.json"
    first = Watcher(model, pack, keep=keep, clock=RecordedClock())
    with pytest.raises(EdgeclipError, match=r"door.json is in use .*\(--camera\)\.$"):
        Watcher(model, pack, keep=keep)
    Watcher(model, pack, keep=tmp_path / "garden.json")
    first.save()  # which puts another file in its place
    with pytest.raises(EdgeclipError, match="in use"):
        Watcher(model, pack, keep=keep)
    first.close()
    first.close()
    second = Watcher(model, pack, keep=keep, clock=RecordedClock())
    watched(second, film(2))
    second.save()
    kept = keep.read_bytes()
    first.save()  # it is not its own any more
    assert keep.read_bytes() == kept


def test_a_watcher_that_is_gone_holds_no_file(model, pack, tmp_path):
    keep = tmp_path / "door.json"
    watched(Watcher(model, pack, keep=keep, clock=RecordedClock()), film(2))
    gc.collect()
    Watcher(model, pack, keep=keep)
