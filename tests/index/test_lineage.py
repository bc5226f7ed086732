"""Lineage: a copy that goes its own way is told from the index that it is of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeclip.index import lineage, place
from edgeclip.index.store import Store
from tests.index.some import filled, opened, vector_of


def kept(folder: Path) -> tuple[bytes | None, tuple[int, int]]:
    store = Store.open(folder / place.DATABASE, read_only=True)
    try:
        return store.setting(lineage.NAME), store.state()
    finally:
        store.close()


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
        seen.add(lineage.latest(kept(folder)[0]))
        opened(folder).close()  # it writes nothing
        assert lineage.latest(kept(folder)[0]) in seen
    assert len(seen) == 3


def test_a_failed_write_begins_nothing(folder):
    opened(folder).close()
    with opened(folder) as index:
        with pytest.raises(ValueError):
            index.add("", vector_of(1))
        assert kept(folder)[0] is None
        index.add("a", vector_of(1))
    assert lineage.latest(kept(folder)[0])


def test_a_copy_that_is_written_to_was_never_where_the_other_went(folder, tmp_path):
    filled(folder, 5)
    before = kept(folder)
    shutil.copytree(folder, tmp_path / "copy")
    point = lineage.latest(before[0]), before[1]
    for path, names in ((folder, "abc"), (tmp_path / "copy", "xyzxyz")):
        with opened(path) as index:
            index.add_many((f"{name}{n}", vector_of((name, n))) for n, name in enumerate(names))
        assert lineage.was_at(point[1], point[0], *kept(path))
    here, there = kept(folder), kept(tmp_path / "copy")
    assert not lineage.was_at(here[1], lineage.latest(here[0]), *there)
    assert not lineage.was_at(there[1], lineage.latest(there[0]), *here)


def test_a_copy_of_the_middle_of_a_writing(folder, tmp_path):
    with opened(folder) as index:
        index.add("a", vector_of(1))
        index.backup(tmp_path / "copy")
        at_backup = lineage.latest(kept(folder)[0]), kept(folder)[1]
        index.add("b", vector_of(2))
        later = lineage.latest(kept(folder)[0]), kept(folder)[1]
    assert at_backup[0] == later[0]
    assert not lineage.was_at(later[1], later[0], *kept(tmp_path / "copy"))  # as it was put back
    with opened(tmp_path / "copy") as index:
        index.add_many((f"c{n}", vector_of(n)) for n in range(5))
    assert lineage.was_at(at_backup[1], at_backup[0], *kept(tmp_path / "copy"))
    assert not lineage.was_at(later[1], later[0], *kept(tmp_path / "copy"))


def test_what_is_not_known_is_nobodys(folder):
    filled(folder, 3)
    whole, state = kept(folder)
    token = lineage.latest(whole)
    assert lineage.was_at(state, token, whole, state)
    assert not lineage.was_at(state, "", whole, state)
    assert not lineage.was_at(state, "00" * 8, whole, state)
    for damaged in (None, b"", b"x", whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), "text", 7):
        assert not lineage.was_at(state, token, damaged, state)
        assert lineage.latest(damaged) == ""
        assert lineage.was_at(state, "", damaged, state)
        assert lineage.latest(lineage.extended(damaged, state))


def test_only_the_latest_are_kept():
    held: bytes | None = None
    tokens = []
    for number in range(300):
        held = lineage.extended(held, (number, 0))
        tokens.append(lineage.latest(held))
    assert len(held) < 4000
    found = [lineage.was_at((0, 0), token, held, (300, 0)) for token in tokens]
    assert found == [False] * 172 + [True] * 128


# What a copy may go through: it is written to (one more row each), begun anew, or copied.
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
                copy["kept"] = lineage.extended(copy["kept"], (len(copy["rows"]), 0))
                copy["begun"] = True
            copy["rows"].append(number)
        points.append((lineage.latest(copy["kept"]), list(copy["rows"])))
    for copy in copies:
        state = (len(copy["rows"]), 0)
        for token, rows in points:
            if rows:
                found = lineage.was_at((len(rows), 0), token, copy["kept"], state)
                assert found == (copy["rows"][: len(rows)] == rows)
