"""Escaped texts: there and back, in the same order, with the same beginnings."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeclip.grow.fleet import texts

ODD = st.text(st.sampled_from("\0\1\2\x03\ud7fe\ud7ff\ud800\udc80\udfff\ue000𝄞a0f"), max_size=6)
TEXTS = ODD | st.text(st.characters(), max_size=6)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(TEXTS, TEXTS)
def test_order_equality_and_prefixes_stay(one, other):
    near, far = texts.encoded(one), texts.encoded(other)
    assert texts.decoded(near) == one
    assert (near < far, near == far) == (one < other, one == other)
    assert near.startswith(far) == one.startswith(other)
    assert (near.encode() < far.encode()) == (one < other)  # as the server's collation "C" has it
    assert "\0" not in near


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\1\ud7ff")))
def test_what_is_no_odd_text_stays_as_it_is(text):
    assert texts.encoded(text) == texts.decoded(text) == text


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_metadata_comes_back(metadata):
    metadata = json.loads(json.dumps(metadata))  # a pair of surrogates is a letter to JSON
    text = texts.jsonb(json.dumps(metadata))
    assert "\\u0000" not in text.replace("\\\\", "")
    found = texts.metadata(text)
    assert repr(found) == repr(metadata)


def test_plain_metadata_is_not_even_parsed():
    plain = '{"a":"caf\\u00e9","b":[1,2.5]}'
    assert texts.jsonb(plain) is plain
    assert texts.metadata(None) is None and texts.metadata("{}") == {}


@pytest.mark.parametrize("value", [0, -7, 2**53 + 1, 10**30, 0.1, -0.0, 1e16, 1e23, 5e-324])
def test_a_number_is_written_exactly_from_2_to_the_53(value):
    from fractions import Fraction

    written = Fraction(texts.number(value))
    if abs(value) < 2**53:
        assert float(written) == value
    else:
        assert written == Fraction(value)
    assert math.copysign(1, float(texts.number(value))) == math.copysign(1, value)
