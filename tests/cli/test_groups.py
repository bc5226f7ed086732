"""``edgeclip groups`` and ``edgeclip duplicates`` on an index."""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from edgeclip.index.changes import Setting
from edgeclip.index.index import Index
from edgeclip.index.records import root_setting
from edgeclip.model.model import Model
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


def test_no_duplicates(cli, index, tiny_model):
    with Index.open(index) as opened:
        opened.remove("copy.jpg")
    assert cli("duplicates", "--threshold", "1").out == "no duplicates\n"


def test_groups_for_programs(cli, index, album):
    done = cli("groups", "--threshold", "0.999", "--json", "--label", "cat", "--label", "dog")
    assert done.code == 0, done.err
    (group,) = done.lines
    assert list(group) == ["cluster_id", "label", "representative_thumbnail", "assets"]
    assert group["label"] in ("cat", "dog")
    assert {asset["key"] for asset in group["assets"]} == {"a.jpg", "copy.jpg"}
    assert Path(group["representative_thumbnail"]).is_file()


def test_groups_for_people_and_what_is_kept(cli, index):
    done = cli("groups", "--threshold", "0.999", "--least", "1")
    assert done.out.splitlines()[0].split() == ["group", "size", "representative"]
    assert done.out.splitlines()[-1] == "4 groups with 5 of 5 pictures"
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
