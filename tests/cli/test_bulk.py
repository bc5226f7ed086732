"""``edgeclip embed --engine ray`` and ``edgeclip index --from``: the way there and back."""

from __future__ import annotations

import sys

import pytest

from edgeclip.cli import bulk
from edgeclip.grow import cluster
from edgeclip.index.index import Index
from tests import tiny
from tests.cli.conftest import write_picture


@pytest.fixture
def here_alone(monkeypatch):
    """A cluster that is this process: Ray takes seconds to start."""
    monkeypatch.setattr(cluster, "cluster", _Here)
    monkeypatch.setattr(cluster, "run", _run)


def test_a_folder_becomes_vectors_and_an_index_that_knows_the_folder(
    shell, cli, album, model, here_alone
):
    (album / "broken.jpg").write_bytes(b"no picture")
    embed = ("embed", "album", "--engine", "ray", "--out", "vectors", "--workers", "1")
    done = shell(*embed, timeout=240)
    assert done.returncode == 1
    assert done.stdout.decode().split()[:7] == [
        "embedded", "failed", "unchanged", "seconds", "4", "1", "0"
    ]  # fmt: skip
    # One line for the picture and one that ends: Ray itself says nothing.
    failed, last = done.stderr.decode().splitlines()
    assert failed.startswith("edgeclip: failed: broken.jpg: it is no picture of a format")
    assert last == (
        "edgeclip: 1 failed; each has a row with its error, or the vector that it had before."
    )

    write_picture(album / "new.png", 77)
    done = cli(*embed, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json == {"key": "new.png", "status": "embedded", "error": None}
    assert cli(*embed, "--again").out.split()[-4:-1] == ["5", "1", "0"]
    done = cli(*embed)
    assert done.code == 0 and done.out.split()[-3] == "0"
    assert done.line.startswith("edgeclip: 1 of those unchanged failed before; ")

    done = cli("index", "--from", "vectors", "--json")
    assert (done.code, done.json) == (
        0,
        {"added": 5, "updated": 0, "unchanged": 0, "failed": 1},
    )
    done = cli("index", "--from", "vectors")
    assert done.out.split()[-5:-1] == ["0", "0", "5", "1"]
    assert done.line == "edgeclip: left out: 1 row with an error instead of a vector."
    done = cli("index", "album", "--json")
    assert [line["status"] for line in done.lines].count("unchanged") == 5
    with Index.open("edgeclip.index", read_only=True) as index:
        assert abs(index.get("a.jpg").vector @ model.embed_image("album/a.jpg") - 1) < 1e-3
    assert cli("search", "a cat").code == 0


def test_a_dump_goes_into_another_index(cli, album):
    assert cli("index", "album").code == 0
    assert cli("index", "--dump", "parquet").code == 2
    assert cli("index", "--dump", "parquet", "--output", "all.npy").code == 2
    done = cli("index", "--dump", "parquet", "--output", "all.parquet", "--json")
    assert done.json == {"file_path": "all.parquet", "items": 4}
    done = cli("index", "--from", "all.parquet", "--index", "b.index", "--json")
    assert done.json["added"] == 4
    found = []
    for path in ("edgeclip.index", "b.index"):
        with Index.open(path, read_only=True) as index:
            found.append([repr(item) for item in index.items()])
    assert len(found[0]) == 4 and found[0] == found[1]


def test_an_index_remembers_where_its_model_is(cli, album, tiny_model):
    cli("index", "album", "--index", "a.index")
    cli("index", "--dump", "parquet", "--output", "all.parquet", "--index", "a.index")
    done = cli("index", "--from", "all.parquet", "--index", "b.index", "--model", tiny_model)
    assert done.code == 0
    with Index.open("b.index", read_only=True) as index:
        assert index.model == str(tiny_model)


def test_another_model_is_refused_before_an_index_is_made(cli, album, here):
    cli("index", "album", "--index", "a.index")
    cli("index", "--dump", "parquet", "--output", "all.parquet", "--index", "a.index")
    taken = ("index", "--from", "all.parquet", "--index")
    assert "absent" in cli(*taken, "b.index", "--model", "absent").line
    done = cli(*taken, "b.index", "--model", "starter")
    assert done.code == 1 and "starter makes other ones" in done.line
    assert not (here / "b.index").exists()
    with Index.open(here / "c.index", "7" * 64, model="other") as index:
        index.add("a", [1.0] + [0.0] * (tiny.DIM - 1))
    done = cli(*taken, "c.index")
    assert done.code == 1 and "7" * 12 in done.line and "other" in done.line


def test_other_options_are_refused_before_an_index_is_made(cli, album, here):
    cli("index", "album", "--index", "a.index", "--fit", "pad")
    cli("index", "--dump", "parquet", "--output", "all.parquet", "--index", "a.index")
    taken = ("index", "--from", "all.parquet", "--index", "b.index")
    done = cli(*taken, "--fit", "crop")
    assert done.code == 1 and "--fit pad and without --draft. Leave these options" in done.line
    assert not (here / "b.index").exists()
    assert cli(*taken, "--fit", "pad").code == 0
    assert cli("index", "album", "--index", "b.index", "--fit", "pad", "--json").code == 0


def test_vectors_of_a_model_that_is_elsewhere_are_taken(cli, album, here, monkeypatch):
    cli("index", "album", "--index", "a.index")
    cli("index", "--dump", "parquet", "--output", "all.parquet", "--index", "a.index")
    monkeypatch.setenv("EDGECLIP_MODEL", "starter")
    assert cli("index", "--from", "all.parquet", "--index", "b.index").code == 0
    with Index.open("b.index", read_only=True) as index:
        assert len(index) == 4 and "tiny" in index.model


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("embed", "album", "--out", "v"), 2, "are for --engine ray"),
        (("embed", "album", "--workers", "2"), 2, "are for --engine ray"),
        (("embed", "album", "--engine", "ray"), 2, "--out DIR"),
        (("embed", "album", "x", "--engine", "ray", "--out", "v"), 2, "needs one DIR"),
        (("embed", "-", "--engine", "ray", "--out", "v"), 2, "needs one DIR"),
        (("embed", "--text", "x", "--engine", "ray", "--out", "v"), 2, "takes no --text"),
        (("embed", "album", "--engine", "ray", "--out", "v", "--provider", "cuda"), 2, "on CPUs"),
        (("embed", "none", "--engine", "ray", "--out", "v"), 1, "no folder, no file and no"),
        (("embed", "album", "--engine", "ray", "--out", "notes.txt"), 1, "notes.txt"),
        (("index", "--from", "album"), 1, "no file there ends in .parquet"),
        (("index", "--from", "none.parquet"), 1, "none.parquet"),
        (("index", "--from", ""), 2, "needs the path"),
        (("index", "album", "--from", "v"), 2, "Give one of DIR"),
        (("index", "--from", "v", "--verify"), 2, "Give one of DIR"),
    ],
)
def test_wrong_use(cli, album, here, arguments, code, said):
    (here / "notes.txt").write_text("a file")
    done = cli(*arguments)
    assert done.code == code and said in done.err and "Traceback" not in done.err
    assert done.err.count("\n") == 1 or code == 2
    assert not (here / "edgeclip.index").exists()


def test_without_ray_a_sentence_says_what_to_install(cli, album, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    done = cli("embed", "album", "--engine", "ray", "--out", "vectors")
    assert done.code == 1 and done.line.endswith("needs ray: pip install 'edgeclip[ray]'")


def test_of_many_failures_some_are_named(cli, album, here_alone, monkeypatch):
    monkeypatch.setattr(bulk, "_MOST_NAMED", 2)
    for number in range(5):
        (album / f"broken{number}.jpg").write_bytes(b"no picture")
    done = cli("embed", "album", "--engine", "ray", "--out", "vectors")
    assert done.code == 1 and done.err.count("failed: broken") == 2 and "3 more" in done.err
    assert "5 failed" in done.err


class _Here:
    """A cluster of this process."""

    def __init__(self, workers, threads):
        pass

    def __enter__(self):
        return 1, 1

    def __exit__(self, *_):
        pass


def _run(task, entries, *, workers, block):
    from edgeclip.grow.embedder import Embedder

    yield list(Embedder(task).rows(entries))
