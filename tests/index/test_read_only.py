import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgeclip import errors
from edgeclip.index import place
from edgeclip.index.database import files
from tests.index.some import check, filled, opened, vector_of

# Whoever is root opens the folder through a read-only mount, everybody else without permission.
READER = """
import ctypes, json, os, sys
from edgeclip import errors
from tests.index.some import opened, vector_of

folder = sys.argv[1]
if os.geteuid() == 0:
    libc = ctypes.CDLL(None, use_errno=True)
    call = lambda *what: libc.mount(*what) and sys.exit(3)
    libc.unshare(0x20000) and sys.exit(3)
    call(b"none", b"/", None, 0x4000 | 0x40000, None)  # private, recursively
    call(folder.encode(), folder.encode(), None, 0x1000, None)  # bind
    call(b"none", folder.encode(), None, 0x20 | 0x1000 | 1, None)  # remount, bind, read-only
told = {}
try:
    index = opened(folder, None, read_only=True)
except errors.StoreReadOnly as error:
    print(json.dumps({"refused": str(error)}))
    sys.exit()
with index:
    told["keys"] = sorted(index)
    told["best"] = index.search(vector_of(3), count=1)[0].key
    told["where"] = index.count({"n": {"<": 5}})
    try:
        index.add("new", vector_of("new"))
    except errors.StoreReadOnly as error:
        told["add"] = str(error)
try:
    opened(folder, None)
except errors.StoreReadOnly as error:
    told["writer"] = str(error)
try:
    opened(folder + "/new")
except errors.StoreReadOnly as error:
    told["new"] = str(error)
print(json.dumps(told))
"""
WRITER = """
import sys
from pathlib import Path
from tests.index.some import opened, vector_of
index = opened(Path(sys.argv[1]))
index.add("late", vector_of("late"))
print("ready", flush=True)
sys.stdin.read()
"""


def read_only(folder: Path) -> dict:
    """What a process finds that may not write there."""
    paths = [folder, *folder.rglob("*")]
    modes = {path: path.stat().st_mode for path in paths if os.geteuid()}
    try:
        for path, mode in reversed(modes.items()):
            path.chmod(mode & ~0o222)
        command = [sys.executable, "-c", READER, str(folder)]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    if found.returncode == 3:
        pytest.skip("root without mounts: nothing here is read-only")
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


@pytest.fixture
def folder(tmp_path):
    filled(tmp_path / "i", 30)
    return tmp_path / "i"


def refusals(told):
    assert "read_only=True" in told["add"] or "reading only" in told["add"]
    assert all("cannot be written" in told[name] for name in ("writer", "new"))


def test_folder_that_cannot_be_written_is_searched(folder):
    told = read_only(folder)
    assert len(told["keys"]) == 30 and told["best"] == "0003.jpg" and told["where"] == 5
    refusals(told)


@pytest.mark.parametrize("shared_memory", ["kept", "gone"])
def test_folder_with_a_log_that_a_killed_writer_left(shared_memory, folder):
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as writer:
        assert writer.stdout.readline() == "ready\n"
        writer.send_signal(signal.SIGKILL)
    _, log, shared = files(folder / place.DATABASE)
    assert log.stat().st_size > 0
    if shared_memory == "gone":
        shared.unlink()
    told = read_only(folder)
    if shared_memory == "gone":  # SQLite would have to write it
        assert "left changes in store.db-wal" in told["refused"]
        return
    assert len(told["keys"]) == 31 and "late" in told["keys"] and told["best"] == "0003.jpg"
    refusals(told)


def test_writing_to_what_was_opened_for_reading(folder, tmp_path):
    with opened(folder, None, read_only=True) as index:
        assert index.read_only
        for write in (
            lambda: index.add("new", vector_of("new")),
            lambda: index.add_many([("new", vector_of("new"))]),
            lambda: index.remove("0001.jpg"),
            lambda: index.update("0001.jpg", {"n": 2}),
            index.compact,
        ):
            with pytest.raises(errors.StoreReadOnly):
                write()
        assert len(index) == 30


def test_nothing_to_read(tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(errors.StoreNotFound, match="Make one"):
            opened(path, None, read_only=True)
    assert not (tmp_path / "nothing").exists()


def test_copy_of_a_closed_index_is_an_index(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    with opened(folder) as index, opened(tmp_path / "copy") as copy:
        check(copy, {f"{n:04}.jpg": vector_of(n) for n in range(30)})
        copy.remove("0001.jpg")
        assert len(index) == 30
