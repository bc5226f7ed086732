"""``edgeclip import``: the options reach the model, and wrong ones are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeclip.model.model import Model
from tests import graphs, tiny
from tests.cli.conftest import write_picture


@pytest.fixture
def made(here):
    """Files of another converter, in the working folder."""
    graphs.image(here / "image.onnx")
    graphs.text(here / "text.onnx")
    graphs.tokenizer(here / "tokenizer.json")
    return here


BOTH = ("import", "image.onnx", "text.onnx", "tokenizer.json")


def record(name="m", models="models"):
    return json.loads(Path(f"{models}/{name}/model.json").read_text("utf-8"))


def test_a_model_is_made_and_found(cli, made):
    done = cli(*BOTH, "--name", "m", "--family", "mobileclip")
    assert (done.code, done.out) == (0, "models/m\n")
    assert done.line == (
        "edgeclip: prepared as the mobileclip family by your word: try it on pictures you know."
    )
    picture = write_picture(made / "a.png")
    assert cli("verify", "m").code == 0
    found = cli("embed", "a.png", "-m", "m", "--json").json["embedding"]["embedding"]
    assert found == [float(value) for value in Model.load("models/m").embed_image(picture)]


def test_programs_get_the_manifest(cli, made):
    done = cli(*BOTH, "--name", "m", "--family", "mobileclip", "--json")
    assert done.json == {**record(), "folder": "models/m"}


def test_pictures_only(cli, made):
    assert cli("import", "image.onnx", "--name", "m", "--family", "clip").code == 0
    assert record()["text"] is None


def test_options_stand_above_the_family(cli, made):
    done = cli(
        *BOTH, "--name", "m", "--family", "clip", "--models", "other/place", "--size", "32",
        "--filter", "bilinear", "--mean", ".1", ".2", ".3", "--std", ".4", ".5", ".6",
        "--pad-id", "7", "--logit-scale", "50", "--license", "MIT",
    )  # fmt: skip
    assert (done.code, done.out) == (0, "other/place/m\n")
    made = record(models="other/place")
    image, text = made["image"], made["text"]
    assert (image["mean"], image["std"]) == ([0.1, 0.2, 0.3], [0.4, 0.5, 0.6])
    assert (image["filter"], image["size"], text["pad_id"]) == ("bilinear", 32, 7)
    assert (made["logit_scale"], made["license"]["name"]) == (50.0, "MIT")


def test_an_output_is_named(cli, made):
    graphs.image(made / "image.onnx", graphs.output("Relu", ["d"], "other", ["n", 32]))
    arguments = (*BOTH, "--name", "m", "--family", "mobileclip")
    done = cli(*arguments)
    assert done.code == 1 and "image_features, image_embeds, other" in done.line
    assert "--image-output" in done.line
    done = cli(*arguments, "--image-output", "image_embeds", "--text-output", "text_features")
    assert done.code == 0
    assert record()["image"]["outputs"] == {"unit": "image_embeds"}
    assert record()["text"]["outputs"] == {"raw": "text_features"}


@pytest.mark.parametrize("name", ["a/b", "..", "", "../up", ".hidden", "a b", "a\nb", "-x", "é"])
def test_names_that_are_no_plain_names(cli, made, name):
    done = cli("import", "image.onnx", f"--name={name}", "--family", "clip")
    assert done.code == 2 and "is no plain name" in done.err
    assert not (made / "models").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--family", "clip"],
        ["--name", "m"],
        ["--name", "m", "--family", "vgg"],
        ["--name", "m", "--family", "clip", "--std", "0", "1", "1"],
        ["--name", "m", "--family", "clip", "--mean", "123", "116", "103"],
        ["--name", "m", "--family", "clip", "--mean", "nan", "0", "0"],
        ["--name", "m", "--family", "clip", "--size", "0"],
        ["--name", "m", "--family", "clip", "--logit-scale", "0"],
        ["--name", "m", "--family", "clip", "--logit-scale", "inf"],
        ["--name", "m", "--family", "clip", "--models", "image.onnx"],
        ["text.onnx", "--name", "m", "--family", "clip"],
    ],
    ids=" ".join,
)
def test_wrong_use(cli, made, arguments):
    done = cli("import", "image.onnx", *arguments)
    assert (done.code, done.out) == (2, "") and "Usage: edgeclip import" in done.err


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["gone.onnx"], "gone.onnx is no file"),
        (["models.onnx"], "models.onnx is no file"),
        (["tokenizer.json"], "tokenizer.json is no ONNX file"),
        (["text.onnx"], "text.onnx eats int64 of shape (?, 24), not float pictures"),
        (["image.onnx", "text.onnx", "gone.json"], "gone.json is no file"),
        (["image.onnx", "text.onnx", "image.onnx"], "image.onnx is no usable tokenizer"),
        (["image.onnx", "gone.onnx", "tokenizer.json"], "gone.onnx is no file"),
    ],
)
def test_files_that_cannot_be_used(cli, made, files, said):
    (made / "models.onnx").mkdir()
    done = cli("import", *files, "--name", "m", "--family", "mobileclip")
    assert (done.code, done.out) == (1, "") and said in done.line
    assert not (made / "models" / "m").exists()


def test_a_contradictory_size(cli, made):
    done = cli("import", "image.onnx", "--name", "m", "--family", "clip", "--size", "64")
    assert done.code == 1 and "not squares of 64" in done.line and "--size" in done.line


def test_a_folder_that_is_no_model_is_kept(cli, made):
    (made / "models" / "m").mkdir(parents=True)
    (made / "models" / "m" / "mine.txt").write_text("mine")
    done = cli("import", "image.onnx", "--name", "m", "--family", "clip")
    assert done.code == 1 and "models/m exists. Choose another --name" in done.line
    assert (made / "models" / "m" / "mine.txt").read_text() == "mine"


def test_a_failure_leaves_nothing(cli, made, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    done = cli("import", "image.onnx", "--name", "m", "--family", "clip")
    assert done.code == 1 and "models/m cannot be written: No space left on device" in done.line
    assert list((made / "models").iterdir()) == []


def test_the_tiny_model_may_be_named_like_any_other(cli, made):
    assert cli(*BOTH, "--name", "mobileclip_s2", "--family", "mobileclip").code == 0
    assert cli("info", "mobileclip_s2", "--json").json["dim"] == tiny.DIM
