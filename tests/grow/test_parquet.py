"""Parquet of vectors: what is written comes back, also by the hands of others."""

from __future__ import annotations

import io
import json
import sys
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeclip.cli import upkeep
from edgeclip.errors import EdgeclipError, ExtraMissing, InvalidItem, SpaceMismatch
from edgeclip.grow import parquet, tables
from edgeclip.grow.intake import Intake
from edgeclip.grow.tables import Head, Row
from edgeclip.index.items import Item, key_bytes
from tests.index.some import DIM, SPACE, opened, units, vector_of

HEAD = Head(SPACE, DIM, "tiny")


def is_key(key: str) -> bool:
    try:
        return bool(key_bytes(key))
    except InvalidItem:
        return False


KEYS = st.one_of(
    st.text(min_size=1, max_size=30), st.binary(min_size=1, max_size=30).map(
        lambda data: data.decode("utf-8", "surrogateescape")
    )
).filter(is_key)  # fmt: skip
TEXTS = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, width=32)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
).filter(lambda value: "inf" not in repr(value).lower())  # fmt: skip
METADATA = st.none() | st.dictionaries(TEXTS.filter(bool), VALUES, max_size=4)
ASCII = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
KNOWN = st.tuples(
    METADATA, st.none() | st.binary(min_size=16, max_size=64), st.none() | ASCII
)  # fmt: skip


def written(rows, head=HEAD) -> io.BytesIO:
    file = io.BytesIO()
    with parquet.writer(file, head) as write:
        write(rows)
    file.seek(0)
    return file


def read(file) -> list[Row]:
    return [row for rows in parquet.read(file, "x.parquet") for row in rows]


def contents(index):
    return [
        (item.key, item.vector.tobytes(), item.metadata, item.content_hash, item.stamp)
        for item in index.items()
    ]


@settings(max_examples=50)
@given(st.dictionaries(KEYS, KNOWN, max_size=8))
def test_an_index_comes_back_as_it_was(tmp_path_factory, known):
    folder = tmp_path_factory.mktemp("there and back")
    with opened(folder / "one.index") as index:
        for key, (metadata, content, stamp) in known.items():
            try:
                put = index.put(Item(key, vector_of(key), metadata, content, stamp))
            except InvalidItem:  # metadata that no index keeps
                continue
            index.write([put])
        before = contents(index)
    upkeep.dump(folder / "one.index", "parquet", folder / "all.parquet", as_json=True)
    with opened(folder / "two.index") as index:
        counts = sum(Intake(folder / "all.parquet").into(index), Counter())
        assert counts == Counter(added=len(before)) and contents(index) == before
        again = sum(Intake(folder / "all.parquet").into(index), Counter())
        assert again == Counter(unchanged=len(before)) and contents(index) == before


@given(st.dictionaries(KEYS, st.booleans(), min_size=1))
def test_rows_and_errors_come_back(known):
    rows = [
        Row(key, vector_of(key), bytes(32), "1-2-3", '{"a":1}', space=SPACE)
        if good
        else Row(key, None, error=f"it is bad: {key!a}.", space=SPACE)
        for key, good in known.items()
    ]
    found = read(written(rows))
    assert [row.vector is None for row in found] == [not good for good in known.values()]
    for row, wanted in zip(found, rows, strict=True):
        same = row.vector is wanted.vector or np.array_equal(row.vector, wanted.vector)
        assert same and (row.key, row.content_hash, row.stamp, row.metadata, row.error) == (
            (wanted.key, wanted.content_hash, wanted.stamp, wanted.metadata, wanted.error)
        )
    states = list(parquet.states(written(rows), "x"))
    assert states == [(row.key, row.stamp, row.error is not None) for row in rows]


