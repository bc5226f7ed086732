"""``edgeclip groups`` and ``edgeclip duplicates`` on an index."""

from __future__ import annotations

import shutil
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeclip.index.changes import Setting
from edgeclip.index.duplicates import THRESHOLD
from edgeclip.index.index import Index
from edgeclip.index.records import root_setting
from edgeclip.model import parts
from edgeclip.model.model import Model
from edgeclip.vectors import unit
from tests.cli.conftest import VISIBLE


@pytest.fixture
def index(album, tiny_model) -> Path:
    """An index of the album, with a copy in it."""
    shutil.copy(album / "a.jpg", album / "copy.jpg")
    model = Model.load(tiny_model)
    folder = album.parent / "edgeclip.index"
    with Index.open(folder, model.space, model=str(tiny_model), hnsw=False) as opened:
        for path in [*VISIBLE, "album/copy.jpg"]:
            content = sha256(Path(path).read_bytes()).digest()
            key = path.removeprefix("album/")
            opened.add(key, model.embed_image(path), {"bytes": 9}, content_hash=content)
        opened.write([root_setting(album)])
    return folder


def test_duplicates_for_programs(cli, index, album):
    done = cli("duplicates", "--threshold", "0.9999", "--json")
    assert done.code == 0, done.err
    (group,) = done.lines
    assert group["keeper"] == "a.jpg" and group["file_path"] == str(album / "a.jpg")
    (other,) = group["duplicates"]
    assert other["key"] == "copy.jpg" and other["same_content"] and other["cosine"] > 0.999


def test_duplicates_for_people(cli, index):
    done = cli("duplicates", "--threshold", "0.9999")
    lines = done.out.splitlines()
    assert lines[1].split() == ["keep", "a.jpg"]
    assert lines[2].split()[:2] == ["same", "file"] and lines[2].endswith("copy.jpg")
    assert lines[-1] == "1 group, 1 picture beside those to keep"


def test_equal_files_alone(cli, index):
    done = cli("duplicates", "--exact", "--json")
    assert (done.code, done.err) == (0, "")
    (group,) = done.lines
    assert group["keeper"] == "a.jpg"
    (other,) = group["duplicates"]
    assert other["key"] == "copy.jpg" and other["same_content"] and other["cosine"] == 1
    with Index.open(index) as opened:  # alike, but no equal file
        opened.add("again.jpg", opened.get("b.png").vector, content_hash=b"x" * 32)
    assert cli("duplicates", "--exact", "--json").lines == done.lines
    assert cli("duplicates", "--threshold", "0.999").out.startswith("      ")
    assert cli("duplicates", "--exact", "--threshold", "0.9").code == 2


def test_a_threshold_that_is_raised_is_told(cli, index):
    rng = np.random.default_rng(0)
    with Index.open(index) as opened:
        middle = opened.get("a.jpg").vector
        near = unit(middle + rng.standard_normal((60, len(middle))) * 0.02)
        opened.add_many((f"{number}.jpg", vector) for number, vector in enumerate(near))
    done = cli("duplicates", "--json")
    assert done.code == 0 and "much alike" in done.line and "--threshold" in done.line
    told = float(done.line.split("at least ")[1].split(";")[0])
    assert told > THRESHOLD and done.lines == cli("duplicates", "--threshold", told, "--json").lines
    assert cli("duplicates", "--threshold", "0.95").err == ""


def test_no_duplicates(cli, index, tiny_model):
    with Index.open(index) as opened:
        opened.remove("copy.jpg")
    assert cli("duplicates", "--threshold", "1").out == "no duplicates\n"


def test_groups_for_programs(cli, index, album):
    done = cli("groups", "--threshold", "0.999", "--json", "--label", "cat", "--label", "dog")
    assert done.code == 0, done.err
    (group,) = done.lines
    names = ["cluster_id", "label", "label_cosine", "representative_thumbnail", "assets"]
    assert list(group) == names
    assert group["label"] in ("cat", "dog") and -1 < group["label_cosine"] < 1
    (plain,) = cli("groups", "--json").lines
    assert plain["label"] is plain["label_cosine"] is None
    assert {asset["key"] for asset in group["assets"]} == {"a.jpg", "copy.jpg"}
    assert Path(group["representative_thumbnail"]).is_file()


def test_groups_for_people_and_what_is_kept(cli, index):
    done = cli("groups", "--threshold", "0.999", "--least", "1")
    assert done.out.splitlines()[0].split() == ["group", "size", "representative"]
    assert done.out.splitlines()[-1] == "4 groups with 5 of 5 pictures (threshold 0.999)"
    labelled = cli("groups", "--label", "cat").out.splitlines()
    assert labelled[0].split() == ["group", "size", "label", "cosine", "representative"]
    assert labelled[1].split()[2] == "cat" and -1 < float(labelled[1].split()[3]) < 1
    again = cli("groups", "--least", "1")  # with the threshold of the groups that are kept
    assert again.out == done.out


def test_groups_beside_a_writer(cli, index):
    with Index.open(index):
        done = cli("groups", "--threshold", "0.999")
    assert done.code == 0 and "1 group with 2 of 5" in done.out
    assert "is being written by process" in done.err and "Nothing is kept" in done.err


