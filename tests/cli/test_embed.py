"""``edgeclip embed``: the rows, their files, and where the paths come from."""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgeclip.model.model import Model
from tests import folders, tiny
from tests.cli.conftest import VISIBLE, write_picture


@pytest.fixture(scope="module")
def model(tiny_model):
    return Model.load(tiny_model)


def vectors(lines):
    return np.array([line["embedding"]["embedding"] for line in lines], np.float32)


def test_the_file_object_is_the_plugins(cli, album, model):
    done = cli("embed", "album/a.jpg", "--json")
    assert (done.code, done.err) == (0, "")
    vector = model.embed_image("album/a.jpg")
    assert done.json == {
        "file_path": "album/a.jpg",
        "embedding": {
            "embedding": [float(value) for value in vector],
            "embedding_dim": tiny.DIM,
            "normalized": True,
        },
        "status": "success",
        "error": None,
    }


def test_the_file_object_of_a_failure(cli, here):
    done = cli("embed", "gone.jpg", "--json")
    error = "gone.jpg cannot be read: No such file or directory. Check the path."
    assert done.json == {
        "file_path": "gone.jpg",
        "embedding": None,
        "status": "error",
        "error": error,
    }
    assert done.code == 1 and done.line == f"edgeclip: {error}"


def test_raw_output(cli, album, model):
    done = cli("embed", "album/a.jpg", "--text", "a cat", "--no-normalize", "--json")
    picture, text = done.lines
    assert not picture["embedding"]["normalized"] and not text["embedding"]["normalized"]
    expected = [
        model.embed_image("album/a.jpg", normalize=False),
        model.embed_text("a cat", normalize=False),
    ]
    assert np.array_equal(vectors(done.lines), np.array(expected))
    assert abs(np.linalg.norm(expected[0]) - 1) > 1e-3


def test_folders_are_expanded_in_order_and_values_are_the_models(cli, album, model):
    done = cli("embed", "album/b.png", "album", "--text", "a cat", "--text", "", "--json")
    assert done.code == 0
    paths = ["album/b.png", *VISIBLE]
    assert [line["file_path"] for line in done.lines[:-2]] == paths
    assert [line["text"] for line in done.lines[-2:]] == ["a cat", ""]
    expected = [*map(model.embed_image, paths), model.embed_text("a cat"), model.embed_text("")]
    assert np.array_equal(vectors(done.lines), np.array(expected))


def test_the_table_for_people(cli, album):
    (album / "broken.png").write_bytes(b"none")
    done = cli("embed", "album", "--text", "a cat")
    lines = done.out.splitlines()
    assert lines[0].split() == ["dim", "vector", "name"]
    assert lines[1].endswith(" …  album/a.jpg") and lines[1].split()[0] == "16"
    assert "album/broken.png: is no picture of a format or layout" in done.out
    assert done.code == 1
    assert done.line.startswith("edgeclip: 1 of 6 failed. The first: album/broken.png is no")


def test_some_fail_and_the_others_go_on(cli, album):
    done = cli("embed", "gone.jpg", "album/a.jpg", "album/notes.txt", "--text", "\0", "--json")
    assert [line["status"] for line in done.lines] == ["error", "success", "error", "error"]
    assert done.code == 1 and "3 of 4 failed" in done.line


def test_a_folder_without_pictures(cli, here):
    (here / "empty").mkdir()
    done = cli("embed", "empty")
    assert (done.code, done.out) == (1, "") and "there are no pictures in empty" in done.line


