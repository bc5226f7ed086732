"""Estimates against published values and against what chance does."""

from __future__ import annotations

import numpy as np
import pytest

from edgeclip.model.estimate import auc, balanced_accuracy, best_threshold, wilson


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    # Newcombe 1998, table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_is_that_of_the_literature(right, count, low, high):
    assert wilson(right / count, count) == pytest.approx((low, high), abs=1e-4)


def test_balanced_accuracy_counts_classes_alike():
    right = [np.repeat([True, False], [9, 1]), np.repeat([True, False], [20, 20])]
    found, interval = balanced_accuracy(right)
    assert found == pytest.approx(0.7)
    assert interval == pytest.approx(wilson(0.7, 4 / (1 / 10 + 1 / 40)))
    equal = [np.repeat([True, False], [6, 2])] * 3
    assert balanced_accuracy(equal)[1] == pytest.approx(wilson(0.75, 24))


def test_auc_counts_pairs():
    positive, negative = np.array([0.9, 0.8, 0.4]), np.array([0.5, 0.4, 0.1, 0.0])
    assert auc(positive, negative)[0] == pytest.approx((4 + 4 + 2.5) / 12)
    assert auc(-positive, -negative)[0] == pytest.approx(1 - 10.5 / 12)


def test_the_interval_of_auc_keeps_its_width_when_all_is_right():
    found, (low, high) = auc(np.arange(3) + 9.0, np.arange(3.0))
    assert (found, high) == (1.0, 1.0) and 0.5 < low < 0.65
    _, (more, _) = auc(np.arange(30) + 90.0, np.arange(30.0))
    assert 0.9 < more < 1


def test_the_interval_of_auc_holds_what_it_should():
    random = np.random.default_rng(3)
    true, held, below_chance = 0.760, 0, 0  # two normal distributions one deviation apart
    for _ in range(300):
        _, (low, high) = auc(random.normal(1, size=12), random.normal(size=15))
        held += low <= true <= high
        _, (chance, _) = auc(random.normal(size=12), random.normal(size=15))
        below_chance += chance <= 0.5
    assert held / 300 > 0.92 and below_chance / 300 > 0.95


def test_the_threshold_parts_best():
    assert best_threshold(np.array([0.6, 0.9]), np.array([0.1, 0.4])) == pytest.approx(0.5)
    positive, negative = np.array([0.3, 0.8, 0.9]), np.array([0.1, 0.2, 0.4, 0.5])
    assert best_threshold(positive, negative) in (pytest.approx(0.25), pytest.approx(0.65))
    assert best_threshold(np.array([0.5]), np.array([0.5])) == 0.5
