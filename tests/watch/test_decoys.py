"""What other words reach, and what that makes of a rule that is often true."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from edgeclip.model.packed import PackedLabel
from edgeclip.watch.calibration import Calibration
from edgeclip.watch.decoys import Decoys, Reached
from edgeclip.watch.frame import Frame
from edgeclip.watch.rules import WHOLE, rules_of
from edgeclip.watch.scores import Scorer
from edgeclip.watch.watched import Watched
from tests.watch.test_calibration import DAY, HOUR, alerts, background
from tests.watch.test_scores import pack_of, units

COUNT = 40
LOCAL = datetime(2026, 5, 4, 9).astimezone()


def others(times: np.ndarray, level: float = -3.0, seed: int = 7) -> np.ndarray:
    """``(n, COUNT)`` scores: visits here and there, and some things that are often there."""
    random = np.random.default_rng(seed)
    scores = level + random.normal(0, 0.3, (len(times), COUNT))
    for _ in range(round(60 * times[-1] / DAY)):
        begin = random.uniform(0, times[-1])
        there = (times >= begin) & (times < begin + 40)
        scores[there] += random.gamma(2, 0.6, COUNT)
        scores[there, : COUNT // 10] += 4
    return scores.astype(np.float32)


def observed(times, scores, rate: float = 1.0, duration: float = 2.0) -> Reached:
    reached = Reached(scores.shape[1], rate, duration)
    for time, row in zip(times.tolist(), scores, strict=True):
        reached.observe(time, row)
    return reached


def test_the_level_is_what_most_stay_below():
    times = np.arange(0, 3.02 * DAY, 20.0)
    scores = others(times)
    held = np.minimum(scores[1:], scores[:-1])  # of two frames
    hours = (times[1:] // HOUR).astype(int)
    peaks = np.array([held[hours == hour].max(axis=0) for hour in range(72)])
    fourth = np.sort(peaks, axis=0)[-4]
    expected = np.quantile(fourth, 0.8)
    assert observed(times, scores).level == pytest.approx(expected, abs=1e-5)
    assert expected < fourth[: COUNT // 10].min()  # what is often there does not count


def test_nothing_is_said_before_one_alert_might_have_been_told():
    times = np.arange(0, 1.05 * DAY, 60.0)
    scores = others(times)
    assert observed(times[times < DAY], scores[times < DAY]).level is None
    assert observed(times, scores).level is not None
    hour = times < 1.1 * HOUR
    assert observed(times[hour], scores[hour], rate=24.0).level is not None


def test_a_flash_is_not_held_and_the_frame_rate_changes_little():
    times = np.arange(0, 1.1 * DAY, 4.0)
    scores = others(times)
    before = observed(times, scores).level
    flashing = scores.copy()
    flashing[::50] = 9.0
    assert observed(times, flashing).level <= before + 0.2
    assert observed(times[::2], scores[::2]).level == pytest.approx(before, abs=0.4)
    fast = np.repeat(times, 4) + np.tile([0, 1, 2, 3], len(times))
    assert observed(fast, np.repeat(scores, 4, axis=0)).level == pytest.approx(before, abs=0.6)


def test_a_silence_is_no_time_and_a_week_is_all_that_counts():
    times = np.arange(0, 1.1 * DAY, 60.0)
    scores = others(times)
    reached = Reached(COUNT, 1.0, 120.0)
    reached.observe(0.0, scores[0])
    reached.observe(10 * DAY, scores[1])
    assert reached.level is None
    reached = observed(times, scores + 5)
    high = reached.level
    for day in range(1, 9):
        for time, row in zip(times.tolist(), scores, strict=True):
            reached.observe(time + 2 * day * DAY, row)
    assert reached.level < high - 3


def test_a_restart_carries_on():
    times = np.arange(0, 9 * DAY, 120.0)
    scores = others(times)
    whole = observed(times, scores)
    again = Reached(COUNT, 1.0, 2.0)
    again.restore(whole.record())
    assert again.level == pytest.approx(whole.level, abs=0.01)
    for row in range(1000):
        again.observe(9 * DAY + 120.0 * row, scores[row])
        whole.observe(9 * DAY + 120.0 * row, scores[row])
    assert again.level == pytest.approx(whole.level, abs=0.3)  # an hour of it was cut
    with pytest.raises(ValueError, match="missing"):
        Reached(COUNT + 1, 1.0, 2.0).restore(whole.record())
    with pytest.raises(ValueError, match="another rate"):
        Reached(COUNT, 24.0, 2.0).restore(whole.record())
    with pytest.raises(KeyError):
        again.restore({})


def bounded(times, scores, decoys) -> list[float | None]:
    """The threshold at each time."""
    calibration, reached, found = Calibration(1.0, 2.0), Reached(COUNT, 1.0, 2.0), []
    for time, score, row in zip(times.tolist(), scores.tolist(), decoys, strict=True):
        found.append(calibration.bounded(reached.level))
        calibration.observe(time, score)
        reached.observe(time, row)
    return found


@pytest.mark.parametrize("visits", [16, 40, 100, 200])
def test_what_is_really_there_is_told_however_often_it_was_while_it_was_learnt(visits):
    times, scores = background(2.5, step=10.0, level=-4.0)
    every = round(DAY / visits)
    true = (times % every) < 40
    noise = np.random.default_rng(9).normal(0, 0.7, len(times))
    scores = np.where(true, 4 + noise, scores)
    thresholds = bounded(times, scores, others(times))
    seen = np.array([t is not None and s > t for s, t in zip(scores, thresholds, strict=True)])
    later = np.unique((times // every)[true & (times > 1.2 * DAY)])
    assert np.mean([seen[true & (times // every == i)].any() for i in later]) >= 0.95
    assert alerts(times, np.where(true, -9, scores), thresholds) <= 3


def test_it_is_told_where_day_and_night_differ():
    times, scores = background(2.5, step=10.0, level=-5.0)
    scores += np.where(times % DAY < DAY / 2, 0.0, 3.0)
    true = (times % (DAY / 10)) < 40
    scores[true] = 6 + np.random.default_rng(3).normal(0, 0.7, np.count_nonzero(true))
    thresholds = bounded(times, scores, others(times))
    later = true & (times > 1.2 * DAY)
    seen = np.array([t is not None and s > t for s, t in zip(scores, thresholds, strict=True)])
    visits = np.unique(times[later] // (DAY / 10))
    assert np.mean([seen[later & (times // (DAY / 10) == i)].any() for i in visits]) >= 0.9
    assert alerts(times, np.where(true, -9, scores), thresholds) <= 3


def test_each_text_is_scored_as_if_it_were_the_rule():
    pack = pack_of(2, 1, 1, 40)
    label = pack.labels[0]
    decoys = Decoys(label, pack, 1.0, 2.0)
    texts = pack.general([label])
    first, second = units(5, 2)
    decoys.look([first, second])
    for number, text in enumerate(texts):
        # The texts that mean a decoy compete with it all the same: they are few.
        rest = np.delete(texts, number, axis=0)
        alone = PackedLabel("decoy", ("",), text[None], label.negatives, label.negative_vectors)
        best = max(
            _against(alone, replace(pack, background_vectors=rest), v) for v in (first, second)
        )
        assert decoys._scores[number] == pytest.approx(best, abs=1e-3)


def _against(label, pack, vector) -> float:
    """What `Scorer` finds when no text of the background is left out."""
    scorer = Scorer(label, pack)
    scorer._background = pack.background_vectors
    return scorer(vector)


def test_a_rule_is_bounded_by_them_and_keeps_them():
    pack = pack_of(1, 0, 0, 40)
    label = replace(pack.labels[0], settings={"false_alerts": 72})
    pack = replace(pack, labels=(label,))
    (rule,) = rules_of(pack)
    watched, picture = Watched(rule, pack, None), np.zeros((1, 1, 3), np.uint8)
    seen = units(8, 64)
    for second in range(1500):
        there = second % 60 >= 50  # 1,440 times a day
        watched.look({WHOLE: label.vectors[0] if there else seen[second // 5 % 64]})
        watched.step(Frame(float(second), picture), float(second), LOCAL)
    own, level = watched.calibration.threshold, watched._decoys.level
    assert watched.threshold == watched.calibration.bounded(level) < own
    again = Watched(rule, pack, None)
    again.restore(watched.record(recorded=False))
    assert again.threshold == pytest.approx(watched.threshold, abs=0.3)
    watched.lost()
    assert watched._decoys._scores is None
    fixed = replace(label, settings={"threshold": 0.5})
    for other in (replace(pack, labels=(fixed,)), replace(pack, background_vectors=seen[:5])):
        assert Watched(rules_of(other)[0], other, None)._decoys is None
