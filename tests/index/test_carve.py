import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeclip.index import carve
from edgeclip.index.carve import PAGE, Pages

COLUMNS = "a INTEGER PRIMARY KEY, b BLOB, c TEXT, d REAL, e"


def made(path, rows, tables=f"CREATE TABLE t ({COLUMNS})"):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA page_size=4096")
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.executescript(tables)
        marks = ", ".join("?" * len(rows[0])) if rows else ""
        connection.executemany(f"INSERT INTO t VALUES ({marks})", rows)
        connection.commit()
    return path


def carved(path, columns=5):
    with path.open("rb") as file:
        found = list(carve.records(Pages(file)))
    own = [(row, record) for row, record in found if len(record) == columns]
    return [(row, record) for row, record in own if row is None or record[0] is None]


VALUES = [None, 0, 1, -1, 127, 128, -129, 2**15, 2**23, -(2**31), 2**40, 2**62, 0.5, "é", b""]


def test_every_kind_of_value_comes_back(tmp_path):
    rows = [(n + 1, b"x" * n, "y" * n, n / 3, value) for n, value in enumerate(VALUES)]
    rows.append((2**40, b"", "", -1.5, None))
    found = carved(made(tmp_path / "a.db", rows))
    assert sorted(found) == [(row[0], (None, *row[1:])) for row in rows]


@pytest.mark.parametrize("size", [0, 1, 4000, 4057, 4058, 4061, 4062, 4063, 8000, 70_000])
def test_long_values_follow_their_chain_of_pages(size, tmp_path):
    rows = [(n, bytes([n]) * size, "t" * n, 0.5, n) for n in range(1, 9)]
    assert sorted(carved(made(tmp_path / "a.db", rows))) == [
        (row[0], (None, *row[1:])) for row in rows
    ]


@pytest.mark.parametrize("size", [3, 200, 900, 999, 1002, 3000, 9000])
def test_tables_without_row_ids_come_back_from_all_levels(size, tmp_path):
    rows = [(f"{n:05}", bytes([n % 256]) * size) for n in range(400)]
    tables = "CREATE TABLE t (name TEXT PRIMARY KEY, value) WITHOUT ROWID"
    found = carved(made(tmp_path / "a.db", rows, tables), 2)
    assert sorted(found) == [(None, row) for row in rows]


def test_damaged_page_costs_its_rows_only(tmp_path):
    rows = [(n, b"x" * 300, "text", 1.5, n) for n in range(1, 500)]
    path = made(tmp_path / "a.db", rows)
    data = bytearray(path.read_bytes())
    leaves = [at for at in range(PAGE, len(data), PAGE) if data[at] == 0x0D]
    data[leaves[3] : leaves[3] + PAGE] = bytes(PAGE)
    path.write_bytes(data)
    found = carved(path)
    assert len(rows) - 14 <= len(found) < len(rows)
    assert {number for number, _ in found} <= {row[0] for row in rows}


def test_page_that_cannot_be_read_costs_its_rows_only(tmp_path, monkeypatch):
    rows = [(n, b"x" * 300, "text", 1.5, n) for n in range(1, 500)]
    path, read = made(tmp_path / "a.db", rows), carve.os.pread

    def sometimes(descriptor, size, offset):
        if offset == 9 * PAGE:
            raise OSError(5, "Input/output error")
        return read(descriptor, size, offset)

    monkeypatch.setattr(carve.os, "pread", sometimes)
    assert len(rows) - 14 <= len(carved(path)) < len(rows)


@given(st.lists(st.binary(min_size=PAGE, max_size=PAGE), max_size=3), st.randoms())
def test_garbage_does_no_harm(pages, random):
    kinds = [bytes([random.choice([0x0D, 0x0A, 0x02])]) + page[1:] for page in pages]
    for _ in carve.records(dict(enumerate(kinds, 1))):
        pass


@given(st.integers(0, 2**31), st.integers(0, 7))
def test_flipped_bits_do_no_harm(seed, bit):
    page = bytearray(_page())
    page[seed % PAGE] ^= 1 << bit
    for _, record in carve.records({2: bytes(page)}):
        assert isinstance(record, tuple)


def _page(cache=[]):  # noqa: B006
    """A leaf full of rows."""
    if not cache:
        import tempfile
        from pathlib import Path

        with tempfile.TemporaryDirectory() as folder:
            rows = [(n, b"x" * 100, "text", 1.5, n) for n in range(1, 200)]
            data = made(Path(folder) / "a.db", rows).read_bytes()
        cache += [data[at : at + PAGE] for at in range(PAGE, len(data), PAGE) if data[at] == 0x0D]
    return cache[1]
