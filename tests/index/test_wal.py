import os
import random
import shutil
import sqlite3
from contextlib import closing

import pytest

from edgeclip.index import wal
from edgeclip.index.wal import PAGE

FRAME = PAGE + 24


@pytest.fixture
def log(tmp_path):
    """A log of 20 commits, and the pages of the database as SQLite sees them."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;"
            "CREATE TABLE t (n INTEGER PRIMARY KEY, b BLOB)"
        )
        for number in range(20):
            connection.execute("INSERT INTO t VALUES (?, randomblob(1500))", (number,))
            connection.execute("UPDATE t SET b = randomblob(10) WHERE n = ?", (number // 2,))
            connection.commit()
        shutil.copy(tmp_path / "a.db-wal", tmp_path / "log")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = path.read_bytes()
    return tmp_path / "log", [data[at : at + PAGE] for at in range(0, len(data), PAGE)]


def spoil(path, at, data):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def test_log_holds_what_sqlite_finds_in_it(log):
    found = wal.read(log[0])
    assert found.pages == len(log[1]) and not found.damaged
    assert found.newer == {n: page for n, page in enumerate(log[1], 1) if n in found.newer}
    assert len(found.newer) == len(log[1])


def test_no_log_is_an_empty_one(tmp_path):
    assert wal.read(tmp_path / "none") == wal.Log()
    (tmp_path / "empty").touch()
    assert wal.read(tmp_path / "empty") == wal.Log()
    (tmp_path / "zeros").write_bytes(bytes(9000))
    assert not wal.read(tmp_path / "zeros").newer


@pytest.mark.parametrize("kind", ["cut", "zeros", "garbage"])
def test_torn_end_is_what_a_power_cut_leaves(kind, log):
    path = log[0]
    at = path.stat().st_size - 2000
    if kind == "cut":
        os.truncate(path, at)
    else:
        spoil(path, at, bytes(2000) if kind == "zeros" else os.urandom(2000))
    found = wal.read(path)
    assert not found.damaged and found.newer


@pytest.mark.parametrize("size", [1, 31, 32, 33, 56, 32 + FRAME - 1, 32 + FRAME])
def test_log_that_has_hardly_begun(size, log):
    os.truncate(log[0], size)
    found = wal.read(log[0])
    assert not found.newer and found.damaged == (size < 32)


@pytest.mark.parametrize("at", [32, 32 + 8, 32 + 16, 32 + 5 * FRAME + 100, 32 + 9 * FRAME + 3])
def test_damage_in_the_middle_does_not_cost_what_is_behind_it(at, log):
    path, pages = log
    spoil(path, at, os.urandom(4))
    found = wal.read(path)
    assert found.damaged and found.pages == len(pages)
    right = sum(found.newer.get(n) == page for n, page in enumerate(pages, 1))
    assert right >= len(pages) - 1


@pytest.mark.parametrize("at", [0, 9, 17, 25])
def test_damaged_header_does_not_cost_the_rest(at, log):
    path, pages = log
    spoil(path, at, b"????")
    found = wal.read(path)
    assert found.damaged
    assert sum(found.newer.get(n) == page for n, page in enumerate(pages, 1)) >= len(pages) - 1


@pytest.mark.parametrize("fill", [b"\0", b"\xff"])
def test_lost_first_sector_does_not_cost_the_rest(fill, log):
    path, pages = log
    spoil(path, 0, fill * 512)
    found = wal.read(path)
    assert found.damaged
    assert sum(found.newer.get(n) == page for n, page in enumerate(pages, 1)) >= len(pages) - 1


def test_garbage_is_damage_and_holds_nothing(tmp_path):
    choose = random.Random(0)
    for size in (5, 32, 4000, 20_000, 100_000):
        (tmp_path / "log").write_bytes(choose.randbytes(size))
        assert wal.read(tmp_path / "log") == wal.Log(damaged=True)


def test_frames_of_an_older_log_behind_the_end_do_not_count(tmp_path):
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t (b BLOB)")
        for _ in range(30):
            connection.execute("INSERT INTO t VALUES (randomblob(3000))")
            connection.commit()
        connection.execute("PRAGMA wal_checkpoint(RESTART)")
        connection.execute("INSERT INTO t VALUES (randomblob(3000))")
        connection.commit()
        found = wal.read(tmp_path / "a.db-wal")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = path.read_bytes()
    assert not found.damaged and 0 < len(found.newer) < 5
    assert all(data[(n - 1) * PAGE : n * PAGE] == page for n, page in found.newer.items())
