"""``edgeclip index``: as a command, and as a process that is watched, stopped and locked out."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeclip.index.index import Index
from tests.cli.conftest import write_picture
from tests.patience import PATIENCE_S

KEYS = ["a.jpg", "b.png", "trip/A.PNG", "trip/c.bmp"]


@pytest.fixture
def process(here):
    """Start the command as a process; whatever is left of it is killed."""
    started = []

    def start(*arguments: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "edgeclip", "index", *map(str, arguments)]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, bufsize=0))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.communicate()


def line_of(process, seconds: float = 10) -> dict:
    """Return the next line that a process prints."""
    assert select.select([process.stdout], [], [], seconds)[0], "nothing was printed"
    return json.loads(process.stdout.readline())


def statuses(done) -> dict[str, str]:
    assert all(set(line) == {"key", "status", "error"} for line in done.lines)
    return {line["key"]: line["status"] for line in done.lines}


def test_a_folder_becomes_an_index(cli, album, here):
    done = cli("index", "album")
    assert done.code == 0 and done.err == ""
    header, row = (line.split() for line in done.out.splitlines())
    assert " ".join(header) == "added updated renamed unchanged removed failed seconds"
    assert " ".join(row[:-1]) == "4 0 0 0 0 0"
    with Index.open("edgeclip.index") as index:
        assert sorted(index) == KEYS and index.root == album
        metadata = index.get("a.jpg").metadata
        assert metadata["width"] == 48 and metadata["time_source"] == "file"


def test_json_and_the_second_run(cli, album):
    done = cli("index", "album", "--json")
    assert done.code == 0 and statuses(done) == dict.fromkeys(KEYS, "added")
    (album / "b.png").rename(album / "z.png")
    write_picture(album / "a.jpg", 30)
    done = cli("index", "--json")
    assert statuses(done) == {
        "a.jpg": "updated",
        "z.png": "renamed",
        "trip/A.PNG": "unchanged",
        "trip/c.bmp": "unchanged",
    }


def test_options_of_the_walk(cli, album):
    done = cli("index", "album", "--json", "--hidden", "--exclude", "trip/", "--exclude", "*.jpg")
    assert sorted(statuses(done)) == [".hidden.png", ".thumbs/t.png", "b.png"]
    (album / "link.png").symlink_to("a.jpg")
    done = cli("index", "album", "--json", "--follow-symlinks")
    assert statuses(done)["link.png"] == "added" and statuses(done)[".hidden.png"] == "removed"


def test_failures(cli, album, monkeypatch):
    monkeypatch.setattr("edgeclip.index.reading.is_settled", lambda *_: True)
    (album / "bad\x1b.png").write_bytes(b"none")
    done = cli("index", "album")
    assert done.code == 1 and done.out.splitlines()[1].split()[5] == "1"
    first, last = done.err.splitlines()
    assert first.startswith("edgeclip: failed: bad\\x1b.png: it is no picture of a format")
    assert last.startswith("edgeclip: 1 failed, each of them named; all other pictures are in the")
    done = cli("index", "album")
    assert done.code == 0 and "1 failed before and have not changed since" in done.err
    done = cli("index", "album", "--json")
    assert done.code == 0 and done.err == "" and len(done.lines) == 5
    (failed,) = (line for line in done.lines if line["status"] == "failed")
    assert failed["key"] == "bad\x1b.png" and "is no picture" in failed["error"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "There is no index at edgeclip.index. Give DIR"),
        (("nothing",), 1, "nothing is no folder."),
        (("album/a.jpg",), 1, "album/a.jpg is no folder."),
        (("album", "--exclude", "!x"), 1, "is no pattern to exclude"),
        (("album", "--verify"), 2, "Give one of DIR"),
        (("--dump", "jsonl", "--compact"), 2, "Give one of DIR"),
        (("album", "--output", "x.npy"), 2, "--output is for --dump"),
        (("--dump", "npy"), 2, "--dump npy needs --output FILE.npy"),
        (("--dump", "npy", "--output", "x.jsonl"), 2, "must end in .npy"),
        (("--verify",), 1, "there is no index at"),
        (("album", "-m", "nothere"), 1, "model 'nothere' is not installed"),
        (("",), 2, "it is empty. Give the path of a folder; the current one is '.'"),
        (("album", "--index", ""), 2, "Invalid value for '--index': it is empty."),
        (("album", "--hidden", "--default-rules"), 2, "Give --default-rules or other rules"),
        (("album", "--index", "album"), 1, "the index album would be the folder of pictures"),
        (("album", "--index", "album/../album/"), 1, "of its own: --index album.index"),
        (("album/trip", "--index", "album"), 1, "album is no index: it holds other files (.hidden"),
        (("--index", "album"), 1, "or of a new folder: --index album/edgeclip.index"),
        (("--index", "album/new"), 2, "There is no index at album/new. Give DIR"),
    ],
)
def test_wrong_use_leaves_no_index(cli, album, arguments, code, words):
    before = sorted(Path.cwd().rglob("*"))
    done = cli("index", *arguments)
    assert done.code == code and words in done.err and done.out == ""
    assert sorted(Path.cwd().rglob("*")) == before


def test_an_index_without_a_folder(cli, here, model):
    Index.open("edgeclip.index", model.space, model=str(model.manifest.folder)).close()
    done = cli("index")
    assert done.code == 2 and "belongs to no folder yet. Give DIR." in done.err


def test_an_index_within_the_pictures_is_left_out(cli, album):
    (album / "my.index" / "quarantine").mkdir(parents=True)
    write_picture(album / "my.index" / "quarantine" / "x.png", 60)
    done = cli("index", "album", "--index", "album/my.index", "--json")
    assert done.code == 0 and sorted(statuses(done)) == KEYS


def test_refusals_of_folder_and_emptiness(cli, album, here):
    assert cli("index", "album").code == 0
    (here / "second").mkdir()
    done = cli("index", "second")
    assert done.code == 1 and "is the index of" in done.line
    for path in [*album.rglob("*.*")]:
        if path.is_file():
            path.unlink()
    done = cli("index")
    assert done.code == 1 and "is its drive mounted?" in done.line
    assert done.line.endswith("give --allow-empty.")
    done = cli("index", "--allow-empty", "--json")
    assert statuses(done) == dict.fromkeys(KEYS, "removed")


def test_a_dump_as_lines(cli, album, model):
    cli("index", "album")
    done = cli("index", "--dump", "jsonl")
    assert done.code == 0 and sorted(line["key"] for line in done.lines) == KEYS
    for line in done.lines:
        vector = model.embed_image(album / line["key"]).astype(np.float16)
        assert np.array_equal(np.array(line["vector"], np.float32), vector)
        assert line["metadata"]["height"] == 40
    assert cli("index", "--dump", "jsonl", "--output", "all.jsonl").out == ""
    assert Path("all.jsonl").read_text() == done.out


def test_a_dump_as_an_array(cli, album):
    cli("index", "album")
    assert cli("index", "--dump", "npy", "--output", "all.npy").code == 0
    table, told = np.load("all.npy"), json.loads(Path("all.json").read_text())
    with Index.open("edgeclip.index", read_only=True) as index:
        keys, vectors = index.vectors()
        assert told["names"] == keys and np.array_equal(table, vectors)
        assert told["metadata"] == [index.get(key).metadata for key in keys]
        assert (told["model"], told["space"]) == (index.model, index.space)
    assert table.dtype == np.float32


def test_a_dump_of_an_empty_index(cli, here, model):
    Index.open("edgeclip.index", model.space).close()
    assert cli("index", "--dump", "npy", "--output", "all.npy").code == 0
    assert np.load("all.npy").shape == (0, 0) and cli("index", "--dump", "jsonl").out == ""


def test_upkeep(cli, album, here):
    cli("index", "album")
    assert cli("index", "--verify").out == "4 items, all as they were written\n"
    done = cli("index", "--verify", "--json")
    assert done.json["ok"] and (done.json["items"], done.json["bad"]) == (4, 0)
    assert "MB before" in cli("index", "--compact").out
    assert "copied 4 items to copy.index" in cli("index", "--backup", "copy.index").out
    told = cli("index", "--compact", "--json").json
    assert set(told) == {"bytes_before", "bytes"}
    done = cli("index", "--backup", "again.index", "--json")
    assert done.json == {"backup": "again.index", "items": 4}
    assert cli("index", "--index", "copy.index", "--verify").code == 0
    assert cli("index", "--backup", "copy.index").code == 1


def test_nice_uses_less(cli, album, monkeypatch):
    lowered = []
    monkeypatch.setattr(os, "nice", lowered.append)
    assert cli("index", "album", "--nice").code == 0 and lowered == [10]


def test_a_second_writer_is_refused_at_once(process, album):
    first = process("album", "--watch", "--json")
    for _ in KEYS:
        line_of(first)
    second = process("album")
    out, err = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == 1 and out == b""
    assert f"is being written by process {first.pid} ".encode() in err and err.count(b"\n") == 1
    assert process("--dump", "jsonl").wait(PATIENCE_S) == 0  # reading is possible at any time


def test_a_closed_pipe_ends_it(process, here):
    for seed in range(300):
        write_picture(here / "many" / f"{seed:03}.png", 100 + seed)
    running = process("many", "--json")
    line_of(running)
    running.stdout.close()
    assert running.wait(PATIENCE_S) == 0 and running.stderr.read() == b""


def test_verify_tells_of_damage_and_mends_nothing(cli, album):
    cli("index", "album")
    with Path("edgeclip.index/store.db").open("r+b") as file:
        data = file.read()
        with Index.open("edgeclip.index", read_only=True, hnsw=False) as index:
            vector = index.get("a.jpg").vector
        place = data.index(vector.astype("<f2").tobytes())
        file.seek(place)
        file.write(bytes([data[place] ^ 1]))
    before = Path("edgeclip.index/store.db").read_bytes()
    done = cli("index", "--verify")
    assert done.code == 1 and "1 row" in done.line and not done.out
    assert Path("edgeclip.index/store.db").read_bytes() == before
    told = cli("index", "album", "--json")
    assert told.code == 0 and "damaged" in told.err and "quarantine" in told.err
    assert statuses(told)["a.jpg"] == "added"  # the folder brings it again
    assert cli("index", "--verify").code == 0
