"""Where the peaks of a background end and those of something else begin."""

from __future__ import annotations

import numpy as np
import pytest

from edgeclip.watch.modes import valley

RANDOM = np.random.default_rng(0)


def test_two_humps_are_parted_between_them():
    peaks = np.concatenate([RANDOM.exponential(0.5, 100) - 2, RANDOM.normal(5, 0.5, 20)])
    assert 1.0 < valley(peaks, -2.0, 0.0) < 5.0


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_peaks_that_thin_out_are_one_background(scale):
    found = [valley(RANDOM.exponential(scale, 300) - 2, -2.0, 0.0) for _ in range(20)]
    assert sum(cut is not None and cut < 3 * scale for cut in found) <= 2


def test_three_far_above_nothing_are_enough_and_two_are_not():
    low = np.linspace(-2, -1, 30)
    assert valley(np.append(low, [5.0, 5.1, 5.2]), -2.0, 0.0) is not None
    assert valley(np.append(low, [5.0, 5.1]), -2.0, 0.0) is None


def test_nothing_is_known_below_where_peaks_begin_or_below_the_floor():
    peaks = np.random.default_rng(1).exponential(0.5, 200) + 1.0
    assert (cut := valley(peaks, 1.0, 0.0)) is None or cut > 2.0
    assert valley(np.linspace(-9, -5, 50), -9.0, 0.0) is None
    assert valley(np.empty(0), 0.0, 0.0) is None
