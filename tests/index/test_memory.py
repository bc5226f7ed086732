from contextlib import closing

import numpy as np
import pytest

from edgeclip import errors
from edgeclip.index import identity, memory
from edgeclip.index.changes import Amend, Put, Remove, Setting
from edgeclip.index.items import Item
from edgeclip.index.memory import Memory, precision_for
from edgeclip.index.rows import row_of
from edgeclip.index.store import Store
from tests.index.some import DIM, SPACE, stored, vector_of


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "store.db"
    Store.create(path, identity.new_identity(SPACE, ""))
    with closing(Store.open(path, read_only=False)) as opened:
        opened.write([Setting("dim", DIM)])
        opened.write([put(key) for key in "abcdef"])
        yield opened


def put(key, version=None, dim=DIM):
    return Put(row_of(Item(key, vector_of(version or key, dim)), dim))


def check(memory, store):
    """What is in RAM is what is stored."""
    rows = list(store.rows())
    assert memory.table.keys() == [row.key for row in rows]
    ids = np.array([row.id for row in rows], np.int64)
    assert np.array_equal(memory.table.ids(), ids) and np.array_equal(memory.exact.ids(), ids)
    wanted = [np.frombuffer(row.vector, "<f2").astype(np.float32) for row in rows]
    assert np.array_equal(memory.exact.vectors(ids), np.array(wanted).reshape(-1, DIM))


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_memory_follows_the_store(store, precision):
    held = Memory(store, precision)
    check(held, store)
    for changes in (
        [Remove("a"), put("g")],
        [put("b", "other"), Amend("c", new_key="d"), Amend("e", metadata='{"n":1}')],
        [put("x"), Remove("x")],
        [Amend("e", new_key="t"), Amend("f", new_key="e"), Amend("t", new_key="f")],
        [],
    ):
        store.write(changes)
        rows, gone = held.catch_up()
        check(held, store)
        assert not set(gone) & {row.id for row in rows}
    assert held.catch_up() == ([], [])


def test_news_that_are_forgotten_need_all_anew(store):
    held = Memory(store)
    store.write([Remove("a")])
    store.compact()
    assert held.catch_up() is None
    check(Memory(store), store)


@pytest.mark.parametrize("where", ["put", "drop", "add", "remove"])
def test_interrupted_catching_up_needs_all_anew(store, where, monkeypatch):
    held = Memory(store)
    store.write([Remove("a"), put("b", "other"), put("g")])

    def interrupted(*_):
        raise KeyboardInterrupt

    place = held.table if where in ("put", "drop") else held.exact
    monkeypatch.setattr(place, where, interrupted)
    with pytest.raises(KeyboardInterrupt):
        held.catch_up()
    monkeypatch.undo()
    assert store.moved() and held.catch_up() is None


def test_vectors_as_stored(store):
    held = Memory(store, "int8")
    ids = held.table.ids()[[2, 0]]
    wanted = stored(np.stack([vector_of("c"), vector_of("a")]))
    assert np.array_equal(held.stored_vectors(ids), wanted)
    assert not held.stored_vectors(np.array([99])).any()


def test_rows_of_another_dim_are_not_served(store):
    store.write([put("short", dim=16)])
    held = Memory(store)
    assert [row.key for row in held.bad] == ["short"] and held.table.id("short") is None
    late = Memory(store)
    store.write([put("shorter", dim=8), put("right")])
    late.catch_up()
    assert late.table.id("shorter") is None and late.table.id("right")


def test_keys_are_checked(store):
    held = Memory(store)
    held.check_keys()
    store.write([put("late")])
    with pytest.raises(errors.StoreDamaged, match="index on the keys"):
        held.check_keys()


def test_precision_by_the_memory_of_the_board(monkeypatch):
    pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": (8 << 30) // 4096}
    monkeypatch.setattr(memory.os, "sysconf", pages.__getitem__)
    assert precision_for(0) == "fp32" and precision_for(3 << 30) == "int8"
    pages["SC_PHYS_PAGES"] = (2 << 30) // 4096
    assert precision_for(0) == "int8"
    monkeypatch.setattr(memory.os, "sysconf", lambda _: (_ for _ in ()).throw(ValueError))
    assert precision_for(3 << 30) == "fp32"
