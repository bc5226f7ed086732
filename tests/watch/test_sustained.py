"""The score that was held for a time, against the definition."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgeclip.watch.sustained import Sustained

steps = st.lists(
    st.tuples(st.sampled_from([0.2, 1.0, 1.5, 5.0]), st.floats(-5, 5)), min_size=1, max_size=60
)


def slowly(seen: list[tuple[float, float]], duration: float) -> float | None:
    """Return the least score since the last frame that is at least so old, by the definition."""
    now = seen[-1][0]
    old = [time for time, _ in seen if time <= now - duration]
    return min(score for time, score in seen if time >= old[-1]) if old else None


@given(steps, st.sampled_from([0.0, 1.0, 2.0, 7.0]))
def test_it_is_the_least_since_the_duration(steps, duration):
    sustained, seen, time = Sustained(duration), [], 0.0
    for step, score in steps:
        time += step
        seen.append((time, score))
        assert sustained(time, score) == slowly(seen, duration)


def test_two_frames_far_apart_are_enough():
    sustained = Sustained(2.0)
    assert sustained(0.0, 3.0) is None
    assert sustained(5.0, 4.0) == 3.0


def test_after_a_gap_it_begins_anew():
    sustained = Sustained(2.0)
    sustained(0.0, 3.0)
    sustained.forget()
    assert sustained(10.0, 3.0) is None


def test_a_long_silence_is_a_gap():
    sustained = Sustained(2.0)
    sustained(0.0, 3.0)
    assert sustained(3600.0, 3.0) is None


def test_a_clock_that_goes_back_begins_anew():
    sustained = Sustained(2.0)
    sustained(100.0, 3.0)
    assert sustained(1.0, 3.0) is None
    assert sustained(4.0, 3.0) == 3.0
