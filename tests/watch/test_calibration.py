"""What a threshold does on backgrounds that are made by a formula."""

from __future__ import annotations

import numpy as np
import pytest

from edgeclip.watch.calibration import Calibration, episodes, levelled

HOUR, DAY = 3600.0, 86_400.0


def background(
    days: float, *, step: float = 5.0, seed: int = 0, level: float = -3.0, drift: float = 0.0
):
    """Return times and scores: slow noise, quick noise, and now and then something that is near."""
    random = np.random.default_rng(seed)
    times = np.arange(0, days * DAY, step)
    knots = np.arange(0, days * DAY + 600, 300)
    slow = np.interp(times, knots, random.normal(0, 0.3, len(knots)))
    scores = level + slow + random.normal(0, 0.3, len(times)) + drift * times / DAY
    for _ in range(int(100 * days)):
        begin = random.uniform(0, days * DAY)
        visit = (times >= begin) & (times < begin + random.uniform(6, 60))
        scores[visit] += random.gamma(3, 0.6)
    return times, scores


def run(calibration: Calibration, times, scores) -> list[float | None]:
    thresholds = []
    for time, score in zip(times.tolist(), scores.tolist(), strict=True):
        calibration.observe(time, score)
        thresholds.append(calibration.threshold)
    return thresholds


def alerts(times, scores, thresholds) -> int:
    """Count episodes of two frames in a row above the threshold of their time."""
    high = np.array([t is not None and s > t for s, t in zip(scores, thresholds, strict=True)])
    held = np.flatnonzero(high[1:] & high[:-1])
    return int(np.count_nonzero(np.diff(times[held], prepend=-1e9) > 120))


def learnt(days: float = 1.1, rate: float = 1.0, **how) -> Calibration:
    calibration = Calibration(rate, 2.0)
    run(calibration, *background(days, **how))
    return calibration


@pytest.mark.parametrize(
    ("rate", "seconds"), [(1.0, DAY), (24.0, HOUR), (1 / 7, DAY), (96.0, 1200.0)]
)
def test_the_warm_up_is_as_long_as_the_promise_asks(rate, seconds):
    calibration = Calibration(rate, 2.0)
    assert calibration.warm_up_s == pytest.approx(seconds)
    times, scores = background(1.1)
    thresholds = run(calibration, times, scores)
    first = next(t for t, level in zip(times, thresholds, strict=True) if level is not None)
    assert seconds <= first <= seconds + 60


def test_while_it_learns_it_tells_how_far_it_is():
    calibration = Calibration(1.0, 2.0)
    times, scores = background(0.02)
    half = len(times) // 2
    run(calibration, times[:half], scores[:half])
    first = calibration.learnt
    run(calibration, times[half:], scores[half:])
    assert 0 < first < calibration.learnt < 1


@pytest.mark.parametrize("level", [-5.0, -3.0, -1.0, 0.0])
def test_no_more_false_alerts_than_were_tolerated(level):
    count, days = 0, 0.0
    for seed in range(2):
        times, scores = background(4, seed=seed, level=level)
        thresholds = run(Calibration(1.0, 2.0), times, scores)
        count += alerts(times, scores, thresholds)
        days += sum(each is not None for each in thresholds) / len(times) * 4
    assert days > 5
    assert count / days <= 1.0


def test_what_was_reached_more_often_than_may_be_is_believed():
    times = np.arange(0, 6 * DAY, 30.0)
    scores = np.random.default_rng(1).exponential(0.3, len(times)) - 4
    visits = np.linspace(0.2 * DAY, 5.8 * DAY, 8)
    for begin, height in zip(visits, np.linspace(1.0, 1.1, 8), strict=True):
        scores[(times >= begin) & (times < begin + 90)] = height
    calibration = Calibration(1.0, 2.0)
    run(calibration, times, scores)
    assert calibration.threshold > 1.01  # five of them are above, in not quite six days


def test_below_even_odds_nothing_alerts():
    assert learnt(level=-9.0).threshold == 0.0
    assert learnt(level=3.0).threshold > 4


