"""``edgeclip teach``: pictures that anybody can tell apart, and some that nobody can."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from edgeclip.model.pack import PromptPack
from tests.cli.conftest import write_picture


def coloured(folder, count, colour, seed=0):
    """Write noisy pictures of one colour."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        shades = random.normal(0, 40, (40, 40, 3)) + np.array(colour)
        shades += random.normal(0, 30, 3)  # each has a light of its own
        Image.fromarray(shades.clip(0, 255).astype(np.uint8)).save(folder / f"{seed}{i}.png")


@pytest.fixture
def shop(here):
    coloured(here / "shown" / "red", 6, (210, 40, 40))
    coloured(here / "shown" / "blue", 6, (40, 40, 210))
    (here / "shown" / ".hidden").mkdir()
    (here / "labels.toml").write_text('[[label]]\nname = "red"\n[[label]]\nname = "blue"\n')
    (here / "one.toml").write_text('[[label]]\nname = "red"\n')
    return here


@pytest.fixture
def packed(cli, shop):
    for name in ("labels", "one"):
        assert cli("pack", f"{name}.toml").code == 0
    return shop


def best(cli, path, pack):
    return cli("classify", path, "--labels", pack, "--json").json["labels"][0]


def test_several_labels_at_once(cli, packed):
    done = cli("teach", "labels.pack", "--examples", "shown", "--json")
    assert (done.code, done.err) == (0, "")
    found = done.json
    assert (found["output"], found["measure"]) == ("labels.pack", "balanced accuracy")
    assert found["pictures"] == {"red": 6, "blue": 6} and found["low"] > found["chance"] == 0.5
    assert found["left_out"] == {"doubles": 0, "bad": []}
    coloured(packed / "new", 1, (200, 60, 50), 7)
    coloured(packed / "new2", 1, (60, 50, 200), 7)
    assert best(cli, "new", "labels.pack")["label"] == "red"
    assert best(cli, "new2", "labels.pack")["label"] == "blue"


def test_one_label(cli, packed):
    before = (packed / "one.pack").read_bytes()
    done = cli(
        "teach", "one.pack", "--positive", "shown/red", "--negative", "shown/blue", "-o", "b.pack"
    )
    assert done.code == 0 and "AUC 1.00 (95 % interval 0." in done.out
    assert "pictures" in done.out and "written to b.pack" in done.out
    assert (packed / "one.pack").read_bytes() == before
    label = PromptPack.load(packed / "b.pack").labels[0]
    coloured(packed / "new", 1, (200, 60, 50), 7)
    coloured(packed / "new2", 1, (60, 50, 200), 7)
    limit = label.lesson["thresholds"]["red"]
    assert best(cli, "new", "b.pack")["score"] >= limit > best(cli, "new2", "b.pack")["score"]


def test_bad_pictures_and_doubles_are_told_and_left_out(cli, packed):
    (packed / "shown" / "red" / "bad.jpg").write_bytes(b"no picture")
    shutil.copy(packed / "shown" / "red" / "00.png", packed / "shown" / "red" / "copy.png")
    done = cli("teach", "labels.pack", "--examples", "shown", "--json")
    assert done.code == 0 and done.json["pictures"] == {"red": 6, "blue": 6}
    assert done.json["left_out"]["doubles"] == 1
    assert [path.rpartition("/")[2] for path in done.json["left_out"]["bad"]] == ["bad.jpg"]
    assert "left out: shown/red/bad.jpg" in done.err and "1 picture left out" in done.err


def test_nothing_is_written_when_it_cannot_tell(cli, packed):
    coloured(packed / "same" / "red", 6, (120, 120, 120), 1)
    coloured(packed / "same" / "blue", 6, (120, 120, 120), 2)
    before = (packed / "labels.pack").read_bytes()
    done = cli("teach", "labels.pack", "--examples", "same")
    assert (done.code, done.out) == (1, "")
    assert "red and blue cannot be told apart" in done.line
    assert (packed / "labels.pack").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "Give --positive and --negative, or --examples"),
        (["--positive", "shown/red", "--examples", "shown"], 2, "or --examples"),
        (["--examples", "shown", "--label", "red"], 2, "or --examples"),
        (["--positive", "shown/red"], 2, "Say with --label which of red, blue"),
        (["--positive", "shown/red", "--label", "red"], 2, "'red' can only be told from something"),
        (["--positive", "gone"], 2, "gone"),
        (["--examples", "wrong"], 1, "wrong/green is named like no label"),
        (["--examples", "few"], 1, "few has not two folders"),
        (["--examples", "empty"], 1, "there are no pictures in empty/blue"),
        (["--examples", "two"], 1, "2 different pictures of 'blue', less than 3"),
        (
            ["--positive", "shown/red", "--negative", "shown/red", "--label", "red"],
            1,
            "0 different",
        ),
        (
            ["--positive", "shown/red", "--negative", "shown/blue", "--label", "x"],
            1,
            "no label 'x'",
        ),
        (["--examples", "shown", "--fit", "pad"], 1, "labels.pack was made with the model tiny"),
    ],
)
def test_what_cannot_be_taught(cli, packed, arguments, code, said):
    write_picture(packed / "wrong" / "green" / "a.png")
    write_picture(packed / "few" / "red" / "a.png")
    shutil.copytree(packed / "shown" / "red", packed / "empty" / "red")
    (packed / "empty" / "blue").mkdir()
    shutil.copytree(packed / "shown" / "red", packed / "two" / "red")
    coloured(packed / "two" / "blue", 2, (0, 0, 255))
    before = (packed / "labels.pack").read_bytes()
    done = cli("teach", "labels.pack", *arguments)
    assert (done.code, done.out) == (code, "") and said in done.err
    assert (packed / "labels.pack").read_bytes() == before


def test_all_pictures_are_bad(cli, packed):
    for name in ("red", "blue"):
        (packed / "bad" / name).mkdir(parents=True)
        (packed / "bad" / name / "a.jpg").write_bytes(b"no picture")
    done = cli("teach", "labels.pack", "--examples", "bad")
    assert done.code == 1 and "none of the pictures can be read" in done.err
