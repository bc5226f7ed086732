"""Golden pictures and vectors: the same bytes on every machine."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeclip.errors import ModelError
from edgeclip.model import goldens, verify
from edgeclip.model.goldens import decode_vector, encode_vector, golden_picture


def plain(formula: str, x: int, y: int, seed: int) -> int:
    """One channel of one pixel, in Python's own integers."""

    def triangle(phase: int) -> int:
        return phase % 512 if phase % 512 < 256 else 511 - phase % 512

    if formula == "waves":
        across = triangle(x * (2 + seed % 5) + seed * 29)
        return (across + triangle(y * (1 + seed % 3) + (x * y * seed) // 256)) // 2
    if formula == "checks":
        side = 8 + seed % 23
        odd = (x // side + y // (side + 3)) % 2
        return (odd * (120 + seed % 100) + (x * 3 + y * 2) % 64) & 255
    if formula == "rings":
        distance = (x - 40 - seed) ** 2 + (y - 60 - 2 * seed) ** 2
        return triangle(distance // (16 + seed % 9))
    if formula == "noise":
        mixed = ((x // 6) * 73856093) ^ ((y // 6) * 19349663) ^ (seed * 83492791)
        mixed = (mixed ^ (mixed >> 13)) * 1274126177
        mixed = (mixed + 2**63) % 2**64 - 2**63
        return (mixed ^ (mixed >> 16)) & 255
    return (((x + 2 * y) // (5 + seed % 17)) * 53 + seed * 11) % 256


@pytest.mark.parametrize("picture", goldens.PICTURES, ids=lambda p: f"{p.formula}-{p.width}")
def test_pictures_equal_the_formula_in_plain_integers(picture):
    pixels = golden_picture(picture.formula, picture.width, picture.height, picture.seed)
    assert pixels.shape == (picture.height, picture.width, 3) and pixels.dtype == np.uint8
    rng = np.random.default_rng(0)
    for _ in range(200):
        x, y, c = (int(rng.integers(n)) for n in (picture.width, picture.height, 3))
        assert pixels[y, x, c] == plain(picture.formula, x, y, picture.seed + 37 * c)


def test_the_pixels_are_those_of_the_format():
    # Another pixel breaks every model folder that was ever written: never replace this hash.
    digest = hashlib.sha256()
    for p in goldens.PICTURES:
        digest.update(golden_picture(p.formula, p.width, p.height, p.seed).tobytes())
    assert digest.hexdigest() == "563103e390bf379f640b0665bcd4e36f1851416e89b842fda7aa7052b1f7c510"


def test_pictures_differ_and_are_no_plain_colour():
    pictures = [golden_picture(p.formula, 64, 64, p.seed) for p in goldens.PICTURES]
    assert len(pictures) >= 8 and all(p.std() > 20 for p in pictures)
    assert len({p.tobytes() for p in pictures}) == len(pictures)
    shapes = {(p.width > p.height) - (p.width < p.height) for p in goldens.PICTURES}
    assert shapes == {-1, 0, 1} and len(goldens.TEXTS) >= 8


@pytest.mark.parametrize(
    "wrong", [("stars", 9, 9, 1), ("waves", 0, 9, 1), ("waves", 9, 4097, 1), ("", 9, 9, 1)]
)
def test_unknown_pictures_are_model_errors(wrong):
    with pytest.raises(ModelError, match="unknown to this version"):
        golden_picture(*wrong)


@given(hnp.arrays(np.float32, st.integers(0, 40), elements=st.floats(width=32)))
def test_vectors_survive_the_round_trip(vector):
    assert decode_vector(encode_vector(vector)).tobytes() == vector.tobytes()


@pytest.mark.parametrize("text", ["AAA", "!!!!", "AAAAAAA=", "ä", "AAAA AAAA"])
def test_damaged_vectors_are_model_errors(text):
    with pytest.raises(ModelError, match="golden vector"):
        decode_vector(text)


def test_record_goldens_needs_a_vector_for_each_picture():
    vectors = [np.eye(4, dtype=np.float32)[0]] * len(goldens.PICTURES)
    section = verify.record_goldens(vectors, [], by="a test")
    assert section["texts"] == [] and section["computed_by"] == "a test"
    assert len(section["pictures"]) == len(goldens.PICTURES)
    with pytest.raises(ValueError, match="shorter"):
        verify.record_goldens(vectors[1:], [], by="a test")
