"""A camera that gives black pictures, or one for ever: nothing is learnt of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from edgeclip.watch.alarm import Alarm
from edgeclip.watch.clock import RecordedClock
from edgeclip.watch.frames import frames
from edgeclip.watch.gate import ChangeGate
from edgeclip.watch.rules import WHOLE, Rule
from edgeclip.watch.watcher import Watcher
from tests.watch.test_alarm import LABEL
from tests.watch.test_watcher import BEGIN, film, made, pack, watched

__all__ = ["pack"]


def stuck(seconds: int, begin: int, red=frozenset()):
    """A film that somebody who looks at the camera knows to show nothing of now."""
    return (replace(frame, blind=True) for frame in film(seconds, red=red, begin=begin))


def test_frames_that_show_nothing_say_so_until_they_show_something(control, monkeypatch):
    monkeypatch.setenv("EDGECLIP_TEST_HEALS", "1")
    states = []
    with control.installed("steady"):
        loop = frames(0, on_state=states.append, stale_s=0.2)
        assert not next(loop).blind
        control.set("blackens")
        blind = next(frame for frame in islice(loop, 300) if frame.blind)
        assert blind.picture.shape == (120, 160, 3)
        # As the state says: also after the camera was opened anew, which changed nothing.
        later = [next(loop) for _ in range(5)]
        assert all(frame.blind for frame in later) and states[-1].name == "black"
        control.set("works")
        seen = next(frame for frame in islice(loop, 300) if not frame.blind)
        assert seen.picture.mean() > 50 and states[-1].name == "open"
        loop.close()


def test_what_shows_nothing_is_not_learnt(model, pack):
    watcher = Watcher(model, pack, clock=RecordedClock(BEGIN))
    watched(watcher, film(600))
    learnt, inferences = watcher.readings[0].learnt, watcher.inferences
    assert learnt > 0.4
    assert watched(watcher, stuck(1000, 600)) == []
    assert watcher.readings[0].learnt == pytest.approx(learnt, abs=0.05)
    assert watcher.readings[0].threshold is None
    assert watcher.inferences == inferences and watcher.vector is None
    watched(watcher, film(100, begin=1600))
    assert learnt < watcher.readings[0].learnt < learnt + 0.15


def test_no_event_begins_by_what_shows_nothing(model):
    watcher = Watcher(model, made(model, threshold=0.5), clock=RecordedClock())
    # Stuck with a picture that is just above the threshold, not yet for long enough.
    events = watched(watcher, film(6, red={5}))
    events += watched(watcher, stuck(40, 6, red=set(range(100))))
    assert events == []
    events = watched(watcher, film(5, begin=100, red=set(range(110))))
    assert [event.state for event in events] == ["started"]


def test_an_event_ends_when_nothing_was_seen_for_a_minute(model):
    watcher = Watcher(model, made(model, threshold=0.5), clock=RecordedClock())
    red = set(range(5, 1000))
    (started,) = watched(watcher, film(20, red))
    # Shortly stuck is as a camera that hung shortly.
    assert watched(watcher, stuck(30, 20, red)) == [] == watched(watcher, film(5, red, begin=50))
    (ended,) = watched(watcher, stuck(100, 55, red))
    assert ended.id == started.id and ended.duration_s == 54 - 5


def test_a_scene_that_stands_still_is_no_stuck_camera(model):
    watcher = Watcher(
        model, made(model, false_alerts=72), gate=ChangeGate(), clock=RecordedClock(BEGIN)
    )
    still = next(film(1)).picture
    watched(watcher, (replace(frame, picture=still) for frame in film(1300)))
    assert watcher.inferences < 200 and watcher.readings[0].threshold is not None


def test_the_gate_compares_with_the_last_frame_that_showed_something(model):
    gate = ChangeGate(floor_s=1000)
    watcher = Watcher(model, made(model, threshold=0.5), gate=gate, clock=RecordedClock())
    watched(watcher, film(10))
    before = watcher.inferences
    black = np.zeros((48, 64, 3), np.uint8)
    watched(watcher, (replace(frame, picture=black) for frame in stuck(20, 10)))
    assert watcher.inferences == before == gate.passed
    watched(watcher, film(5, begin=30))
    assert watcher.inferences == before


def test_an_alarm_waits_a_minute():
    alarm = Alarm(Rule(LABEL, min_duration=2))
    assert alarm.unseen(5.0) is None
    for time in (10.0, 11.0, 12.0):
        alarm(time, 5, 1.0, 0.0, box=WHOLE)
    assert alarm.unseen(72.0) is None and alarm.open is not None
    ended = alarm.unseen(73.0)
    assert ended is not None and ended.over and ended.last == 12.0
    assert alarm.unseen(74.0) is None is alarm.open
