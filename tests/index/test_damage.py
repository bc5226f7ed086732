"""Damaged files, many of each kind: no wrong vector, and nothing readable lost."""

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeclip import errors
from edgeclip.index import place
from edgeclip.index.carve import Pages, records
from edgeclip.index.database import files
from tests.index.some import DIM, SPACE, check_search, opened, stored, vector_of

PAGE, DEEP = 4096, 128
COUNT = 400
WRITER = """
import os, sys
from pathlib import Path
from tests.index.some import opened, vector_of
index = opened(Path(sys.argv[1]))
for number in range(30):
    index.add(f"{number:04}.jpg", vector_of(number), {"n": number})
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An index as it is after a clean stop, with pages of all kinds."""
    folder = tmp_path_factory.mktemp("whole") / "i"
    with opened(folder) as index:
        index.add_many((name(n), vector_of(n, DEEP), {"n": n}) for n in range(COUNT))
        index.remove_many(name(n) for n in range(0, COUNT, 10))
        index.update(name(1), new_key="renamed.jpg")
        index.add("long.jpg", vector_of("long", DEEP), {"text": "x" * 20_000})
    return folder


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """An index whose writer was killed: everything since its creation is in the log."""
    folder = tmp_path_factory.mktemp("stopped") / "i"
    command = [sys.executable, "-c", WRITER, str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as writer:
        assert writer.stdout.readline() == "ready\n"
        writer.send_signal(signal.SIGKILL)
    assert files(folder / place.DATABASE)[1].stat().st_size > 100_000
    return folder


@pytest.fixture
def copied(tmp_path):
    """Makes copies of an index."""

    def copy(folder: Path) -> Path:
        shutil.rmtree(tmp_path / "i", ignore_errors=True)
        leave_out = shutil.ignore_patterns("ballast")
        return Path(shutil.copytree(folder, tmp_path / "i", ignore=leave_out))

    return copy


def name(number):
    return f"{number:04}.jpg"


def right(key, dim):
    """The one vector that a key may have."""
    version = 1 if key == "renamed.jpg" else "long" if key == "long.jpg" else int(key[:4])
    return vector_of(version, dim)


def served(index, dim):
    """All that is served; every bit of it is right."""
    keys, table = index.vectors()
    assert len(set(keys)) == len(keys) == len(index)
    items = {key: right(key, dim) for key in keys}
    for key, vector in zip(keys, table, strict=True):
        assert np.array_equal(vector, stored(items[key])), key
        assert np.array_equal(index.get(key).vector, vector)
    if keys:
        check_search(index, items, vector_of("query", dim), 5)
    return items


def readable(database):
    """Keys of the rows that stand on a page of the file (its log aside)."""
    with database.open("rb") as file:
        found = [record for row, record in records(Pages(file)) if row and len(record) == 7]
    return {record[1].decode() for record in found if isinstance(record[1], bytes)}


def verdict(folder, dim, keep=(), reader=True):
    """Open as a reader and as a writer: each answers rightly, or says what is wrong."""
    try:
        if reader:
            with opened(folder, None, read_only=True) as index:
                served(index, dim)
    except errors.StoreError as error:
        assert str(error).count(". ") >= 1 and str(folder) in str(error)
    old = (folder / place.DATABASE).read_bytes()
    with opened(folder, SPACE) as index:
        items, notes, health = served(index, dim), list(index.notes), index.verify()
        assert not set(keep) - set(items)
    if not health.ok:  # in what no answer is made of; the next opening mends it
        with opened(folder, None) as index:
            assert served(index, dim).keys() == items.keys() and index.verify().ok
            assert "salvaged" in index.notes[0]
    with opened(folder, None) as index:
        index.add("0000.jpg", right("0000.jpg", dim))
        assert index.search(right("0000.jpg", dim), count=1)[0].key == "0000.jpg"
    if any("database was damaged" in note for note in notes):
        (kept,) = (folder / place.QUARANTINE).glob("*-store/store.db")
        assert kept.stat().st_size >= len(old) // PAGE * PAGE
    with opened(folder, None) as index:
        assert not index.notes and len(index) >= len(items)
    return items, notes


def intact(database):
    """Keys of the rows on one page each that is as it was."""
    return readable(database) - {"long.jpg"}


def test_zeroed_pages(whole, copied):
    size = (whole / place.DATABASE).stat().st_size // PAGE
    choose = random.Random(1)
    for place_of in [*range(min(size, 12)), *(choose.randrange(size) for _ in range(48))]:
        folder = copied(whole)
        spoil(folder / place.DATABASE, place_of * PAGE, bytes(PAGE))
        verdict(folder, DEEP, keep=intact(folder / place.DATABASE))


def test_flipped_bits(whole, copied):
    size = (whole / place.DATABASE).stat().st_size
    choose = random.Random(2)
    # Half of them where the bookkeeping is: headers, pages of the tree, the schema.
    for number in range(100):
        at = choose.randrange(size // PAGE) * PAGE + choose.randrange(100)
        at = at if number % 2 else choose.randrange(size)
        folder = copied(whole)
        old = (folder / place.DATABASE).read_bytes()[at]
        spoil(folder / place.DATABASE, at, bytes([old ^ 1 << choose.randrange(8)]))
        items, _ = verdict(folder, DEEP)
        assert len(items) >= 0.9 * (COUNT - COUNT // 10 + 1) - 12


def test_truncated(whole, copied):
    size = (whole / place.DATABASE).stat().st_size
    choose = random.Random(3)
    for number in range(30):
        cut = choose.randrange(size) if number > 3 else (1, 99, 4095, 4096)[number]
        folder = copied(whole)
        os.truncate(folder / place.DATABASE, cut)
        verdict(folder, DEEP, keep=intact(folder / place.DATABASE))


@pytest.mark.parametrize("data", [b"", b"\0" * 50_000, None], ids=["empty", "zeros", "random"])
def test_no_database_at_all(data, whole, copied):
    folder = copied(whole)
    data = random.Random(4).randbytes(50_000) if data is None else data
    (folder / place.DATABASE).write_bytes(data)
    with pytest.raises(errors.StoreDamaged):
        opened(folder, None)
    assert (folder / place.DATABASE).read_bytes() == data
    items, notes = verdict(folder, DEEP)
    assert items == {} and "kept in" in notes[0]
    (kept,) = (folder / place.QUARANTINE).glob("*-store/store.db")
    assert kept.read_bytes() == data


def spoil(path, at, data):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def test_index_on_the_keys_is_spoiled(whole, copied):
    """A reader finds its items all the same; it loads them by their ids."""
    database, key = whole / place.DATABASE, b"0007.jpg"
    data = database.read_bytes()
    spots = [at for at in range(len(data)) if data.startswith(key, at)]
    assert len(spots) >= 2  # the row, and the index
    for at in spots:
        folder = copied(whole)
        spoil(folder / place.DATABASE, at, b"X")
        verdict(folder, DEEP)


def test_name_in_the_schema_is_no_text(whole, copied):
    """SQLite's own complaint about it is no text either."""
    data = (whole / place.DATABASE).read_bytes()[:PAGE]
    for name in (b"setting", b"item", b"change", b"failed", b"member"):
        folder = copied(whole)
        spoil(folder / place.DATABASE, data.index(b"table" + name) + 5, bytes([name[0] | 0x80]))
        verdict(folder, DEEP)


def test_column_in_the_schema_has_another_name(whole, copied):
    """SQLite takes the name that is there for the right one."""
    data = (whole / place.DATABASE).read_bytes()[:PAGE]
    for column in (b"(name TEXT", b"crc INTEGER", b"UNIQUE", b"cluster"):
        folder = copied(whole)
        spoil(folder / place.DATABASE, data.index(column) + 1, bytes([column[1] ^ 1]))
        with pytest.raises(errors.StoreDamaged):
            opened(folder, None, read_only=True)
        items, _ = verdict(folder, DEEP)
        assert len(items) == COUNT - COUNT // 10 + 1


def test_log_that_lost_its_first_sector(stopped, copied):
    folder = copied(stopped)
    spoil(files(folder / place.DATABASE)[1], 0, bytes(512))
    items, _ = verdict(folder, DIM)
    assert len(items) == 30


def test_log_cut_or_spoiled_anywhere_keeps_what_was_before(stopped, copied):
    log_size = files(stopped / place.DATABASE)[1].stat().st_size
    choose = random.Random(5)
    for number in range(60):
        folder = copied(stopped)
        log = files(folder / place.DATABASE)[1]
        at = choose.randrange(log_size)
        if number % 3 == 0:
            os.truncate(log, at)
        else:
            data = [bytes(PAGE), choose.randbytes(PAGE), choose.randbytes(3)][number % 4 % 3]
            spoil(log, at, data[: log_size - at])
        items, notes = verdict(folder, DIM)
        before = at // (log_size // 30) - 2
        assert {name(n) for n in range(before)} <= set(items)
        if number % 3:
            lost_many = at < log_size * 0.9
            assert bool(notes) == lost_many or not lost_many, (at, notes)
            assert len(items) >= 27


@pytest.mark.parametrize("kind", ["deleted", "garbage", "zeros", "empty"])
def test_log_gone_or_no_log(kind, stopped, copied):
    folder = copied(stopped)
    _, log, shared = files(folder / place.DATABASE)
    size = log.stat().st_size
    if kind == "deleted":
        log.unlink()
        shared.unlink()
    else:
        data = {"garbage": os.urandom(size), "zeros": bytes(size), "empty": b""}[kind]
        log.write_bytes(data)
    items, notes = verdict(folder, DIM, reader=kind != "deleted")
    assert items == {} and ("may be lost" in "".join(notes) or kind in ("zeros", "empty"))


@pytest.mark.parametrize("size", [0, 1, 100, 32_768, 70_000])
def test_shared_memory_of_garbage(size, stopped, copied):
    folder = copied(stopped)
    files(folder / place.DATABASE)[2].write_bytes(os.urandom(size))
    items, notes = verdict(folder, DIM)
    assert len(items) == 30 and not notes


def test_log_of_another_index(stopped, copied, tmp_path):
    folder = copied(stopped)
    with opened(tmp_path / "other") as index:
        index.add_many((name(n), vector_of(f"other {n}")) for n in range(300))
    (folder / place.DATABASE).write_bytes((tmp_path / "other" / place.DATABASE).read_bytes())
    with opened(folder, None) as index:
        assert "another one's" in index.notes[0] and len(index) == 300
        assert all(
            np.array_equal(index.get(k).vector, stored(vector_of(f"other {int(k[:4])}")))
            for k in index
        )


def test_database_that_is_empty_beside_a_log_that_is_not(stopped, copied):
    folder = copied(stopped)
    os.truncate(folder / place.DATABASE, 0)
    items, _ = verdict(folder, DIM)
    assert len(items) == 30
