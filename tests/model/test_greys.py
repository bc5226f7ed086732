"""Deep greys → 8 bits, against exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeclip.model.greys import to_8_bits


def exact(value, least, greatest):
    """Round half to even, as numpy does, but without its rounding errors before."""
    return round(Fraction(float(value) - least) * 255 / Fraction(greatest - least))


@given(hnp.arrays(np.uint16, st.tuples(st.integers(1, 5), st.integers(1, 5))))
def test_16_bits(values):
    found = to_8_bits(values, 65535.0)
    expected = [[exact(v, 0, 65535) for v in row] for row in values.tolist()]
    assert found.dtype == np.uint8 and found.tolist() == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 128.0, 255.0], [0, 128, 255]),
        ([0.0, 257.0, 65535.0], [0, 1, 255]),
        ([0.0, 1e6, 2e6], [0, 128, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([0.2, 0.2, 0.2], [51, 51, 51]),
        ([-3.0, -3.0, -3.0], [0, 0, 0]),
        ([-3e38, 0.0, 3e38], [0, 128, 255]),
        ([0.0, 0.0, 0.0], [0, 0, 0]),
    ],
)
def test_floats(values, expected):
    assert to_8_bits(np.array([values], np.float32)).tolist() == [expected]


def test_whole_numbers_of_one_are_no_fractions():
    # A mask of 0 and 1 in 32-bit integers is dark; the same in floats is black and white.
    assert to_8_bits(np.array([[0, 1]], np.int32)).tolist() == [[0, 1]]
    assert to_8_bits(np.array([[0, 1]], np.float32)).tolist() == [[0, 255]]


@pytest.mark.parametrize("rows", [1, 63, 64, 65, 200])
def test_strips_do_not_show(rows):
    values = np.arange(rows * 3, dtype=np.int32).reshape(rows, 3) * 700 - 50
    least, greatest = float(values.min()), float(values.max())
    expected = [[exact(v, least, greatest) for v in row] for row in values.tolist()]
    assert np.abs(to_8_bits(values).astype(int) - expected).max() <= 1


def test_other_byte_orders():
    assert to_8_bits(np.array([[0, 65535]], ">u2"), 65535.0).tolist() == [[0, 255]]
