"""Lineage: a copy that goes its own way is told from the index that it is of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeclip.index import lineage, place
from edgeclip.index.lineage import Lineage
from edgeclip.index.store import Store
from tests.index.some import filled, opened, vector_of


def kept(folder: Path) -> tuple[bytes | None, tuple[int, int]]:
    store = Store.open(folder / place.DATABASE, read_only=True)
    try:
        return store.setting(lineage.NAME), store.state()
    finally:
        store.close()


def latest(folder: Path) -> str:
    return Lineage(kept(folder)[0]).latest


def was_at(folder: Path, point: tuple[int, int], writer: str) -> bool:
    held, state = kept(folder)
    return Lineage(held).was_at(point, writer, state)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "index"


def test_each_writer_that_writes_is_known(folder):
    opened(folder).close()
    assert kept(folder)[0] is None
    seen = set()
    for turn in range(3):
        with opened(folder) as index:
            index.add(f"{turn}a", vector_of(turn))
            index.add(f"{turn}b", vector_of((turn, "b")))
        seen.add(latest(folder))
        opened(folder).close()  # it writes nothing
        assert latest(folder) in seen
    assert len(seen) == 3


def test_a_failed_write_begins_nothing(folder):
    opened(folder).close()
    with opened(folder) as index:
        with pytest.raises(ValueError):
            index.add("", vector_of(1))
        assert kept(folder)[0] is None
        index.add("a", vector_of(1))
    assert latest(folder)


def test_a_copy_that_is_written_to_was_never_where_the_other_went(folder, tmp_path):
    filled(folder, 5)
    point, writer = kept(folder)[1], latest(folder)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    for path, names in ((folder, "abc"), (copy, "xyzxyz")):
        with opened(path) as index:
            index.add_many((f"{name}{n}", vector_of((name, n))) for n, name in enumerate(names))
        assert was_at(path, point, writer)
    assert not was_at(copy, kept(folder)[1], latest(folder))
    assert not was_at(folder, kept(copy)[1], latest(copy))


def test_a_copy_of_the_middle_of_a_writers_time(folder, tmp_path):
    copy = tmp_path / "copy"
    with opened(folder) as index:
        index.add("a", vector_of(1))
        index.backup(copy)
        point, writer = kept(folder)[1], latest(folder)
        index.add("b", vector_of(2))
        later = kept(folder)[1]
    assert latest(folder) == writer
    assert not was_at(copy, later, writer)  # as it was put back
    with opened(copy) as index:
        index.add_many((f"c{n}", vector_of(n)) for n in range(5))
    assert was_at(copy, point, writer)
    assert not was_at(copy, later, writer)


def test_what_is_not_known_is_nobodys(folder):
    opened(folder).close()
    assert was_at(folder, (0, 0), "")
    filled(folder, 3)
    whole, state = kept(folder)
    writer = latest(folder)
    assert was_at(folder, state, writer) and was_at(folder, (0, 0), "")
    assert not was_at(folder, state, "") and not was_at(folder, state, "00" * 8)
    for damaged in (None, b"", b"x", whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), "text", 7):
        found = Lineage(damaged)
        assert found.latest == "" and not found.was_at(state, writer, state)
        assert found.was_at(state, "", state)
        assert Lineage(found.begun(state)).latest


def test_only_the_latest_are_kept():
    held: bytes | None = None
    tokens = []
    for number in range(lineage.MOST + 100):
        held = Lineage(held).begun((number, 0))
        tokens.append(Lineage(held).latest)
    assert len(held) < 13_000
    end = (lineage.MOST + 100, 0)
    found = [Lineage(held).was_at((1, 0), token, end) for token in tokens]
    assert found == [False] * 100 + [True] * lineage.MOST


# What may become of a copy: one more row, another writer, or a copy of its own.
_STEPS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["row", "writer", "copy"])))


@settings(max_examples=300, deadline=None)
@given(_STEPS)
def test_against_lists_of_rows(steps):
    """Each copy has a list of its rows; a point is of it where the rows begin alike."""
    copies = [{"kept": None, "rows": [], "begun": False}]
    points = []
    for number, (which, what) in enumerate(steps):
        copy = copies[which % len(copies)]
        if what == "copy":
            copies.append({**copy, "rows": list(copy["rows"]), "begun": False})
        elif what == "writer":
            copy["begun"] = False
        else:
            if not copy["begun"]:
                copy["kept"] = Lineage(copy["kept"]).begun((len(copy["rows"]), 0))
                copy["begun"] = True
            copy["rows"].append(number)
        points.append((Lineage(copy["kept"]).latest, list(copy["rows"])))
    for copy in copies:
        state = (len(copy["rows"]), 0)
        for writer, rows in points:
            found = Lineage(copy["kept"]).was_at((len(rows), 0), writer, state)
            assert found == (copy["rows"][: len(rows)] == rows)