def test_a_level_bounds_it_above_what_is_usual():
    calibration = learnt(level=-1.0)
    own = calibration.threshold
    assert own > 3 and calibration.bounded(None) == own == calibration.bounded(own + 1)
    assert calibration.bounded(own - 0.5) == own - 0.5
    # A quarter of the half minutes reach about -0.4: 2.5 above that is clear of it.
    assert 1.7 < calibration.bounded(-9.0) < 2.7
    assert learnt(level=-9.0).bounded(-9.0) == 0.0
    assert Calibration(1.0, 2.0).bounded(1.0) is None


def test_a_rarer_promise_is_a_higher_threshold():
    levels = [learnt(rate=rate).threshold for rate in (48.0, 1.0, 1 / 7)]
    assert levels[0] < levels[1] < levels[2]


def test_it_follows_a_slow_drift():
    calibration = Calibration(1.0, 2.0)
    times, scores = background(8, drift=0.3, step=20.0, level=-5.0)
    thresholds = run(calibration, times, scores)
    day = round(DAY / 20)
    assert thresholds[-1] > thresholds[2 * day] + 0.7
    assert alerts(times, scores, thresholds) <= 16


def test_a_scene_that_stands_still_is_learnt_all_the_same():
    calibration = Calibration(1.0, 2.0)
    times = np.arange(0, 1.1 * DAY, 20.0)
    run(calibration, times, np.full(len(times), -5.0))
    run(upper := Calibration(1.0, 2.0), times, np.full(len(times), 5.0))
    assert 5.2 < upper.threshold < 7
    assert calibration.threshold == 0.0


def test_the_frame_rate_changes_little():
    times, scores = background(1.1, step=2.0)
    slow, quick = Calibration(1.0, 2.0), Calibration(1.0, 2.0)
    run(quick, times, scores)
    run(slow, times[::5], scores[::5])
    assert slow.threshold == pytest.approx(quick.threshold, abs=0.7)
    assert slow.watched_s == quick.watched_s


def test_a_restart_carries_on():
    calibration = learnt()
    again = Calibration(1.0, 2.0)
    again.restore(calibration.record())
    assert again.threshold == pytest.approx(calibration.threshold, abs=0.3)
    assert again.watched_s == calibration.watched_s
    half = Calibration(1.0, 2.0)
    run(half, *background(0.02))
    assert half.threshold is None
    later = Calibration(1.0, 2.0)
    later.restore(half.record())
    assert later.learnt == pytest.approx(half.learnt)


@pytest.mark.parametrize("kept", [{}, {"blocks": "", "filled": 3}, {"blocks": "!", "filled": 0}])
def test_what_was_not_kept_is_refused(kept):
    with pytest.raises((ValueError, KeyError)):
        Calibration(1.0, 2.0).restore(kept)


def test_it_forgets_what_is_older_than_a_week():
    calibration = Calibration(1.0, 2.0)
    times = np.arange(0, 7.2 * DAY, 30.0)
    run(calibration, times, np.sin(times))
    assert calibration.watched_s == 7 * DAY
    assert len(calibration.record()["blocks"]) < 60_000


def test_time_in_which_nothing_was_seen_does_not_count():
    calibration = Calibration(1.0, 2.0)
    times, scores = background(0.01)
    run(calibration, times, scores)
    run(calibration, times + DAY, scores)
    assert calibration.watched_s <= 2 * 0.01 * DAY + 60


def test_each_day_is_moved_to_the_level_of_the_last():
    day = round(DAY / 30)
    wave = np.sin(np.linspace(0, 2 * np.pi, day, endpoint=False))
    blocks = np.concatenate([wave[day // 2 :] - 3, wave - 2, wave])
    moved = levelled(blocks)
    assert np.allclose(moved[-2 * day :], np.tile(wave, 2), atol=0.01)
    assert moved[: day // 2].mean() < 0  # half a day keeps its place in the day


def test_episodes_are_what_lies_apart():
    blocks = np.array([0, 5, 6, 0, 7, 0, 0, 8, 0, 0, 0, 9], float)
    assert episodes(blocks, 1.0).tolist() == [7, 8, 9]
    assert episodes(blocks, 9.0).tolist() == []
