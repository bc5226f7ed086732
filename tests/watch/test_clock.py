from __future__ import annotations

from datetime import datetime

import pytest

from edgeclip.watch.clock import Clock, RecordedClock

TODAY = datetime(2026, 5, 1, 12).timestamp()


class Board:
    """A board whose two clocks are set by hand."""

    def __init__(self, *, up: float = 100.0, wall: float = TODAY) -> None:
        self.up, self.wall = up, wall

    def clock(self, kept: dict[str, float] | None = None) -> Clock:
        clock = Clock(monotonic=lambda: self.up, wall=lambda: self.wall)
        if kept is not None:
            clock.restore(kept)
        return clock

    def wait(self, seconds: float) -> None:
        self.up += seconds
        self.wall += seconds


def test_steady_time_grows_as_the_monotonic_one_does_whatever_the_wall_clock_does():
    board = Board(wall=0.0)
    clock = board.clock()
    board.wait(10)
    assert clock.steady() == pytest.approx(10)
    for wall in (TODAY, 0.0, TODAY + 1e9, TODAY):
        board.wall = wall
        assert clock.steady() == pytest.approx(10)


def test_local_times_follow_the_wall_clock_as_it_is_now():
    board = Board(wall=0.0)
    clock = board.clock()
    seen = board.up
    board.wait(60)
    board.wall = TODAY  # a time server has answered
    assert clock.local(seen).timestamp() == pytest.approx(TODAY - 60)
    assert clock.local(seen).tzinfo is not None


def test_a_steady_time_of_this_run_has_a_local_time():
    board = Board(wall=0.0)
    clock = board.clock({"steady": 5000.0})
    board.wait(10)
    seen = clock.steady()
    board.wait(60)
    board.wall = TODAY
    assert seen == pytest.approx(5010)
    assert clock.when(seen).timestamp() == pytest.approx(TODAY - 60)


@pytest.mark.parametrize("wall", [0.0, TODAY - 86_400, TODAY + 3600, TODAY + 29 * 86_400])
def test_a_restart_carries_on_whatever_the_wall_clock_says(wall):
    board = Board()
    clock = board.clock()
    board.wait(1000)
    again = Board(up=5.0, wall=wall).clock(clock.record())
    assert again.steady() == pytest.approx(1000)


def test_a_board_that_was_just_on_does_not_know_the_time():
    assert not Board(wall=1000.0).clock().is_set
    assert Board().clock().is_set


@pytest.mark.parametrize("kept", [{}, {"wall": 1.0}])
def test_what_was_not_kept_is_refused(kept):
    with pytest.raises(KeyError):
        Board().clock(kept)


def test_a_recording_has_the_times_of_its_frames():
    clock = RecordedClock(TODAY)
    assert clock.steady(90.0) == 90.0
    assert clock.steady() == 90.0
    assert clock.local(60.0).timestamp() == pytest.approx(TODAY + 60)
    assert clock.is_set


def test_a_beginning_that_was_given_is_right_though_it_is_long_ago(monkeypatch):
    assert RecordedClock(0.0).is_set
    monkeypatch.setattr("time.time", lambda: 1000.0)  # a board that was just on
    assert not RecordedClock().is_set
