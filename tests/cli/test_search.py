"""``edgeclip search``: the ranking against numpy, and the sheet."""

from __future__ import annotations

import resource

import numpy as np
import pytest
from PIL import Image

from edgeclip.model.model import Model
from tests import tiny
from tests.cli.conftest import VISIBLE, write_picture


def oracle(tiny_model, query, count=5):
    """Rank the album the plain way."""
    model = Model.load(tiny_model)
    table = np.stack([model.embed_image(path) for path in VISIBLE])
    scores = table @ model.embed_query(query)
    order = sorted(range(len(VISIBLE)), key=lambda i: -scores[i])[:count]
    return [
        {
            "key": VISIBLE[i].removeprefix("album/"),
            "file_path": VISIBLE[i],
            "score": float(scores[i]),
            "metadata": None,
        }
        for i in order
    ]


def test_the_ranking(cli, album, tiny_model):
    queries = ["a cat", "album/b.png", "album/a.jpg + snow"]
    done = cli("search", *queries, "--in", "album", "--json")
    assert (done.code, done.err) == (0, "")
    for query, found in zip(queries, done.json["queries"], strict=True):
        assert found["query"] == query and found["matches"] == oracle(tiny_model, query)
        assert found["good_match"] is found["threshold"] is None
    assert done.json["queries"][1]["matches"][0]["file_path"] == "album/b.png"
    assert done.json["left_out"] == []


def test_the_times(cli, album):
    times = cli("search", "cat", "--in", "album", "--json").json["times"]
    assert list(times) == ["model_load_s", "image_per_item_ms", "text_per_query_ms"]
    assert all(value > 0 for value in times.values())


def test_count_and_least_score(cli, album, tiny_model):
    full = oracle(tiny_model, "a cat")
    done = cli("search", "a cat", "--in", "album", "--count", "2", "--json")
    assert done.json["queries"][0]["matches"] == full[:2]
    least = (full[0]["score"] + full[1]["score"]) / 2
    done = cli("search", "a cat", "--in", "album", "--min-score", least, "--json")
    assert done.json["queries"][0]["matches"] == full[:1]
    none = cli("search", "a cat", "--in", "album", "--min-score", "1", "--json")
    assert none.code == 0 and none.json["queries"][0]["matches"] == []


def test_the_same_query_twice_is_answered_twice(cli, album):
    first, second = cli("search", "cat", "cat", "--in", "album", "--json").json["queries"]
    assert first == second


def test_what_people_see(cli, album, tiny_model):
    done = cli("search", "a cat", "dog", "--in", "album/", "--count", "1")
    (cat,), (dog,) = (oracle(tiny_model, query, 1) for query in ("a cat", "dog"))
    names = [match["key"] for match in (cat, dog)]
    assert done.out.splitlines()[:-1] == [
        "a cat",
        "  score  picture",
        f"{cat['score']:7.3f}  {names[0]}",
        "",
        "dog",
        "  score  picture",
        f"{dog['score']:7.3f}  {names[1]}",
        "",
        "model_load_s  image_per_item_ms  text_per_query_ms",
    ]


def test_no_match_is_said(cli, album):
    done = cli("search", "cat", "--in", "album", "--min-score", "1")
    assert done.out.splitlines()[:2] == ["cat", "  no picture reaches 1"]


def test_options_may_stand_anywhere(cli, album):
    done = cli("search", "--json", "a", "--in", "album", "b", "--count", "1")
    assert [found["query"] for found in done.json["queries"]] == ["a", "b"]


def test_pictures_that_cannot_be_read_are_left_out(cli, album):
    (album / "broken.png").write_bytes(b"none")
    done = cli("search", "cat", "--in", "album", "--json")
    assert done.code == 0 and len(done.json["queries"][0]["matches"]) == 4
    assert [left["file_path"] for left in done.json["left_out"]] == ["album/broken.png"]
    assert done.line.startswith("edgeclip: left out: album/broken.png is no picture")


def test_a_folder_with_broken_pictures_only(cli, here):
    for name in ("a.png", "b.png"):
        (here / name).write_bytes(b"none")
    done = cli("search", "cat", "--in", ".")
    assert (done.code, done.out) == (1, "")
    assert "2 of 2 failed. The first: a.png is no picture" in done.line


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("gone", "gone is no folder"),
        ("album/a.jpg", "a.jpg is no folder"),
        ("empty", "no pictures in empty"),
    ],
)
def test_folders_that_cannot_be_searched(cli, album, folder, said):
    (album.parent / "empty").mkdir()
    done = cli("search", "cat", "--in", folder)
    assert (done.code, done.out) == (1, "") and said in done.line


def test_a_bad_query_is_refused_before_the_pictures_are_read(cli, album, monkeypatch):
    monkeypatch.setattr(Model, "embed_images", None)
    done = cli("search", "cat", "gone.jpg", "--in", "album")
    assert done.code == 1 and "gone.jpg is no file" in done.line


def test_a_model_without_words_still_finds_pictures(cli, album):
    model = tiny.make(album.parent / "blind", text=None)
    done = cli("search", "album/a.jpg", "--in", "album", "-m", model, "--json")
    assert done.json["queries"][0]["matches"][0]["file_path"] == "album/a.jpg"
    assert cli("search", "cat", "--in", "album", "-m", model).code == 1


def test_a_sheet(cli, album):
    done = cli("search", "cat", "dog", "--in", "album", "--count", "3", "--sheet", "s.png")
    assert done.code == 0 and done.line == "edgeclip: wrote s.png"
    with Image.open("s.png") as sheet:
        assert (sheet.format, sheet.size) == ("PNG", (220 + 3 * 212 + 12, 2 * 252 + 12))


@pytest.mark.parametrize(
    ("target", "said"),
    [("s.jpg", "must end in .png"), ("gone/s.png", "gone is no folder"), ("d.png", "is a folder")],
)
def test_sheets_that_cannot_be_written(cli, album, target, said):
    (album.parent / "d.png").mkdir()
    done = cli("search", "cat", "--in", "album", "--sheet", target)
    assert (done.code, done.out) == (2, "") and said in done.err


def test_a_full_disk_leaves_no_half_sheet(shell, album):
    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    done = shell("search", "cat", "--in", "album", "--sheet", "s.png", preexec_fn=small_files)
    assert done.returncode == 1
    assert done.stderr.startswith(b"edgeclip: s.png cannot be written: File too large.")
    assert done.stderr.count(b"\n") == 1
    assert [path.name for path in album.parent.iterdir()] == ["album"]


def test_a_folder_whose_name_looks_like_a_query(cli, here):
    write_picture(here / "-a + b" / "x.png")
    assert cli("search", "cat", "--in", "-a + b").code == 0
