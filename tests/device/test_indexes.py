"""Indexes: each fault is made, and its line names it and the command that mends it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys

import pytest

from edgeclip.device.doctor import indexes
from edgeclip.index import place
from edgeclip.index.index import Index
from edgeclip.index.store import Store
from edgeclip.model.manifest import Manifest
from tests import tiny
from tests.device.conftest import only, states
from tests.index.saved_graphs import clustered, graph_of, published
from tests.index.some import filled, opened, stored, vector_of

KILLED = """
import os, sys
from pathlib import Path
from tests.index.some import opened, vector_of
index = opened(Path(sys.argv[1]), None)
for number in range(5):
    index.add(f"new {number}", vector_of(number, 16))
os.kill(os.getpid(), 9)
"""
WRITING = """
import sys
from pathlib import Path
from tests.index.some import opened
with opened(Path(sys.argv[1]), None):
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory, tiny_model):
    """An index of the tiny model, shared: copy it."""
    folder = tmp_path_factory.mktemp("made") / "i"
    space = Manifest.read(tiny_model).space
    filled(folder, 300, tiny.DIM, space=space, model=str(tiny_model))
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "i")


def mend(folder) -> str:
    return f"edgeclip index --index {folder}"


def killed(folder):
    """Let a writer be killed, and return the log that it leaves."""
    command = [sys.executable, "-c", KILLED, str(folder)]
    assert subprocess.run(command, check=False).returncode == -9
    return folder / f"{place.DATABASE}-wal"


def patched(path, offset, data):
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def rotted_row(folder):
    file = folder / place.DATABASE
    vector = vector_of(5, tiny.DIM).astype("<f2").tobytes()
    data = file.read_bytes()
    assert data.count(vector) == 1
    file.write_bytes(data.replace(vector, vector[::-1]))