def test_the_columns_are_what_others_expect():
    name = "odd \udcff.jpg"
    rows = [Row("a.jpg", vector_of("a"), bytes(32), "1-2-3"), Row(name, None, error="it is bad.")]
    found = pq.read_table(written(rows))
    assert found.schema.field("vector").type == pa.list_(pa.float32(), DIM)
    assert found["key"].to_pylist() == ["a.jpg", "odd \\xff.jpg"]
    assert found["key_bytes"].to_pylist() == [None, b"odd \xff.jpg"]
    assert found["space"].to_pylist() == [SPACE, SPACE]
    assert found["content_hash"].to_pylist() == [bytes(32), None]
    assert found["error"].to_pylist() == [None, "it is bad."]
    # Not null: before Arrow 26 that can be written, but not be read.
    assert not np.any(found["vector"].to_pylist()[1]) and found["vector"].null_count == 0
    told = {k.decode(): v.decode() for k, v in found.schema.metadata.items() if b"edgeclip" in k}
    assert told == {
        "edgeclip.format": "1",
        "edgeclip.space": SPACE,
        "edgeclip.model": "tiny",
        "edgeclip.dim": str(DIM),
    }
    assert parquet.head_of(written(rows), "x") == HEAD


def test_many_rows_are_written_and_read_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr(parquet, "GROUP_ROWS", 100)
    vectors = units(1050)
    taken = []

    def rows():
        for number, vector in enumerate(vectors):
            taken.append(number)
            yield Row(f"{number}", vector)

    file = written(rows())
    opened_file = pq.ParquetFile(file)
    assert opened_file.num_row_groups == 11 and opened_file.metadata.num_rows == 1050
    sizes = [len(rows) for rows in parquet.read(file, "x")]
    assert max(sizes) <= 1024 and sum(sizes) == 1050
    assert np.array_equal([row.vector for row in read(file)], vectors)


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float64(), DIM)])
def test_files_of_other_programs_are_taken(tmp_path, kind):
    vectors = units(3)
    table = pa.table(
        {
            "key": list("abc"),
            "vector": pa.array(vectors.tolist(), kind),
            "space": [SPACE] * 3,
        }
    )
    pq.write_table(table, tmp_path / "theirs.parquet")
    with opened(tmp_path / "a.index") as index:
        assert sum(Intake(tmp_path).into(index), Counter()) == Counter(added=3)
        assert np.allclose(index.get("b").vector, vectors[1], atol=1e-3)


def test_files_without_rows_are_taken(tmp_path):
    (tmp_path / "none.parquet").write_bytes(written([]).getvalue())
    with opened(tmp_path / "a.index") as index:
        assert sum(Intake(tmp_path).into(index), Counter()) == Counter()


def test_another_space_is_refused_and_both_are_named(tmp_path):
    (tmp_path / "a.parquet").write_bytes(written([Row("a", vector_of("a"))]).getvalue())
    with opened(tmp_path / "a.index", "7" * 64) as index:
        with pytest.raises(SpaceMismatch) as caught:
            list(Intake(tmp_path / "a.parquet").into(index))
        assert "7" * 12 in str(caught.value) and SPACE[:12] in str(caught.value)
        assert len(index) == 0
    other = written([Row("b", vector_of("b"))], Head("8" * 64, DIM, "other"))
    (tmp_path / "b.parquet").write_bytes(other.getvalue())
    with pytest.raises(SpaceMismatch, match=r"tiny.*other"):
        Intake(tmp_path)


def test_a_file_that_does_not_say_its_space_is_not_taken_for_another_s(tmp_path):
    (tmp_path / "a.parquet").write_bytes(written([Row("a", vector_of("a"))]).getvalue())
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(vector_of("z"), pa.float32()), DIM)
    pq.write_table(pa.table({"key": ["z"], "vector": vectors}), tmp_path / "z.parquet")
    with opened(tmp_path / "a.index") as index:
        with pytest.raises(SpaceMismatch, match=r"z\.parquet does not say"):
            list(Intake(tmp_path).into(index))
        assert list(index) == ["a"]


