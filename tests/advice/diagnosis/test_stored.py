"""A stored vector beside a fresh one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from edgeclip.advice.diagnosis import stored
from edgeclip.vectors import unit

FRESH, QUERY, PAD, LEFT = np.eye(8, dtype=np.float32)[:4]
OTHERS = {"pad": PAD, "turned_left": LEFT}


def check(vector, **options):
    return stored.check(vector, FRESH, QUERY, OTHERS, **options)


def test_the_same_vector_is_well():
    found = check(FRESH)
    assert (found.state, found.twin, found.normalised) == ("ok", None, True)
    assert (found.dim, found.length, found.cosine, found.score) == (8, 1, 1, 0)
    assert found.messages == ("its cosine with the fresh vector is 1.0000: they are the same",)


def test_the_16_bits_of_an_index_are_well():
    vector = unit(np.random.default_rng(0).normal(size=512))
    found = stored.check(vector.astype(np.float16), vector, vector, {})
    assert found.state == "ok" and found.normalised


@pytest.mark.parametrize(("length", "said"), [(11.3, "11.3"), (0.25, "0.25"), (1e200, "1e+200")])
def test_a_length_that_is_not_1(length, said):
    found = check(FRESH.astype(float) * length)
    assert (found.state, found.normalised) == ("ok", False)
    assert found.length == pytest.approx(length) and found.cosine == pytest.approx(1)
    assert found.messages[0] == f"its length is {said}: divide by it"


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite(wrong):
    found = check([wrong, *[0.1] * 7])
    assert (found.state, found.length, found.cosine) == ("not finite", None, None)
    assert not found.normalised and "nan or inf" in found.messages[0]


def test_another_dim():
    found = check(np.ones(4) / 2)
    assert (found.state, found.dim, found.cosine, found.score) == ("dim", 4, None, None)
    assert found.messages == ("it has 4 numbers, this model's have 8: another model made it",)


def test_all_zero():
    found = check(np.zeros(8))
    assert (found.state, found.length, found.cosine) == ("zero", 0, None)
    assert "no direction" in found.messages[0]


@pytest.mark.parametrize(
    ("cosine", "state", "said"),
    [
        (0.9995, "ok", "the same"),
        (0.96, "near", "another fit, variant or decoder"),
        (0.02, "other", "another model, tower or preprocessing"),
        (-0.5, "other", "another model"),
    ],
)
def test_the_cosine_tells_what_made_it(cosine, state, said):
    vector = cosine * FRESH + np.sqrt(1 - cosine**2) * np.eye(8)[7]
    found = check(vector)
    assert found.state == state and found.cosine == pytest.approx(cosine)
    assert f"is {cosine:.4f}: " in found.messages[0] and said in found.messages[0]


@pytest.mark.parametrize(
    ("vector", "twin", "said"),
    [
        (PAD, "pad", "with --fit pad"),
        (3 * LEFT, "turned_left", "turned by 90° to the left"),
        (QUERY, "query", "of the query's words"),
    ],
)
def test_a_vector_that_was_made_in_another_known_way(vector, twin, said):
    found = check(vector)
    assert (found.state, found.twin) == ("twin", twin) and said in found.messages[-1]


def test_every_other_way_has_words():
    from edgeclip.advice.diagnosis.framing import TURNS

    assert set(stored._TWINS) == {"crop", "pad", "query", *TURNS}


def test_spaces():
    assert check(FRESH, spaces=(None, "b" * 64)).same_space is None
    assert check(FRESH, spaces=("b" * 64, "b" * 64)).same_space is True
    found = check(FRESH, spaces=("a" * 64, "b" * 64))
    assert found.same_space is False
    assert found.messages[-1] == "it is of space aaaaaaaaaaaa…, this model's is bbbbbbbbbbbb…"


def test_a_place_is_passed_on():
    place = stored.Place(3, 9, "a.jpg", 0.4)
    assert check(FRESH, place=place).place == place
    assert check(FRESH, place=place).indexed and not check(FRESH).indexed
    assert "changed since it was indexed" in check(np.eye(8)[7], place=place).messages[0]


def test_all_figures_are_plain(model):
    for value in dataclasses.asdict(check(np.ones(8, np.float32))).values():
        assert value is None or type(value) in (str, int, float, bool, tuple)
