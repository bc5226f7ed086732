"""A board that gets hot slows down, and cools, and slows down again."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from edgeclip.model.pack import PromptPack
from edgeclip.model.packed import PackedLabel
from edgeclip.watch.frame import Frame
from edgeclip.watch.rules import WHOLE, rules_of
from edgeclip.watch.watched import Watched

QUICK, SLOW = 5.0, 0.5
LEARNING, END = 2400, 4000
VISITS = [(begin, begin + 12 + begin % 23) for begin in range(2500, 3900, 500)]
LOCAL = datetime(2026, 5, 4, 9).astimezone()
NOTHING = np.zeros((0, 2), np.float32)


def even():
    return np.arange(0, END, 1 / QUICK)


def throttled():
    """Return times of frames: the rate sinks to a tenth within minutes, and comes back."""
    times, now = [], 0.0
    while now < END:
        times.append(now)
        heat = (1 - np.cos(2 * np.pi * now / 900)) / 2
        now += 1 / (QUICK * (SLOW / QUICK) ** heat)
    return np.array(times)


def scene(times):
    """Return how much each moment is like the rule: the light, what passes by, and the visits."""
    random = np.random.default_rng(3)
    knots = np.arange(0, END + 20, 10)
    light = np.interp(times, knots, random.normal(0, 0.3, len(knots)))
    for begin in random.uniform(0, END, 120):
        near = np.abs(times - begin)
        light += random.gamma(3, 0.4) * np.clip(1 - near / random.uniform(5, 20), 0, None)
    visit = np.any([(times >= begin) & (times < end) for begin, end in VISITS], axis=0)
    return np.where(visit, 9.0, -1.0 + light)


def run(times):
    """Take one rule through the scene; return its threshold after learning, and its events."""
    label = PackedLabel(
        "cat", ("cat",), np.eye(1, 2, dtype=np.float32), (), NOTHING, {"false_alerts": 72}
    )
    rival = np.array([[0, 1]], np.float32)
    pack = PromptPack("m", "0" * 64, 10.0, (label,), ("nothing",), rival, None, NOTHING)
    (rule,) = rules_of(pack)
    watched, learnt, events = Watched(rule, pack, None), None, []
    picture = np.zeros((1, 1, 3), np.uint8)
    for time, score in zip(times.tolist(), scene(times).tolist(), strict=True):
        # Score = 10 · (first − second), whatever their lengths are.
        watched.look({WHOLE: np.array([score / 10, 0], np.float32)})
        spell = watched.step(Frame(time, picture), time, LOCAL)
        if spell is not None and spell.over and time > LEARNING:
            events.append((spell.start, spell.last))
        if time < LEARNING:
            learnt = watched.threshold
    return learnt, events


def test_thermal_throttling_changes_how_often_frames_come_and_never_what_is_told():
    steady, hot = even(), throttled()
    steps = np.diff(hot)
    assert steps.min() == pytest.approx(1 / QUICK, rel=0.01)
    assert steps.max() == pytest.approx(1 / SLOW, rel=0.01)
    assert len(hot) < len(steady) / 1.5
    expected, found = run(steady), run(hot)
    assert found[0] == pytest.approx(expected[0], abs=0.3)
    assert len(expected[1]) == len(VISITS) == len(found[1])
    for visit, (start, last), (begin, end) in zip(VISITS, expected[1], found[1], strict=True):
        # At the rate of then: the first frame of a visit, and the last.
        assert start - visit[0] <= 1 / QUICK and 0 <= begin - visit[0] <= 1 / SLOW
        assert abs(end - last) <= 1 / SLOW
