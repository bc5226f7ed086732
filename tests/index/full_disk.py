"""A child process on a disk of 4 MB: what happens when it is full.

Started in a mount namespace of its own, where it mounts a tmpfs; exit code 3 says that it may not.
"""

from __future__ import annotations

import contextlib
import ctypes
import subprocess
import sys
import tempfile
from pathlib import Path

from edgeclip import errors
from edgeclip.index import place
from edgeclip.index.database import Database, files
from tests.index.some import check, opened, vector_of

LIBC = ctypes.CDLL(None, use_errno=True)
DIM = 128


def mount(folder: Path, size: int) -> None:
    if LIBC.unshare(0x20000) or LIBC.mount(b"none", b"/", None, 0x4000 | 0x40000, None):
        sys.exit(3)
    if LIBC.mount(b"none", str(folder).encode(), b"tmpfs", 0, f"size={size}k".encode()):
        sys.exit(3)


def fill_up(index) -> dict[str, object]:
    """Add until the disk is full; return what was acknowledged."""
    items = {}
    for number in range(100_000):
        key = f"{number:05}.jpg"
        try:
            index.add(key, vector_of(number, DIM), {"n": number})
        except errors.StoreFull as error:
            assert "is full" in str(error), error
            return items
        items[key] = vector_of(number, DIM)
    raise AssertionError("the disk is never full")


def fill_rest(disk: Path) -> Path:
    """Fill what is left of the disk with another file."""
    rest = disk / "rest"
    with rest.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    return rest


def writing(disk: Path) -> None:
    """Full while items are added; searching, removing and adding again work."""
    with opened(disk / "i") as index:
        assert (disk / "i" / place.BALLAST).exists()
        items = fill_up(index)
        assert len(items) > 500
        rest = fill_rest(disk)
        for _ in range(3):  # full again and again is no damage
            try:
                index.add("more", vector_of("more", DIM), {"text": "x" * 60_000})
                raise AssertionError("there was room")
            except errors.StoreFull:
                pass
        check(index, items)
        for key in list(items)[:200]:
            assert index.remove(key)
            del items[key]
        assert not (disk / "i" / place.BALLAST).exists()
        check(index, items)
        assert index.add("again", vector_of("again", DIM)) == "added"
        items["again"] = vector_of("again", DIM)
        assert index.verify().ok
    with opened(disk / "i", None) as index:
        check(index, items)
        assert index.verify().ok and not index.notes
    rest.unlink()
    with opened(disk / "i", None) as index:
        assert index.remove_many(list(items)[:300]) == 300
        index.compact()
        assert index.verify().ok and (disk / "i" / place.BALLAST).exists()


def reopening(disk: Path) -> None:
    """Full when it is opened: it can be read, and for writing the ballast makes room."""
    with opened(disk / "i") as index:
        items = fill_up(index)
    fill_rest(disk)
    with opened(disk / "i", None) as index:
        check(index, items)
        assert index.remove_many(list(items)[:100]) == 100
        assert index.add("again", vector_of("again", DIM)) == "added"


def grouping(disk: Path) -> None:
    """Full when groups are made: they are told, and made anew when there is room to keep them."""
    with opened(disk / "i") as index:
        items = fill_up(index)
        rest = fill_rest(disk)
        found = [group.keys for group in index.groups(0.5)]
        assert sorted(key for keys in found for key in keys) == sorted(items)
        rest.unlink()
        assert [group.keys for group in index.groups(0.5)] == found
    with opened(disk / "i", None) as index:
        assert [group.keys for group in index.groups()] == found


def reading(disk: Path) -> None:
    """Full when it is opened for reading: it is read, and what is written later is seen."""
    folder = disk / "i"
    items = {f"{n}": vector_of(n, DIM) for n in range(300)}
    with opened(folder) as index:
        index.add_many(items.items())
    rest = fill_rest(disk)
    with opened(folder, None, read_only=True) as reader, tempfile.TemporaryDirectory() as other:
        check(reader, items)
        assert reader.verify().ok
        reader.backup(Path(other) / "copy")
        with opened(Path(other) / "copy", None, read_only=True) as copy:
            check(copy, items)
        rest.unlink()
        for name in ("one", "two"):
            with opened(folder, None) as writer:
                check(reader, items)
                items[name] = vector_of(name, DIM)
                writer.add(name, items[name])
                check(reader, items)
                writer.remove_many([f"{len(items)}", "0"])
                items.pop("0", None)
                check(reader, items)
            check(reader, items)
            fill_rest(disk)
            check(reader, items)
            rest.unlink()