def test_a_row_of_another_space_is_found_though_its_file_says_otherwise(tmp_path):
    file = written([Row("a", vector_of("a")), Row("b", vector_of("b"))])
    table = pq.read_table(file)
    place = table.schema.get_field_index("space")
    table = table.set_column(place, "space", pa.array([SPACE, "8" * 64]))
    pq.write_table(table, tmp_path / "a.parquet")
    with opened(tmp_path / "a.index") as index, pytest.raises(SpaceMismatch, match="8" * 12):
        list(Intake(tmp_path).into(index))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (pa.table({"key": ["a"]}), "has no column 'vector'"),
        (pa.table({"vector": [[1.0]]}), "has no column 'key'"),
        (pa.table({"key": ["a"], "vector": ["text"], "space": [SPACE]}), "cannot be read as"),
        (pa.table({"key": ["a"], "vector": [[3.0] * DIM], "space": [SPACE]}), "a: a vector has"),
        (pa.table({"key": [""], "vector": [units(1)[0]], "space": [SPACE]}), "the key '' is empty"),
    ],
)
def test_what_is_no_such_table_is_refused_in_a_sentence(tmp_path, table, said):
    pq.write_table(table, tmp_path / "odd.parquet")
    with opened(tmp_path / "a.index") as index, pytest.raises(EdgeclipError) as caught:
        list(Intake(tmp_path).into(index))
    assert said in str(caught.value) and "odd.parquet" in str(caught.value)


@pytest.mark.parametrize("cut", [0, 3, 200, -1])
def test_a_damaged_file_is_refused_in_a_sentence(tmp_path, cut):
    data = written([Row(str(number), vector_of(number)) for number in range(50)]).getvalue()
    (tmp_path / "cut.parquet").write_bytes(data[:cut])
    with opened(tmp_path / "a.index") as index, pytest.raises(EdgeclipError, match=r"cut\.parquet"):
        list(Intake(tmp_path).into(index))


def test_no_changed_byte_changes_a_row():
    data = written([Row(str(n), vector_of(n), bytes(32), "1-2-3") for n in range(20)]).getvalue()
    pages = len(data) - int.from_bytes(data[-8:-4], "little") - 8
    good, random, refused = (
        [repr(row) for row in read(io.BytesIO(data))],
        np.random.default_rng(0),
        0,
    )
    for number in range(200):
        place = int(random.integers(len(data)))
        rotten = data[:place] + bytes([data[place] ^ (1 << number % 8)]) + data[place + 1 :]
        try:
            parquet.head_of(io.BytesIO(rotten), "x")
            found = [repr(row) for row in read(io.BytesIO(rotten))]
        except EdgeclipError:
            refused += 1
        else:
            assert place >= pages or found == good
    assert refused > 100


def test_a_later_version_is_refused():
    table = pq.read_table(written([Row("a", vector_of("a"))]))
    table = table.replace_schema_metadata({"edgeclip.format": "2"})
    file = io.BytesIO()
    pq.write_table(table, file)
    file.seek(0)
    with pytest.raises(EdgeclipError, match=r"has format 2, .* Update edgeclip"):
        parquet.head_of(file, "x.parquet")


def test_a_failed_dump_leaves_nothing(tmp_path, monkeypatch):
    with opened(tmp_path / "a.index") as index:
        index.add("a", vector_of("a"))

    def broken(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tables, "table", broken)
    with pytest.raises(EdgeclipError, match="No space left"):
        upkeep.dump(tmp_path / "a.index", "parquet", tmp_path / "a.parquet", as_json=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.index"]


def test_without_pyarrow_a_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ExtraMissing, match=r"needs pyarrow: pip install 'edgeclip\[parquet\]'"):
        Intake(tmp_path)


def test_metadata_is_json_text(tmp_path):
    with opened(tmp_path / "a.index") as index:
        index.add("a", vector_of("a"), {"camera": "door", "n": 1})
    upkeep.dump(tmp_path / "a.index", "parquet", tmp_path / "a.parquet", as_json=True)
    (text,) = pq.read_table(tmp_path / "a.parquet")["metadata"].to_pylist()
    assert json.loads(text) == {"camera": "door", "n": 1}
