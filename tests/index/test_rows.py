from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeclip.errors import InvalidItem
from edgeclip.index.changes import row_from, values_of
from edgeclip.index.items import Item
from edgeclip.index.rows import checksum, item_of, row_of, vectors_of
from tests.index.some import DIM, SPACE, stored, units, vector_of

ITEM = Item("a/b.jpg", vector_of(1), {"n": 1, "t": "é"}, b"h" * 32, "12-34")


def test_item_comes_back():
    item = item_of(row_of(ITEM, DIM))
    assert (item.key, item.metadata, item.content_hash, item.stamp) == (
        ITEM.key,
        ITEM.metadata,
        ITEM.content_hash,
        ITEM.stamp,
    )
    assert item.vector.dtype == np.float32 and np.array_equal(item.vector, stored(ITEM.vector))


def test_item_of_nothing_but_a_vector_comes_back():
    item = item_of(row_of(Item("a", vector_of(1)), None))
    assert (item.metadata, item.content_hash, item.stamp) == (None, None, None)


@pytest.mark.parametrize("stamp", ["é", 7, b"x"])
def test_stamp_that_cannot_be_kept(stamp):
    with pytest.raises(InvalidItem, match="stamp"):
        row_of(replace(ITEM, stamp=stamp), DIM)


def test_vectors_of_many_rows():
    vectors = units(5)
    rows = [row_of(Item(str(n), vector), DIM) for n, vector in enumerate(vectors)]
    assert np.array_equal(vectors_of(rows, DIM), stored(vectors))
    assert vectors_of([], DIM).shape == (0, DIM)


def test_row_comes_back_from_its_columns():
    row = replace(row_of(ITEM, DIM), id=7)
    assert row_from(values_of(row, SPACE)) == (row, checksum(row, SPACE))


def test_checksum_covers_every_bit_of_the_vector_and_each_field():
    row = replace(row_of(ITEM, DIM), id=7)
    right = checksum(row, SPACE)
    for bit in range(8 * len(row.vector)):
        vector = bytearray(row.vector)
        vector[bit // 8] ^= 1 << bit % 8
        assert checksum(replace(row, vector=bytes(vector)), SPACE) != right
    others = [
        {"id": 8},
        {"key": "a/b.jpf"},
        {"content_hash": None},
        {"stamp": "12-35"},
        {"stamp": None},
        {"metadata": row.metadata + " "},
        {"metadata": ""},
    ]
    assert all(checksum(replace(row, **other), SPACE) != right for other in others)
    assert checksum(row, SPACE[:-1] + "6") != right


def test_checksum_tells_where_a_field_ends():
    row = replace(row_of(ITEM, DIM), content_hash=None)
    one, other = replace(row, key="ab", stamp="c"), replace(row, key="a", stamp="bc")
    assert checksum(one, SPACE) != checksum(other, SPACE)


KINDS = st.none() | st.integers() | st.floats() | st.text() | st.binary()


@given(st.lists(KINDS, min_size=6, max_size=6))
def test_columns_of_any_kind_make_a_row_that_does_not_fit(values):
    row, crc = row_from((1, *values))
    assert crc is None or checksum(row, SPACE) != crc
    assert isinstance(row.key, str) and isinstance(row.vector, bytes)
