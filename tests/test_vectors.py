"""Arithmetic on unit vectors against plain Python."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeclip.vectors import Match, ranked, softmax, unit

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False, width=32)


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 9)), elements=NUMBERS))
def test_unit_keeps_direction_and_has_length_one(vectors):
    if np.any(np.linalg.norm(vectors.astype(float), axis=1) < 1e-6):
        return
    found = unit(vectors)
    assert found.dtype == np.float32 and found.shape == vectors.shape
    for row, expected in zip(found, vectors.tolist(), strict=True):
        length = math.sqrt(math.fsum(value * value for value in expected))
        assert row.tolist() == pytest.approx([value / length for value in expected], abs=1e-6)


def test_unit_of_one_vector_has_its_shape():
    assert unit([3, 4]).tolist() == pytest.approx([0.6, 0.8])
    assert unit(np.array([3, 4], np.float16)).dtype == np.float32


@pytest.mark.parametrize(
    "bad", [[0, 0], [math.nan, 1], [math.inf, 1], [[1, 0], [0, 0]], [1e-20, 0]]
)
def test_unit_refuses_what_has_no_direction(bad):
    with pytest.raises(ValueError, match="no direction"):
        unit(bad)


@given(st.lists(st.floats(-500, 500), min_size=1, max_size=8))
def test_softmax_against_plain_python(logits):
    powers = [math.exp(value - max(logits)) for value in logits]
    expected = [power / math.fsum(powers) for power in powers]
    assert softmax(logits).tolist() == pytest.approx(expected, abs=1e-6)


def test_softmax_survives_great_logits_and_works_on_rows():
    found = softmax([[1e6, 0.0], [-1e6, -1e6]])
    assert found.tolist() == [[1.0, 0.0], [0.5, 0.5]]
    assert found.dtype == np.float32


def test_ranked_sorts_and_keeps_the_order_of_ties():
    found = ranked(["a", "b", "c", "d"], [0.1, 0.5, 0.1, 0.5])
    assert [match.key for match in found] == ["b", "d", "a", "c"]
    assert [match.score for match in ranked("ab", [1, 2], count=1)] == [2.0]
    assert ranked([], []) == []


def test_ranked_refuses_another_number_of_scores():
    with pytest.raises(ValueError, match="2 keys need 2 scores"):
        ranked(["a", "b"], [1.0])


def test_a_match_is_small_and_frozen():
    match = Match("a", 0.5)
    assert match.metadata is None and not hasattr(match, "__dict__")
    with pytest.raises(dataclasses.FrozenInstanceError):
        match.score = 1.0
