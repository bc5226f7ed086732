"""The score that was held for a time, against the definition."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgeclip.watch.sustained import Sustained

steps = st.lists(
    st.tuples(
        st.sampled_from([0.2, 1.0, 1.5, 5.0]),
        st.tuples(st.floats(-5, 5, width=32), st.floats(-5, 5, width=32)),
    ),
    min_size=1,
    max_size=60,
)


def slowly(seen: list[tuple[float, tuple]], duration: float) -> list[float] | None:
    """Return the least scores since the last frame that is at least so old, by the definition."""
    now = seen[-1][0]
    old = [time for time, _ in seen if time <= now - duration]
    return np.min([each for time, each in seen if time >= old[-1]], axis=0) if old else None


@given(steps, st.sampled_from([0.0, 1.0, 2.0, 3.0]))
def test_it_is_the_least_since_the_duration(steps, duration):
    sustained, seen, time = Sustained(duration), [], 0.0
    for step, scores in steps:
        time += step
        seen.append((time, scores))
        found, meant = sustained(time, np.float32(scores)), slowly(seen, duration)
        assert (found is None and meant is None) or found.tolist() == meant.tolist()


@given(steps)
def test_many_frames_in_a_long_duration_are_taken_together(steps):
    sustained, seen, time = Sustained(7.0), [], 0.0
    for step, scores in steps:
        time += step
        seen.append((time, scores))
        found, meant = sustained(time, np.float32(scores)), slowly(seen, 7.0)
        assert (found is None) == (meant is None)
        if found is not None:  # what came a sixteenth of it earlier may be in it
            since = max(time for time, _ in seen if time <= seen[-1][0] - 7.0) - 7.0 / 16
            longer = np.min([each for time, each in seen if time >= since], axis=0)
            assert (longer <= found).all() and (found <= meant).all()


def test_many_frames_a_second_cost_no_memory():
    sustained = Sustained(60.0)
    times = np.arange(0, 600, 0.01)
    scores = np.random.default_rng(0).normal(size=len(times)).astype(np.float32)
    for time, score in zip(times.tolist(), scores, strict=True):
        held = sustained(time, score[None])
    assert len(sustained._parts) <= 18
    # A sixteenth of the duration may be seen in addition.
    low, high = (scores[times >= times[-1] - since].min() for since in (60 * 17 / 16, 60))
    assert low <= held[0] <= high


def held(sustained: Sustained, time: float, score: float) -> float | None:
    found = sustained(time, np.float32([score]))
    return None if found is None else float(found[0])


def test_two_frames_far_apart_are_enough():
    sustained = Sustained(2.0)
    assert held(sustained, 0.0, 3.0) is None
    assert held(sustained, 5.0, 4.0) == 3.0


def test_after_a_gap_it_begins_anew():
    sustained = Sustained(2.0)
    held(sustained, 0.0, 3.0)
    sustained.forget()
    assert held(sustained, 10.0, 3.0) is None


def test_a_long_silence_is_a_gap():
    sustained = Sustained(2.0)
    held(sustained, 0.0, 3.0)
    assert held(sustained, 3600.0, 3.0) is None


def test_a_clock_that_goes_back_begins_anew():
    sustained = Sustained(2.0)
    held(sustained, 100.0, 3.0)
    assert held(sustained, 1.0, 3.0) is None
    assert held(sustained, 4.0, 3.0) == 3.0