def reading_beside(disk: Path) -> None:
    """Full, and a writer comes while something is read without locks: it is read again."""
    with opened(disk / "i") as index:
        index.add("0", vector_of(0, DIM))
    rest = fill_rest(disk)
    found: list[int] = []

    def read() -> tuple[int, int]:
        before = count()
        found.append(before)
        if len(found) == 1:
            rest.unlink()
            with opened(disk / "i", None) as index:
                index.add_many((f"{n}", vector_of(n, DIM)) for n in range(1, 2000))
        return before, count()

    def count() -> int:
        return int(database.execute("SELECT count(*) FROM item")[0][0])

    with contextlib.closing(Database.open(disk / "i" / place.DATABASE, read_only=True)) as database:
        assert database.at_once(read) == (2000, 2000)
    assert found == [1, 2000]


def reading_a_log(disk: Path) -> None:
    """Full beside a log that a killed writer left: it is read, or the error tells of it."""
    with opened(disk / "i") as index:
        index.add("0", vector_of(0, DIM))
    code = (
        "import os, sys; from pathlib import Path; from tests.index.some import *\n"
        f"opened(Path(sys.argv[1]), None).add('1', vector_of(1, {DIM})); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(disk / "i")], check=False)
    rest = fill_rest(disk)
    items = {"0": vector_of(0, DIM), "1": vector_of(1, DIM)}
    with opened(disk / "i", None, read_only=True) as index:
        check(index, items)
    _, log, shared = files(disk / "i" / place.DATABASE)
    assert log.stat().st_size
    shared.unlink()
    fill_rest(disk)
    for _ in range(2):
        try:
            opened(disk / "i", None, read_only=True)
            raise AssertionError("there was room")
        except errors.StoreFull as error:
            assert "left changes in store.db-wal" in str(error), error
    rest.unlink()
    with opened(disk / "i", None, read_only=True) as index:
        check(index, items)


def backing_up(disk: Path) -> None:
    """Full while a copy is made: nothing is left of it, and the index goes on."""
    with opened(disk / "i") as index:
        items = {f"{n}": vector_of(n, DIM) for n in range(4800)}
        index.add_many(items.items())
        try:
            index.backup(disk / "copy")
            raise AssertionError("there was room")
        except errors.StoreFull as error:
            assert f"the disk of {disk / 'copy'} is full. Free" in str(error), error
        assert {path.name for path in disk.iterdir()} == {"i"}
        index.add("new", vector_of("new", DIM))
        items["new"] = vector_of("new", DIM)
        check(index, items)


def salvaging(disk: Path) -> None:
    """Full while a damaged database is salvaged: the old one stays, and later it works."""
    with opened(disk / "i") as index:
        items = {f"{n}": vector_of(n, DIM) for n in range(2500)}
        index.add_many(items.items())
        index.compact()
    database = disk / "i" / place.DATABASE
    with database.open("r+b") as file:
        file.write(bytes(4096))
    damaged = database.read_bytes()
    place.free_ballast(disk / "i")
    rest = fill_rest(disk)
    for _ in range(2):
        try:
            opened(disk / "i", None)
            raise AssertionError("there was room")
        except errors.StoreFull:
            pass
        assert database.read_bytes() == damaged
        left = {path.name for path in (disk / "i").iterdir()}
        assert left <= {"store.db", "cache", "lock", "quarantine"}, left
    rest.unlink()
    with opened(disk / "i", None) as index:
        assert "2500 items were salvaged" in index.notes[0]
        check(index, items)


def creating(disk: Path) -> None:
    """Full while an index is made: no half of it is left."""
    rest = fill_rest(disk)
    try:
        opened(disk / "i")
        raise AssertionError("there was room")
    except errors.StoreError as error:
        assert isinstance(error, errors.StoreFull) or "No space" in str(error), error
    assert not list((disk / "i").glob("store*")) if (disk / "i").exists() else True
    rest.unlink()
    with opened(disk / "i") as index:
        assert index.add("a", vector_of("a", DIM)) == "added"


def quarantining(disk: Path) -> None:
    """Full while rotted rows are set aside: they are left out, and the rest is served."""
    import sqlite3

    with opened(disk / "i") as index:
        items = {f"{n}": vector_of(n, DIM) for n in range(2000)}
        index.add_many(items.items())
    connection = sqlite3.connect(disk / "i" / place.DATABASE)
    connection.execute("UPDATE item SET vector = zeroblob(256) WHERE id <= 1000")
    connection.commit()
    connection.close()
    rest = fill_rest(disk)
    with opened(disk / "i", None) as index:
        assert "are left out" in index.notes[0] or "were damaged" in index.notes[0]
        check(index, {key: items[key] for key in list(items)[1000:]})
    rest.unlink()
    with opened(disk / "i", None) as index:
        check(index, {key: items[key] for key in list(items)[1000:]})
        assert len(list((disk / "i" / place.QUARANTINE).iterdir())) == 1


if __name__ == "__main__":
    case = {each.__name__: each for each in (writing, reopening, backing_up, salvaging)}
    case |= {each.__name__: each for each in (creating, quarantining)}
    case |= {each.__name__: each for each in (grouping, reading, reading_beside, reading_a_log)}
    mount(Path(sys.argv[2]), 4096)
    case[sys.argv[1]](Path(sys.argv[2]))
