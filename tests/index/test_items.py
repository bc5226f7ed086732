import json
import math
import warnings
from collections import OrderedDict
from datetime import date, datetime, timedelta, timezone
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeclip.errors import InvalidItem
from edgeclip.index.items import (
    MAX_METADATA_BYTES,
    content_hash_bytes,
    key_bytes,
    metadata_text,
    unit_vector,
    unit_vectors,
)
from tests.index.some import units, vector_of

LEAF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@pytest.mark.parametrize(
    "key",
    [
        "a",
        "a/b.jpg",
        "é" * 2048,
        "x" * 4096,
        "new\nline",
        "‮gpj.exe",
        "עברית/תמונה.jpg",
        "🏳️‍🌈",
        "../../etc/passwd",
        "-rf",
        " ",
        b"caf\xe9.jpg".decode("utf-8", "surrogateescape"),
        b"\xff\xfe\x80".decode("utf-8", "surrogateescape"),
    ],
)
def test_key_comes_back_from_its_bytes(key):
    assert key_bytes(key).decode("utf-8", "surrogateescape") == key


@given(st.binary(min_size=1, max_size=50).filter(lambda data: b"\0" not in data))
def test_key_of_any_file_name_comes_back(data):
    assert key_bytes(data.decode("utf-8", "surrogateescape")) == data


@pytest.mark.parametrize(
    "key",
    ["", "a\0b", "x" * 4097, "é" * 2049, "\ud800", "\udfff", "\udcc3\udca9", None, b"a", 1],
)
def test_key_that_cannot_be_kept(key):
    with pytest.raises(InvalidItem):
        key_bytes(key)


@pytest.mark.parametrize("length", [0.0, 0.97, 1.03, 2.0, math.nan, math.inf])
def test_vector_that_is_not_of_unit_length(length):
    with pytest.raises(InvalidItem, match="length"):
        unit_vector(vector_of(1) * np.float32(length))


def test_a_number_that_is_too_large_is_refused_without_a_warning():
    with warnings.catch_warnings(), pytest.raises(InvalidItem, match="length"):
        warnings.simplefilter("error")
        unit_vector([1e300, 0.0])


@pytest.mark.parametrize("place", [0, 31])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_vector_that_is_not_finite(place, value):
    vector = vector_of(1)
    vector[place] = value
    with pytest.raises(InvalidItem):
        unit_vector(vector)


@pytest.mark.parametrize(
    "vector", [[], [[1.0]], 1.0, "text", [1, None], ["a"], [1j], {}, [[1], [1, 2]], None]
)
def test_vector_of_another_kind(vector):
    with pytest.raises(InvalidItem):
        unit_vector(vector)


def test_vector_of_another_dim():
    with pytest.raises(InvalidItem, match=r"\(31,\), not \(32,\)"):
        unit_vector(units(1, 31)[0], 32)


def test_vectors_of_any_layout_become_float32():
    wanted = units(4)
    for given_vectors in (wanted.astype(np.float64), wanted.tolist(), np.asfortranarray(wanted)):
        found = unit_vectors(given_vectors)
        assert found.dtype == np.float32 and found.flags.c_contiguous
        assert np.array_equal(found, wanted)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_metadata_comes_back(metadata):
    text = metadata_text(metadata)
    assert text.isascii() and json.loads(text) == metadata


def test_metadata_of_other_kinds_becomes_plain():
    zone = timezone(timedelta(hours=2))
    text = metadata_text(
        OrderedDict(
            at=datetime(2026, 5, 1, 12, 30, tzinfo=zone),
            on=date(2026, 5, 1),
            n=np.int64(7),
            x=np.float32(0.5),
            flag=np.True_,
            pair=(1, 2),
            inner=MappingProxyType({"a": 1}),
        )
    )
    assert json.loads(text) == {
        "at": "2026-05-01T12:30:00+02:00",
        "on": "2026-05-01",
        "n": 7,
        "x": 0.5,
        "flag": True,
        "pair": [1, 2],
        "inner": {"a": 1},
    }
    assert metadata_text(None) == "" and metadata_text({}) == "{}"
    assert json.loads(metadata_text({"n": 10**300}))["n"] == 10**300


def nested(depth):
    value = {}
    for _ in range(depth):
        value = {"a": value}
    return value


def circle():
    value = {}
    value["a"] = value
    return value


@pytest.mark.parametrize(
    "metadata",
    [
        [1],
        "text",
        {1: 2},
        {"a": {1: 2}},
        {"a": [{None: 2}]},
        {"a": math.nan},
        {"a": math.inf},
        {"a": np.float32("nan")},
        {"a": b"bytes"},
        {"a": {1, 2}},
        {"a": object()},
        {"a": np.zeros(3)},
        {"a": np.longdouble(1)},
        {"a": 10**5000},
        {"a": "x" * MAX_METADATA_BYTES},
        {"a": "é" * (MAX_METADATA_BYTES // 6)},
        nested(33),
        nested(100_000),
        circle(),
    ],
    ids=range(19),
)
def test_metadata_that_cannot_be_kept(metadata):
    with pytest.raises(InvalidItem):
        metadata_text(metadata)


def test_metadata_that_just_fits():
    assert len(metadata_text({"a": "x" * (MAX_METADATA_BYTES - 8)})) == MAX_METADATA_BYTES
    assert metadata_text(nested(31))


@pytest.mark.parametrize("value", [b"", b"x" * 15, b"x" * 65, "x" * 32, bytearray(32), 7])
def test_content_hash_that_cannot_be_kept(value):
    with pytest.raises(InvalidItem):
        content_hash_bytes(value)


def test_content_hash():
    assert content_hash_bytes(None) is None
    assert content_hash_bytes(b"x" * 16) == b"x" * 16
