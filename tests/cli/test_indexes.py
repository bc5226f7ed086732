"""Which index a command works on, and which model belongs to it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeclip.index.index import Index
from edgeclip.model.model import Model
from tests.cli.conftest import write_picture
from tests.cli.test_index import statuses
from tests.index.some import filled

KILLED_WHILE_IT_MADE_AN_INDEX = """
import os, sys
from edgeclip.index import failpoints
from edgeclip.index.index import Index
failpoints.hook = lambda step: os._exit(9) if step == "create.database" else None
Index.open(sys.argv[1], "5" * 64, hnsw=False)
"""


def test_the_index_is_named_by_option_or_surroundings(cli, album, monkeypatch):
    assert cli("index", "album", "--index", "one.index").code == 0
    monkeypatch.setenv("EDGECLIP_INDEX", "two.index")
    assert cli("index", "album").code == 0
    assert Path("one.index").is_dir() and Path("two.index").is_dir()
    assert not Path("edgeclip.index").exists()


def test_the_index_remembers_its_model(cli, album, monkeypatch, tiny_model):
    assert cli("index", "album", "--fit", "pad").code == 0
    monkeypatch.delenv("EDGECLIP_MODEL")
    write_picture(album / "new.png", 40)
    done = cli("index", "--json")
    assert done.code == 0 and statuses(done)["new.png"] == "added"
    expected = Model.load(tiny_model, fit="pad").embed_image(album / "new.png")
    with Index.open("edgeclip.index") as index:
        assert np.array_equal(index.get("new.png").vector, expected.astype(np.float16))


def test_another_model_is_refused(cli, album, here):
    from tests import tiny

    assert cli("index", "album").code == 0
    changed = {**tiny.RECORD["source"], "weights_sha256": "0" * 64}
    other = tiny.make(here / "other", source=changed)
    done = cli("index", "album", "-m", other)
    assert done.code == 1 and "edgeclip.index was made with" in done.line
    assert "other makes other vectors. Leave --model out, or begin anew" in done.line


@pytest.mark.parametrize(
    ("made", "asked", "refused"),
    [
        ((), ("--fit", "pad"), "--fit crop and without --draft"),
        (("--fit", "pad"), ("--fit", "crop"), "--fit pad and without --draft"),
        ((), ("--draft",), "--fit crop and without --draft"),
        (("--fit", "pad", "--draft"), ("--fit", "pad"), None),
        (("--draft",), ("--draft", "--fit", "crop"), None),
        (("--draft",), ("--fit", "pad"), "--fit crop and with --draft"),
    ],
)
def test_options_of_another_index_are_refused(cli, album, made, asked, refused):
    assert cli("index", "album", *made).code == 0
    for done in (cli("index", *asked), cli("search", "a cat", *asked)):
        if refused is None:
            assert done.code == 0, done.err
            continue
        assert done.code == 1 and f"edgeclip.index was made with tiny, {refused}" in done.line
        assert done.line.endswith("begin anew with another index: edgeclip index DIR --index NEW")


def test_a_model_that_was_moved(cli, album, here, tiny_model, monkeypatch):
    old, new = here / "old", here / "new"
    shutil.copytree(tiny_model, old)
    assert cli("index", "album", "-m", old).code == 0
    old.rename(new)
    for done in (cli("index"), cli("search", "a cat")):
        assert done.code == 1
        assert f"the model of edgeclip.index is not in {old} any more. Say where" in done.line
    assert cli("search", "a cat", "-m", new).code == 0
    assert cli("search", "a cat").code == 1  # who only reads cannot remember it
    assert cli("index", "-m", new).code == 0
    assert cli("search", "a cat").code == 0 and cli("index", "--verify").code == 0
    assert cli("index", "-m", tiny_model).code == 0
    with Index.open("edgeclip.index") as index:
        assert index.model == str(new)  # it is there, so it stays


def test_an_index_whose_making_was_killed_is_made_anew(cli, album):
    command = [sys.executable, "-c", KILLED_WHILE_IT_MADE_AN_INDEX, "edgeclip.index"]
    assert subprocess.run(command, check=False).returncode == 9
    assert not Path("edgeclip.index/store.db").exists()
    assert cli("index", "album").code == 0
    with Index.open("edgeclip.index") as index:
        assert len(index) == 4 and not index.notes
    assert not list(Path("edgeclip.index").glob("store.db.new*"))


def test_only_what_an_index_leaves_may_stand_where_one_is_made(cli, album):
    folder = Path("edgeclip.index")
    own = ["store.db.new-journal", "store.db.salvaged", "store.db.salvaged.new-wal"]
    for name in (*own, "salvage.json.new", "lock", "damaged"):
        folder.mkdir(exist_ok=True)
        (folder / name).touch()
    assert cli("index", "album").code == 0
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "store.db-wal").touch()  # it may be all that is left of somebody's changes
    done = cli("index", "album")
    assert done.code == 1 and "it holds other files (store.db-wal)" in done.line


def test_what_was_mended_is_told_also_when_the_model_cannot_be_loaded(cli, album):
    assert cli("index", "album").code == 0
    with Index.open("edgeclip.index", read_only=True, hnsw=False) as index:
        vector = index.get("a.jpg").vector.astype("<f2").tobytes()
    file = Path("edgeclip.index/store.db")
    file.write_bytes(file.read_bytes().replace(vector, vector[::-1]))
    done = cli("index", "-m", "nowhere")
    note, error = done.err.splitlines()
    assert done.code == 1 and "nowhere" in error
    assert note.startswith("edgeclip: 1 item was damaged, and set aside in edgeclip.index/quarant")
    assert cli("index").err == ""


@pytest.mark.parametrize("command", [("groups",), ("search", "a cat"), ("duplicates",)])
def test_an_index_that_cannot_even_be_read_is_told_of_once(command, cli, monkeypatch):
    """A stopped writer left a log, and reading it takes a folder that can be written."""
    from edgeclip.errors import StoreReadOnly
    from edgeclip.index import opening

    def refuse(*_):
        raise StoreReadOnly("edgeclip.index cannot be written. Copy the folder.")

    filled(Path("edgeclip.index"), 3)
    monkeypatch.setattr(opening, "for_writing", refuse)
    monkeypatch.setattr(opening, "for_reading", refuse)
    done = cli(*command)
    assert done.code == 1
    assert done.line == "edgeclip: edgeclip.index cannot be written. Copy the folder."
