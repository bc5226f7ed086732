import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from edgeclip import errors
from edgeclip.index import identity, schema
from edgeclip.index.changes import Amend, Fail, Put, Remove, Setting, Statement
from edgeclip.index.items import Item
from edgeclip.index.rows import row_of
from edgeclip.index.store import News, Store
from tests.index.some import DIM, SPACE, vector_of


def put(key, version=None, **known):
    return Put(row_of(Item(key, vector_of(version or key), **known), DIM))


@pytest.fixture
def path(tmp_path):
    Store.create(tmp_path / "store.db", identity.new_identity(SPACE, "tiny"))
    return tmp_path / "store.db"


@pytest.fixture
def store(path):
    with closing(Store.open(path, read_only=False)) as opened:
        yield opened


def change(path, sql, *values):
    """Change the database behind everyone's back."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(sql, values).rowcount != 0
        connection.commit()


def keys(store):
    return {row.key: row.id for row in store.rows()}


def test_new_store_knows_who_it_is(path, store):
    known = store.identity
    assert (known.space, known.model, known.dim, known.generation) == (SPACE, "tiny", None, 1)
    assert len(known.secret) == 32
    store.write([Setting("dim", DIM)])
    assert store.identity == replace(known, dim=DIM)
    with closing(Store.open(path, read_only=True)) as reader:
        assert reader.identity == store.identity


def test_creation_leaves_one_file(path):
    assert [each.name for each in path.parent.iterdir()] == ["store.db"]


def test_creation_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("edgeclip.index.place.fsync", fail)
    (tmp_path / "old.db.new").write_text("of a creation that was killed")
    with pytest.raises(errors.StoreError, match="cannot be made"):
        Store.create(tmp_path / "old.db", identity.new_identity(SPACE, ""))
    assert not list(tmp_path.glob("*.new*"))


def test_outcomes(store):
    assert store.write([put("a")]) == ["added"]
    assert store.write([put("a")]) == ["unchanged"]
    assert store.write([put("a", metadata={"n": 1})]) == ["updated"]
    assert store.write([put("a", "other")]) == ["updated"]
    assert store.write([Amend("a", stamp="7"), Amend("a", stamp="7")]) == ["updated", "unchanged"]
    assert store.write([Amend("b", metadata="{}")]) == ["missing"]
    assert store.write([Remove("a"), Remove("a")]) == ["removed", "missing"]
    assert store.write([Fail("f", "1", "broken"), Remove("f"), Remove("f")]) == [
        "failed",
        "removed",
        "missing",
    ]


def test_new_vector_has_a_new_id_and_new_metadata_has_not(store):
    store.write([put("a")])
    first = keys(store)["a"]
    store.write([put("a", metadata={"n": 1}), Amend("a", new_key="b"), Amend("b", stamp="x")])
    assert keys(store) == {"b": first}
    store.write([put("b", "other")])
    assert keys(store)["b"] > first


def test_ids_are_never_used_again(path):
    seen = set()
    for step in range(6):
        with closing(Store.open(path, read_only=False)) as store:
            store.write([put(f"{step}-{n}") for n in range(3)])
            found = set(keys(store).values())
            assert not found & seen
            seen |= found
            store.write([Remove(key) for key in keys(store)])


def test_rename_replaces_what_was_there(store):
    store.write([put("a"), put("b")])
    first = keys(store)["a"]
    store.write([Amend("a", new_key="b")])
    assert keys(store) == {"b": first}


def test_all_or_nothing(store):
    store.write([put("a")])
    with pytest.raises(errors.StoreError):
        store.write([put("b"), Remove("a"), Statement("INSERT INTO nowhere VALUES (1)")])
    with pytest.raises(errors.StoreError):  # closed to writing until it is opened anew
        store.write([put("b")])


def test_rotted_row_is_not_served_and_can_be_added_again(path, store):
    store.write([put("a"), put("b")])
    change(path, "UPDATE item SET vector = zeroblob(64) WHERE key = ?", b"a")
    assert set(keys(store)) == {"b"}
    assert [good for _, good in store.all_rows()] == [False, True]
    assert store.write([put("a")]) == ["added"]
    assert set(keys(store)) == {"a", "b"}


@pytest.mark.parametrize("column", ["key", "vector", "content_hash", "stamp", "metadata", "crc"])
@pytest.mark.parametrize("value", ["'text'", "x'ff00'", "7", "CAST(x'ff80' AS TEXT)", "1e300"])
def test_column_of_another_type_is_a_bad_row(path, column, value):
    with closing(Store.open(path, read_only=False)) as store:
        store.write([put("a"), put("b", content_hash=b"h" * 16, stamp="1")])
    change(path, f"UPDATE item SET {column} = {value} WHERE id = 1")
    with closing(Store.open(path, read_only=False)) as store:
        assert [good for _, good in store.all_rows()] == [False, True]


def test_news_tell_what_happened(store):
    store.write([put(key) for key in "abcd"])
    ids, seq = keys(store), store.seq()
    store.write([Remove("a"), Amend("b", stamp="2"), put("c", "other"), put("e")])
    news = store.news(ids["d"], seq)
    assert [row.key for row in news.new] == ["c", "e"]
    assert [(n, row and row.key) for n, row in news.changed] == [
        (ids["a"], None),
        (ids["b"], "b"),
        (ids["c"], None),
    ]
    assert store.news(*news.state) == News([], [], news.state)


def test_news_are_forgotten_by_compaction(store):
    store.write([put("a"), put("b")])
    before = store.seq()
    store.write([Remove("a")])
    store.compact()
    assert store.news(2, before) is None
    assert store.news(2, store.seq()).changed == []
    store.write([Remove("b")])
    assert store.news(2, store.seq() - 1).changed == [(2, None)]


def test_compaction_gives_the_space_of_removed_rows_back(path, store):
    keys = [f"{number:04}" for number in range(1000)]
    store.write([put(key) for key in keys])
    store.compact()
    full = path.stat().st_size
    store.write([Remove(key) for key in keys[20:]])
    store.compact()
    assert path.stat().st_size < full / 2
    assert [row.key for row in store.rows()] == keys[:20]


def test_reader_sees_that_something_moved(path, store):
    with closing(Store.open(path, read_only=True)) as reader:
        assert not reader.moved()
        store.write([put("a")])
        assert reader.moved() and reader.moved()
        assert [row.key for row in reader.news(0, 0).new] == ["a"]
        assert not reader.moved() and not store.moved()
        reader.look_again()
        assert reader.moved()


def test_reader_cannot_write(path):
    with closing(Store.open(path, read_only=True)) as reader:
        with pytest.raises(errors.StoreReadOnly):
            reader.write([put("a")])
        with pytest.raises(errors.StoreError):
            reader.select("DELETE FROM item")


@pytest.mark.parametrize(
    ("number", "advice"), [(0, "Index the folder anew"), (7, "Install a newer edgeclip")]
)
def test_other_formats_are_refused(path, number, advice):
    change(path, "UPDATE setting SET value = ? WHERE name = 'format'", number)
    change(path, f"PRAGMA user_version = {number}")
    with pytest.raises(errors.StoreError, match=advice) as caught:
        Store.open(path, read_only=True)
    assert str(number) in str(caught.value) and str(schema.FORMAT) in str(caught.value)
    assert not isinstance(caught.value, errors.StoreDamaged)


def test_format_that_rotted_is_damage(path):
    change(path, "PRAGMA user_version = 3")
    with pytest.raises(errors.StoreDamaged):
        Store.open(path, read_only=True)


@pytest.mark.parametrize("name", identity.NAMES)
@pytest.mark.parametrize("value", [None, 7, "other", b"\xff"])
def test_setting_that_rotted_is_damage(path, name, value):
    with closing(Store.open(path, read_only=False)) as store:
        store.write([Setting("dim", DIM)])
    change(path, "UPDATE setting SET value = ? WHERE name = ?", value, name)
    with pytest.raises(errors.StoreDamaged):
        Store.open(path, read_only=True)


def test_missing_store(tmp_path):
    for place in (tmp_path / "store.db", tmp_path):
        with pytest.raises(errors.StoreNotFound):
            Store.open(place, read_only=True)


def test_store_is_whole_unless_its_index_lies(path, store):
    store.write([put(f"{n:03}") for n in range(300)])
    known = keys(store)
    assert store.whole(known.get, 300, 0)
    assert not store.whole(known.get, 299, 0) and not store.whole(known.get, 299, 1)
    assert not store.whole(lambda key: known[key] + (key == "007"), 300, 0)


def test_erased_text_is_gone_from_the_disk(path, store):
    store.write([put(f"{n}", metadata={"who": f"Erika {n} Mustermann"}) for n in range(200)])
    store.compact()
    assert b"Erika 7 Mustermann" in path.read_bytes()
    store.write([Remove(f"{n}") for n in range(0, 200, 2)] + [put("1", metadata={"who": "nobody"})])
    store.compact()
    for file in path.parent.iterdir():
        data = file.read_bytes()
        assert not any(f"Erika {n} Must".encode() in data for n in range(0, 200, 2)), file
        assert b"Erika 1 Must" not in data
    assert b"Erika 3 Must" in path.read_bytes()