@pytest.mark.parametrize("command", ["groups", "duplicates"])
def test_sheets(cli, index, command):
    done = cli(command, "--threshold", "0.999", "--sheet", "s.png")
    assert done.code == 0 and "wrote s.png" in done.err
    with Image.open("s.png") as sheet:
        assert sheet.size == (220 + 2 * 212 + 12, 252 + 12)
    assert cli(command, "--sheet", "s.gif").code == 2


def test_a_sheet_of_pictures_that_are_gone(cli, index, album):
    (album / "copy.jpg").unlink()
    done = cli("duplicates", "--exact", "--sheet", "s.png")
    assert done.code == 0
    assert "1 picture of the sheet could not be read. The first: " in done.err.splitlines()[0]
    assert "copy.jpg cannot be read" in done.err and "wrote s.png" in done.err
    Path("s.png").unlink()
    album.rename(album.with_name("unmounted"))
    for command in (("search", "cat"), ("duplicates", "--exact"), ("groups",)):
        done = cli(*command, "--sheet", "s.png")
        assert done.code == 1 and "s.png is not written" in done.line and done.out
    assert not Path("s.png").exists()


@pytest.mark.parametrize("command", ["groups", "duplicates", "search"])
def test_without_an_index(cli, here, command):
    done = cli(command, *(["cat"] if command == "search" else []))
    assert (done.code, done.out) == (1, "")
    assert "there is no index at edgeclip.index" in done.line and "edgeclip index" in done.line


def test_the_index_may_stand_in_the_environment(cli, index, monkeypatch, here):
    index.rename(here / "elsewhere")
    monkeypatch.setenv("EDGECLIP_INDEX", str(here / "elsewhere"))
    assert cli("duplicates").code == 0
    assert cli("duplicates", "--index", "gone").code == 1


def test_a_search_in_the_index(cli, index, album, tiny_model):
    done = cli("search", "album/b.png", "--count", "2", "--json")
    assert done.code == 0, done.err
    (answer,) = done.json["queries"]
    best = answer["matches"][0]
    assert best["key"] == "b.png" and best["score"] > 0.999
    assert best["file_path"] == str(album / "b.png") and best["metadata"] == {"bytes": 9}
    assert answer["good_match"] is None


def test_a_search_with_a_filter(cli, index):
    done = cli("search", "cat", "--where", "key^=trip/", "--json")
    assert {match["key"] for match in done.json["queries"][0]["matches"]} == {
        "trip/A.PNG",
        "trip/c.bmp",
    }
    assert cli("search", "cat", "--where", "bytes=9", "--where", "bytes<9").out.splitlines()[1] == (
        "  no picture"
    )
    assert cli("search", "cat", "--where", "nonsense").code == 2
    assert cli("search", "cat", "--since", "2h", "--in", "album").code == 2
    assert cli("search", "cat", "--index", "x", "--in", "album").code == 2


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("bites=9", "no item has a field 'bites'. Did you mean 'bytes'?"),
        ("bytes>abc", "no item's 'bytes' can be compared with 'abc'. Give a number."),
        ("bytes=8", ""),
    ],
)
def test_a_filter_that_lets_nothing_through_is_explained(cli, index, condition, said):
    done = cli("search", "cat", "--where", condition, "--json")
    assert done.code == 0 and done.json["queries"][0]["matches"] == []
    assert done.err == (f"edgeclip: {said}\n" if said else "")
    done = cli("search", "cat", "--where", "bytes=9", "--min-score", "1", "--json")
    assert done.json["queries"][0]["matches"] == [] and done.err == ""


def test_only_what_a_search_needs_is_opened_and_before_it_is_timed(cli, index, monkeypatch):
    opened = []

    def slow(name, real):
        def opening(*arguments):
            opened.append(name)
            time.sleep(0.2)
            return real(*arguments)

        return opening

    for name in ("open_image", "open_text"):
        monkeypatch.setattr(parts, name, slow(name, getattr(parts, name)))
    for query, names in (
        ("cat", ["open_text"]),
        ("album/b.png", ["open_image"]),
        ("album/b.png + snow", ["open_image", "open_text"]),
    ):
        opened.clear()
        times = cli("search", query, "--json").json["times"]
        assert opened == names
        assert times["model_load_s"] > 0.2 > times["text_per_query_ms"] / 1000
    opened.clear()
    assert cli("search", "cat + ", "--json").code == 1 and opened == []


def test_an_index_of_another_model(cli, index, here):
    from tests import tiny

    other = tiny.make(here / "other", source={"kind": "formula", "weights_sha256": "0" * 64})
    done = cli("search", "cat", "-m", other)
    assert done.code == 1 and "makes other vectors" in done.line


def test_no_good_match_is_said(cli, index, tiny_model):
    model = Model.load(tiny_model)
    with Index.open(index, hnsw=False) as opened:
        assert opened.learn(model.embed_texts) and not opened.learn(model.embed_texts)
    answers = cli("search", "cat", "dog", "a + b", "album/b.png", "--json").json["queries"]
    verdicts = [answer["good_match"] for answer in answers]
    assert all(isinstance(verdict, bool) for verdict in verdicts[:3]) and verdicts[3] is None
    for answer in answers[:3]:
        assert answer["good_match"] == (answer["matches"][0]["score"] > answer["threshold"])
    shown = cli("search", "cat", "dog", "a + b").out
    assert shown.count("no good match: the best score") == verdicts[:3].count(False)


def test_setting_values_survive(index):
    with Index.open(index) as opened:
        opened.write([Setting("x", 1)])
        assert opened.setting("x") == 1 and opened.setting("y") is None