def zeroed_page(folder):
    file = folder / place.DATABASE
    patched(file, file.stat().st_size // 2 // 4096 * 4096, bytes(4096))


def other_program(folder):
    (folder / place.DATABASE).unlink()
    with sqlite3.connect(folder / place.DATABASE) as other:
        other.execute("CREATE TABLE t (x)")
    other.close()


def newer(folder):
    with sqlite3.connect(folder / place.DATABASE) as other:
        other.execute("UPDATE setting SET value = 99 WHERE name = 'format'")
        other.execute("PRAGMA user_version = 99")
    other.close()


DAMAGE = {
    "row": (rotted_row, "1 rows do not fit their checksum", True),
    "page": (zeroed_page, "is damaged", True),
    "header": (lambda folder: patched(folder / place.DATABASE, 0, bytes(100)), "begins", True),
    "no database": (
        lambda folder: (folder / place.DATABASE).write_text("hello" * 99),
        "begins",
        True,
    ),
    "empty": (lambda folder: (folder / place.DATABASE).write_bytes(b""), "begins", True),
    "other program": (other_program, "a database of another program", False),
    "newer": (newer, "has format 99", False),
    "mark": (lambda folder: (folder / place.DAMAGED).touch(), "has met a damaged page", True),
    "salvage": (
        lambda folder: (folder / place.SALVAGE_NOTE).write_text("{}"),
        "was interrupted",
        True,
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage(folder, name):
    damage, text, can_be_mended = DAMAGE[name]
    damage(folder)
    found = only(indexes.findings(folder))
    assert found.check == "index" and found.state == "failed" and text in found.message
    assert found.command == (mend(folder) if can_be_mended else None)


def test_a_rotted_row_is_seen_in_a_hurry_too(folder):
    rotted_row(folder)
    found = only(indexes.findings(folder, quick=True))
    assert found.state == "failed" and "1 damaged item is left out" in found.message
    assert found.command == mend(folder)


@pytest.mark.parametrize("quick", [True, False])
def test_a_good_one(folder, tiny_model, quick):
    found = list(indexes.findings(folder, quick=quick))
    assert states(found) == []
    writer, items, model = [each.message for each in found]
    assert writer == f"nobody writes to {folder}" and items.startswith("300 items, ")
    assert model == f"its vectors are those of {tiny_model}"


def test_no_index_yet(tmp_path):
    (tmp_path / "empty" / place.CACHE).mkdir(parents=True)
    for path in (tmp_path / "new", tmp_path / "empty"):
        (found,) = indexes.findings(path)
        assert found.state == "ok" and "no index at" in found.message


def test_what_is_no_index(tmp_path):
    (tmp_path / "file").touch()
    assert "is a file, not an index" in only(indexes.findings(tmp_path / "file")).message
    found = only(indexes.findings(tmp_path))
    assert found.state == "failed" and "it holds other files (file)" in found.message


def test_a_writer_is_named_and_not_disturbed(folder):
    command = [sys.executable, "-c", WRITING, str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as writer:
        writer.stdout.readline()
        found = list(indexes.findings(folder))
        writer.communicate("")
    assert states(found) == [] and writer.returncode == 0
    assert f"is written by process {writer.pid} (-c " in found[0].message


def test_a_lock_whose_owner_cannot_be_told(folder):
    lock = place.lock(folder)
    (folder / place.LOCK).write_text("?")
    assert "is written by another process" in next(iter(indexes.findings(folder))).message
    place.unlock(lock)


def test_a_writer_that_was_killed(folder):
    killed(folder)
    found = list(indexes.findings(folder))
    assert states(found) == [] and "305 items" in found[2].message
    assert found[1].message == "the last writer was stopped; what it had acknowledged is there"


def test_the_log_of_a_killed_writer_is_missing(folder):
    killed(folder).unlink()
    found = only(indexes.findings(folder))
    assert found.state == "warning" and "its latest changes is missing" in found.message
    assert found.command == mend(folder)


def test_the_log_of_a_killed_writer_is_damaged(folder):
    patched(killed(folder), 32 + 24 + 2000, b"rot")
    found = [each for each in indexes.findings(folder) if each.state == "failed"]
    assert "store.db-wal is damaged" in found[0].message and found[0].command == mend(folder)


def test_the_log_of_another_index(folder, tmp_path):
    other = tmp_path / "other"
    filled(other, 3, tiny.DIM)
    code = KILLED.replace(
        "for number in",
        "from edgeclip.index.changes import Setting\n"
        "index.write([Setting('model', 'x')])\nfor number in",
    )
    subprocess.run([sys.executable, "-c", code, str(other)], check=False)
    shutil.copy(other / "store.db-wal", folder)
    found = [each for each in indexes.findings(folder) if each.state == "failed"]
    assert "store.db-wal is another database's" in found[0].message


def test_what_was_set_aside(folder):
    rotted_row(folder)
    with opened(folder, None) as index:
        assert "set aside" in index.notes[0]
    found = only(indexes.findings(folder))
    assert found.state == "warning" and "1 file of 0 MB in" in found.message
    assert found.command == f"ls -l {folder / place.QUARANTINE}"


def test_another_model(folder, tmp_path):
    source = {**tiny.RECORD["source"], "weights_sha256": "0" * 64}
    other = tiny.make(tmp_path / "other", source=source)
    found = only(indexes.findings(folder, model=str(other)))
    assert found.state == "failed" and f"and {other} makes other vectors" in found.message
    assert found.command == "edgeclip index DIR --index NEW"


def test_options_of_the_same_model(tiny_model, tmp_path):
    space = Manifest.read(tiny_model).space_id(fit="pad", draft=True)
    filled(tmp_path / "i", 3, tiny.DIM, space=space, model=str(tiny_model))
    assert states(indexes.findings(tmp_path / "i")) == []


def test_a_model_that_is_gone(tmp_path, tiny_model):
    gone = tmp_path / "my models" / "gone"
    filled(tmp_path / "i", 3, tiny.DIM, model=str(gone))
    found = only(indexes.findings(tmp_path / "i"))
    assert found.state == "failed" and "its model cannot be used" in found.message
    assert found.command == f"{mend(tmp_path / 'i')} --model FOLDER"
    assert indexes.remembered(tmp_path / "i") == str(gone)
    assert indexes.remembered(tmp_path / "none") is None


def test_a_folder_of_pictures_that_is_gone(folder, tmp_path):
    from edgeclip.index.changes import Setting

    with opened(folder, None) as index:
        index.write([Setting("root", str(tmp_path / "pictures"))])
        assert index.root == tmp_path / "pictures"
    found = only(indexes.findings(folder))
    assert found.state == "warning" and "is not there. Mount it" in found.message
    (tmp_path / "pictures").mkdir()
    assert states(indexes.findings(folder)) == []


@pytest.fixture
def saved(folder):
    """An index with a saved graph; return the folder and the graph's file."""
    pytest.importorskip("hnswlib")

    def save(**changes):
        store = Store.open(folder / place.DATABASE, read_only=True)
        path = published(folder, graph_of(clustered(200, tiny.DIM)[0]), store.identity, **changes)
        store.close()
        return path.with_suffix(".bin")

    return save


def test_a_saved_graph(folder, saved):
    saved()
    found = list(indexes.findings(folder))
    assert states(found) == [] and found[-1].check == "index cache"
    assert found[-1].message == "hnsw-1-1 covers 200 of 300 items"


def test_a_saved_graph_that_is_damaged(folder, saved):
    file = saved()
    patched(file, file.stat().st_size // 2, bytes(512))
    found = only(indexes.findings(folder))
    assert found.state == "warning" and "its hash is another" in found.message
    assert found.command == mend(folder) and file.exists()


@pytest.mark.parametrize(
    ("changes", "text"),
    [({"hnswlib": "0.7.0"}, "hnswlib 0.7.0 made it"), ({"uuid": "x"}, "its uuid is 'x'")],
)
def test_a_saved_graph_of_another_make(folder, saved, changes, text):
    saved(**changes)
    found = only(indexes.findings(folder))
    assert found.state == "warning" and text in found.message


def test_an_index_that_may_not_be_read(folder, monkeypatch):
    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(indexes.opening, "is_there", refuse)
    found = only(indexes.findings(folder))
    assert found.state == "failed" and "cannot be read: Permission denied" in found.message


def snapshot(folder):
    """Everything but what any reader of SQLite leaves: shared memory, and an empty log."""
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("store.db-shm", "store.db-wal")
    }


@pytest.mark.parametrize("name", [*DAMAGE, "nothing", "killed"])
def test_nothing_is_changed(folder, name):
    damage = {"nothing": lambda _: None, "killed": killed}.get(name) or DAMAGE[name][0]
    damage(folder)
    before = snapshot(folder)
    log = folder / "store.db-wal"
    changes = log.read_bytes() if log.exists() else b""
    list(indexes.findings(folder))
    assert snapshot(folder) == before
    assert (log.read_bytes() if log.exists() else b"") == changes
    if name == "nothing":
        with Index.open(folder, hnsw=False) as index:
            assert len(index) == 300 and not index.notes
            vector = vector_of(5, tiny.DIM)
            assert (index.get("0005.jpg").vector == stored(vector)).all()
