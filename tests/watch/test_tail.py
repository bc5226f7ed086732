"""The level of a background once a day, against distributions whose tail is known."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.stats import genpareto  # comes with scikit-learn

from edgeclip.watch import tail


def told(peaks: np.ndarray) -> np.ndarray:
    """Return how likely each peak is foreign, by somebody who knows roughly where those are."""
    return 1 / (1 + np.exp(9 - peaks))


def rate_reached(shape: float, count: int, days: float, foreign: int = 0) -> float:
    """Return how often the level for once a day is really reached, on average over 25 looks."""
    random = np.random.default_rng(1)
    rates = []
    for _ in range(25):
        peaks = genpareto.rvs(shape, size=count, random_state=random)
        peaks = np.concatenate([peaks, random.normal(14, 2, foreign)])
        level = tail.fit(peaks, 0.0, days, foreign=told(peaks) if foreign else None).level(1.0)
        rates.append(count / days * genpareto.sf(level, shape))
    return float(np.mean(rates))


@pytest.mark.parametrize("shape", [-0.3, -0.1, 0.0, 0.1])
def test_the_level_is_reached_as_rarely_as_was_asked(shape):
    assert rate_reached(shape, 1000, days=7) == pytest.approx(1, abs=0.5)


@pytest.mark.parametrize("shape", [-0.3, -0.1, 0.0])
def test_after_an_hour_the_level_is_rather_too_high_than_too_low(shape):
    assert rate_reached(shape, 30, days=1 / 24) < 2


@pytest.mark.parametrize("shape", [-0.3, -0.1, 0.0])
@pytest.mark.parametrize(("count", "days", "foreign"), [(1000, 7, 60), (200, 1, 9), (60, 0.1, 1)])
def test_foreign_peaks_do_not_lift_it(shape, count, days, foreign):
    random = np.random.default_rng(2)
    peaks = genpareto.rvs(shape, size=count, random_state=random)
    clean = tail.fit(peaks, 0.0, days).level(1.0)
    more = np.concatenate([peaks, random.normal(14, 2, foreign)])
    spoilt = tail.fit(more, 0.0, days, foreign=told(more)).level(1.0)
    assert spoilt < clean + 1.5
    assert rate_reached(shape, count, days, foreign) < 3


def test_without_a_word_of_foreign_ones_every_peak_is_the_background_s():
    peaks = np.concatenate([np.random.default_rng(3).exponential(size=200), np.full(20, 12.0)])
    assert tail.fit(peaks, 0.0, 1.0, foreign=told(peaks)).level(1.0) < 10
    assert tail.fit(peaks, 0.0, 1.0).level(1.0) > 12


def test_where_it_begins_and_how_high_it_is_change_nothing():
    peaks = np.random.default_rng(4).exponential(size=100)
    plain = tail.fit(peaks, 0.0, 2.0).level(1.0)
    assert tail.fit(peaks * 0.001 - 7, -7.0, 2.0).level(1.0) == pytest.approx(plain * 0.001 - 7)


def test_rate_and_level_are_each_others_inverse():
    fitted = tail.fit(3 + np.random.default_rng(5).exponential(size=50), 3.0, 0.5)
    for rate in (50.0, 5.0, 1.0, 0.1, 0.001):
        assert fitted.rate_above(fitted.level(rate)) == pytest.approx(rate, rel=1e-3)
    assert fitted.level(1e9) == 3.0


def test_many_peaks_take_little_memory():
    peaks = np.random.default_rng(5).exponential(size=5000)
    tracemalloc.start()
    tail.fit(peaks, 0.0, 7.0, foreign=told(peaks))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4e6  # all at once: 60 MB


def test_how_many_peaks_are_taken_at_once_changes_nothing(monkeypatch):
    peaks = np.random.default_rng(6).exponential(size=101)
    level = tail.fit(peaks, 0.0, 1.0, foreign=told(peaks)).level(1.0)
    monkeypatch.setattr(tail, "_AT_ONCE", 1000)
    assert tail.fit(peaks, 0.0, 1.0, foreign=told(peaks)).level(1.0) == pytest.approx(level)


def test_a_few_peaks_and_equal_peaks():
    assert tail.fit(np.ones(tail.LEAST_PEAKS - 1), 0.0, 1.0) is None
    assert tail.fit(np.empty(0), 0.0, 1.0) is None
    level = tail.fit(np.full(30, 1e-12), 0.0, 1.0).level(1.0)
    assert np.isfinite(level) and level >= 0
