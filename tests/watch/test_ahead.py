"""A source that is read in a thread of its own."""

from __future__ import annotations

import threading
import time

import pytest

from edgeclip.errors import CameraError
from edgeclip.watch.ahead import Ahead
from tests.patience import PROMPT_S, until


class Given:
    """A source that tells what becomes of it."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.given = 0
        self.closed_by = ""
        self.held = threading.Event()
        self.held.set()
        self._count, self._error = count, error

    def frames(self):
        try:
            for number in range(self._count):
                self.held.wait()
                self.given = number + 1
                yield number
            if self._error is not None:
                raise self._error
        finally:
            self.closed_by = threading.current_thread().name


def test_all_of_a_source_in_order():
    given = Given(50)
    ahead = Ahead(given.frames())
    assert [ahead.take(5) for _ in range(50)] == list(range(50))
    assert ahead.take(5) is None and ahead.ended
    assert ahead.take(5) is None  # at once, and again
    ahead.close()
    assert given.closed_by == "edgeclip-frames"


def test_one_frame_ahead_and_no_more():
    given = Given(50)
    ahead = Ahead(given.frames())
    until(lambda: given.given == 1)
    time.sleep(0.05)
    assert given.given == 1  # nobody has taken it
    assert ahead.take(5) == 0
    until(lambda: given.given == 2)  # while the first is looked at
    ahead.close()
    assert given.given == 2 and given.closed_by


def test_whoever_takes_is_not_stuck_in_the_source():
    given = Given(2)
    given.held.clear()
    ahead = Ahead(given.frames())
    began = time.monotonic()
    assert ahead.take(0.02) is None and time.monotonic() - began < PROMPT_S
    assert not ahead.ended
    given.held.set()
    assert ahead.take(5) == 0
    ahead.close()


def test_what_a_source_raises_comes_after_its_frames():
    ahead = Ahead(Given(2, CameraError("it is gone. Try another.")).frames())
    assert [ahead.take(5), ahead.take(5)] == [0, 1]
    with pytest.raises(CameraError, match="it is gone"):
        ahead.take(5)
    assert ahead.ended and ahead.take(5) is None
    ahead.close()


def test_leaving_closes_the_source_and_leaves_no_thread():
    before = threading.active_count()
    given = Given(50)
    ahead = Ahead(given.frames())
    assert ahead.take(5) == 0
    ahead.close()
    assert given.closed_by == "edgeclip-frames" and threading.active_count() == before
    ahead.close()  # twice is once


def test_a_source_that_hangs_is_left_behind(monkeypatch):
    monkeypatch.setattr("edgeclip.watch.ahead._LEAVE_S", 0.05)
    given = Given(2)
    given.held.clear()
    ahead = Ahead(given.frames())
    began = time.monotonic()
    ahead.close()
    assert time.monotonic() - began < PROMPT_S and not given.closed_by
    given.held.set()  # and it goes as soon as it can
    until(lambda: given.closed_by)
