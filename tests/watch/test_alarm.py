"""Scores by hand → spells."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgeclip.model.packed import PackedLabel
from edgeclip.watch.alarm import Alarm, Spell
from edgeclip.watch.rules import WHOLE, Rule

NOTHING = np.zeros((0, 4), np.float32)
LABEL = PackedLabel("cat", ("cat",), np.eye(1, 4, dtype=np.float32), (), NOTHING)


def run(scores, *, threshold=1.0, step=1.0, usual=0.0, allowed=lambda time: True, **rule):
    """Return what is told: (time, is over, the spell) for each."""
    alarm, told = Alarm(Rule(LABEL, **rule)), []
    for i, score in enumerate(scores):
        spell = alarm(
            i * step, score, threshold, usual, box=WHOLE, frame=i, allowed=allowed(i * step)
        )
        if spell is not None:
            told.append((i * step, spell.over, spell))
    return told


def times(told) -> list[tuple[float, bool]]:
    return [(time, over) for time, over, _ in told]


def test_one_beginning_and_one_end_with_the_best_frame():
    told = run([0, 0, 2, 3, 5, 4, 2, 0, 0, 0, 0, 0], min_duration=2)
    assert times(told) == [(4.0, False), (9.0, True)]
    spell: Spell = told[1][2]
    assert (spell.start, spell.peak, spell.last, spell.score) == (2.0, 4.0, 6.0, 5)
    assert spell.frame == 4


def test_a_short_flash_is_not_told():
    assert run([0, 5, 5, 0, 5, 0, 0], min_duration=2) == []


def test_a_dip_above_the_lower_level_does_not_end_it():
    told = run([2] * 5 + [0.8] * 20 + [2] * 5 + [0] * 9, min_duration=2)
    assert times(told) == [(2.0, False), (32.0, True)]
    # Before it was told there is no lower level: it has to be held above the threshold.
    assert run([2, 0.8, 2, 0.8, 2, 0.8], min_duration=2) == []


def test_a_short_dip_below_the_lower_level_does_not_end_it():
    told = run([2] * 5 + [0] * 2 + [2] * 5 + [0] * 9, min_duration=2)
    assert times(told) == [(2.0, False), (14.0, True)]


def test_a_silence_ends_it():
    alarm = Alarm(Rule(LABEL, min_duration=2))
    told = [alarm(time, 5, 1.0, 0.0, box=WHOLE) for time in (0.0, 1.0, 2.0, 5000.0)]
    assert told[2] is not None and told[3] is not None and told[3].over
    assert told[3].last == 2.0
    alarm = Alarm(Rule(LABEL, min_duration=2))
    assert [alarm(time, 5, 1.0, 0.0, box=WHOLE) for time in (0.0, 5000.0, 5001.0)] == [None] * 3


def test_none_begins_within_the_cooldown():
    scores = [2] * 5 + [0] * 10 + [2] * 5 + [0] * 10
    assert len(run(scores, cooldown=5)) == 4
    assert len(run(scores, cooldown=60)) == 2


def test_what_is_true_when_the_cooldown_ends_is_told_then():
    told = run([2] * 5 + [0] * 5 + [2] * 60 + [0] * 9, cooldown=30, min_duration=2)
    assert times(told)[2] == (36.0, False)


def test_what_never_ends_is_told_once():
    told = run([2] * 10_000 + [0] * 5 + [2] * 5 + [0] * 5, cooldown=0)
    assert [over for _, over in times(told)] == [False, True, False, True]
    assert told[1][0] == 3601.0


def test_none_begins_outside_of_the_schedule_and_one_that_goes_on_does_not_end():
    told = run([2] * 30 + [0] * 9, allowed=lambda time: 5 <= time < 10, min_duration=2)
    assert times(told) == [(7.0, False), (32.0, True)]


def test_while_learning_nothing_is_told():
    assert run([9] * 50, threshold=None) == []


def test_the_end_of_everything_ends_what_was_told_only():
    alarm = Alarm(Rule(LABEL, min_duration=2))
    for time in (0.0, 1.0):
        alarm(time, 5, 1.0, 0.0, box=WHOLE)
    assert alarm.end() is None
    for time in (0.0, 1.0, 2.0):
        alarm(time, 5, 1.0, 0.0, box=WHOLE)
    spell = alarm.end()
    assert spell is not None and spell.over
    assert alarm.end() is None


@given(
    st.lists(st.sampled_from([-1.0, 0.0, 0.9, 1.0, 2.0]), max_size=200),
    st.sampled_from([0.0, 2.0, 5.0]),
    st.sampled_from([0.0, 10.0]),
    st.sampled_from([0.2, 1.0, 5.0]),
)
def test_beginnings_and_ends_alternate_and_keep_their_distance(scores, duration, cooldown, step):
    told = run(scores, min_duration=duration, cooldown=cooldown, step=step)
    assert [over for _, over, _ in told] == [i % 2 == 1 for i in range(len(told))]
    spells = [spell for _, over, spell in told if over]
    for before, after in pairwise(spells):
        assert after.start >= before.last + cooldown
    for spell in spells:
        assert spell.start <= spell.peak <= spell.last and spell.score >= 1.0
        assert spell.last - spell.start >= duration
