"""The level of a background once a day, against distributions whose tail is known."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.stats import genpareto  # comes with scikit-learn

from edgeclip.watch import tail


def rate_reached(shape: float, count: int, days: float) -> float:
    """Return how often the level for once a day is really reached, on average over 25 looks."""
    random = np.random.default_rng(1)
    rates = []
    for _ in range(25):
        peaks = genpareto.rvs(shape, size=count, random_state=random)
        level = tail.fit(peaks, 0.0, days).level(1.0)
        rates.append(count / days * genpareto.sf(level, shape))
    return float(np.mean(rates))


@pytest.mark.parametrize("shape", [-0.3, -0.1, 0.0, 0.1])
def test_the_level_is_reached_as_rarely_as_was_asked(shape):
    assert rate_reached(shape, 1000, days=7) == pytest.approx(1, abs=0.5)


@pytest.mark.parametrize("shape", [-0.3, -0.1, 0.0])
def test_after_an_hour_the_level_is_rather_too_high_than_too_low(shape):
    assert rate_reached(shape, 30, days=1 / 24) < 2


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
    tail.fit(peaks, 0.0, 7.0)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4e6  # all at once: 60 MB


def test_how_many_peaks_are_taken_at_once_changes_nothing(monkeypatch):
    peaks = np.random.default_rng(6).exponential(size=101)
    level = tail.fit(peaks, 0.0, 1.0).level(1.0)
    monkeypatch.setattr(tail, "_AT_ONCE", 1000)
    assert tail.fit(peaks, 0.0, 1.0).level(1.0) == pytest.approx(level)


def test_a_few_peaks_and_equal_peaks():
    assert tail.fit(np.ones(tail.LEAST_PEAKS - 1), 0.0, 1.0) is None
    assert tail.fit(np.empty(0), 0.0, 1.0) is None
    level = tail.fit(np.full(30, 1e-12), 0.0, 1.0).level(1.0)
    assert np.isfinite(level) and level >= 0