def test_a_folder_that_cannot_be_read_is_said(cli, album, monkeypatch):
    real = os.scandir

    def guarded(path):
        if str(path).endswith("trip"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", guarded)
    done = cli("embed", "album", "--json")
    assert done.code == 0 and len(done.lines) == 2
    assert done.line == "edgeclip: left out: album/trip: Permission denied."


def test_one_picture_from_stdin(cli, album, model):
    done = cli("embed", "-", "--json", stdin=(album / "a.jpg").read_bytes())
    assert done.code == 0 and done.json["file_path"] == "-"
    assert np.array_equal(vectors(done.lines)[0], model.embed_image(album / "a.jpg"))


@pytest.mark.parametrize("data", [b"", b"\x00\xff" * 1000], ids=["empty", "binary"])
def test_no_picture_on_stdin(cli, data):
    done = cli("embed", "-", "--json", stdin=data)
    assert done.code == 1 and done.json["status"] == "error" and "the picture" in done.line


@pytest.mark.parametrize("between", [b"\n", b"\0"], ids=["lines", "nul"])
def test_paths_from_stdin(cli, album, between):
    names = ["album/b.png", "album/a.jpg"]
    if between == b"\0":
        shutil.copy(album / "b.png", album / "new\nline.png")
        names.append("album/new\nline.png")
    paths = between.join(map(os.fsencode, names)) + between
    done = cli("embed", "--stdin", "--json", stdin=paths)
    assert done.code == 0 and [line["file_path"] for line in done.lines] == names


@pytest.mark.parametrize("data", [b"", b"\n\n"])
def test_no_paths_on_stdin(cli, data):
    done = cli("embed", "--stdin", "-o", "out.csv", stdin=data)
    assert done.code == 1 and "there are no paths on stdin" in done.line
    assert not Path("out.csv").exists()


def test_binary_on_stdin_where_paths_are_wanted(cli):
    done = cli("embed", "--stdin", stdin=bytes(range(1, 256)))
    assert done.code == 1 and "failed" in done.line


def test_odd_file_names(shell, here):
    odd = [b"-dash.png", b"not\xffutf8.png", b"new\nline.png", b"two  spaces.png"]
    source = write_picture(here / "p" / "source.png")
    for name in odd:
        shutil.copy(source, here / "p" / os.fsdecode(name))
    source.unlink()
    done = shell("embed", "p", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    found = [json.loads(line)["file_path"] for line in done.stdout.splitlines()]
    assert sorted(map(os.fsencode, found)) == sorted(b"p/" + name for name in odd)
    assert len(shell("embed", "p").stdout.splitlines()) == 1 + len(odd)
    assert shell("embed", "p", "-o", "out.csv").returncode == 0
    with (here / "out.csv").open("r", encoding="utf-8", errors="surrogateescape") as file:
        assert [row["name"] for row in csv.DictReader(file)] == found
    assert shell("embed", "--", "-dash.png", cwd=here / "p").returncode == 0


def test_npy(cli, album, model):
    done = cli("embed", "gone.jpg", "album", "--text", "a cat", "-o", "out.npy")
    assert (done.code, done.out) == (1, "") and "1 of 6 failed" in done.line
    table = np.load("out.npy")
    assert table.dtype == np.float32 and table.shape == (5, tiny.DIM)
    assert np.array_equal(table[:-1], [model.embed_image(path) for path in VISIBLE])
    assert np.array_equal(table[-1], model.embed_text("a cat"))
    beside = json.loads((album.parent / "out.json").read_text())
    assert beside == {"model": "tiny", "space": model.space, "names": [*VISIBLE, "a cat"]}


@pytest.mark.parametrize("name", ["out.npy", "out.csv", "out.jsonl"])
def test_nothing_but_failures_leaves_an_older_file(cli, here, name):
    (here / name).write_text("older")
    assert cli("embed", "gone.jpg", "-o", name).code == 1
    assert (here / name).read_text() == "older"
    assert not (here / "out.json").exists()


def test_csv(cli, album, model):
    assert cli("embed", "gone.jpg", "album", "-o", "out.csv").code == 1
    header, *rows = csv.reader((album.parent / "out.csv").open())
    assert header == ["name", *map(str, range(tiny.DIM))]
    assert [row[0] for row in rows] == VISIBLE
    numbers = np.array([row[1:] for row in rows]).astype(np.float32)
    assert np.array_equal(numbers, [model.embed_image(path) for path in VISIBLE])


def test_jsonl_holds_what_json_prints(cli, album):
    shown = cli("embed", "album", "--json").out
    done = cli("embed", "album", "-o", "out.jsonl")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (album.parent / "out.jsonl").read_text() == shown


def test_a_new_file_has_the_usual_permissions(cli, album):
    (album.parent / "touched").touch()
    assert cli("embed", "album", "-o", "out.csv").code == 0
    assert (album.parent / "out.csv").stat().st_mode == (album.parent / "touched").stat().st_mode


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("out.txt", "must end in .jsonl, .csv, .npy"),
        ("absent/out.csv", "absent is no folder"),
        ("folder.csv", "folder.csv is a folder"),
    ],
)
def test_places_where_nothing_can_be_written(cli, album, target, said):
    (album.parent / "folder.csv").mkdir()
    done = cli("embed", "album", "-o", target)
    assert done.code == 2 and said in done.err


def test_json_and_output_exclude_each_other(cli, album):
    assert cli("embed", "album", "--json", "-o", "out.jsonl").code == 2


def test_a_full_disk_leaves_the_older_file(shell, album):
    target = album.parent / "out.npy"
    target.write_bytes(b"older")

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    done = shell("embed", "album", "-o", "out.npy", preexec_fn=small_files)
    assert done.returncode == 1
    assert done.stderr.startswith(b"edgeclip: out.npy cannot be written: File too large.")
    assert done.stderr.count(b"\n") == 1
    assert target.read_bytes() == b"older"
    assert sorted(path.name for path in album.parent.iterdir()) == ["album", "out.npy"]


def test_a_model_without_words(cli, album):
    model = tiny.make(album.parent / "blind", text=None)
    assert cli("embed", "album", "-m", model).code == 0
    done = cli("embed", "--text", "a cat", "-m", model)
    assert done.code == 1 and "blind has no text tower" in done.line


def test_a_model_without_raw_output(cli, album):
    image = folders.image_record(outputs={"unit": "image_embeds"})
    model = tiny.make(album.parent / "unit", image=image)
    done = cli("embed", "album/a.jpg", "-m", model, "--no-normalize")
    assert done.code == 1 and "no raw output" in done.line


def test_fit_and_draft_reach_the_model(cli, album, tiny_model):
    write_picture(album / "wide.png", 3, (300, 40))
    cropped, padded = (
        vectors(cli("embed", "album/wide.png", "--json", "--fit", fit).lines)
        for fit in ("crop", "pad")
    )
    assert not np.array_equal(cropped, padded)
    assert np.array_equal(
        padded[0], Model.load(tiny_model, fit="pad").embed_image(album / "wide.png")
    )
    assert cli("embed", "album/a.jpg", "--draft", "--threads", "1").code == 0
