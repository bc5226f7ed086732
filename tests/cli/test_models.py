"""``edgeclip models``, ``info`` and ``verify``."""

from __future__ import annotations

import json
import shutil

import pytest

from edgeclip.model import verify as verification
from edgeclip.model.providers import CUDA, TENSORRT
from tests import folders, tiny
from tests.device.variants import with_variant


@pytest.fixture
def installed(here, tiny_model, monkeypatch):
    """The tiny model in ./models, and nothing else that could be found."""
    monkeypatch.delenv("EDGECLIP_MODEL")
    monkeypatch.setattr("edgeclip.__file__", str(here / "package" / "__init__.py"))
    (here / "models").mkdir()
    folders.copied(tiny_model, here / "models" / "tiny")
    return here / "models"


def test_the_list(cli, installed):
    tiny.make(installed / "noise", source={"kind": "untrained", "weights_sha256": "0" * 64})
    done = cli("models")
    assert (done.code, done.err) == (0, "")
    header, noise, small = done.out.splitlines()
    assert header.split() == ["name", "dim", "MB", "licence", "for", "products", "folder"]
    assert noise.startswith("noise (random weights)   16  0.0  Apache License 2.0  yes")
    assert small.startswith("tiny") and small.endswith("models/tiny")


def test_the_list_for_programs(cli, installed):
    size = sum(path.stat().st_size for path in (installed / "tiny").iterdir())
    size -= (installed / "tiny" / "model.json").stat().st_size
    assert cli("models", "--json").json == [
        {
            "name": "tiny",
            "dim": tiny.DIM,
            "bytes": size,
            "license": "Apache License 2.0",
            "commercial_use": True,
            "untrained": False,
            "folder": "models/tiny",
            "error": None,
            "default": False,
        }
    ]


@pytest.mark.parametrize(
    "damage",
    [
        lambda model: (model / "image.onnx").unlink(),
        lambda model: (model / "model.json").write_text("[]"),
        lambda model: folders.edited(model, lambda record: record.pop("license"), rehash=False),
        lambda model: folders.edited(
            model, lambda record: record.update(license="MIT"), rehash=False
        ),
    ],
    ids=["file", "manifest", "no licence", "odd licence"],
)
def test_one_damaged_model_does_not_hide_the_others(cli, installed, tiny_model, damage):
    damage(folders.copied(tiny_model, installed / "bad"))
    done = cli("models")
    assert done.code == 0 and "models/bad" in done.line
    assert cli("info", "bad").line == done.line
    assert [line.split("  ")[0] for line in done.out.splitlines()[1:]] == ["bad (damaged)", "tiny"]
    bad, good = cli("models", "--json").json
    assert bad["name"] == "bad" and bad["error"] and good["error"] is None


def test_no_models(cli, installed):
    for path in (installed / "tiny").iterdir():
        path.unlink()
    done = cli("models")
    assert (done.code, done.out) == (0, "") and "edgeclip export mobileclip_s2" in done.line
    assert cli("models", "--json").json == []


def test_the_places_and_who_hides_whom(cli, installed, tiny_model, monkeypatch, here):
    def dims(*arguments):
        return {row["name"]: row["folder"] for row in cli("models", "--json", *arguments).json}

    for place in ("given", "set", "data/edgeclip/models"):
        (here / place).mkdir(parents=True)
        folders.copied(tiny_model, here / place / "tiny")
    folders.copied(tiny_model, here / "data/edgeclip/models" / "other")
    assert dims() == {"tiny": "models/tiny", "other": f"{here}/data/edgeclip/models/other"}
    monkeypatch.setenv("EDGECLIP_MODELS", "set")
    assert dims()["tiny"] == "set/tiny"
    assert dims("--models", "given")["tiny"] == "given/tiny"
    assert cli("info", "tiny", "--models", "given", "--json").json["folder"] == "given/tiny"
    monkeypatch.setenv("EDGECLIP_MODEL", "other")
    assert cli("info", "--json").json["folder"].endswith("models/other")
    assert cli("info", "models/tiny", "--json").json["folder"] == "models/tiny"


def test_a_user_without_a_home(cli, installed, monkeypatch):
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _: {}[0])
    assert len(cli("models", "--json").json) == 1


def test_info_for_people(cli, here):
    done = cli("info")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("name            tiny\n")
    for line in (
        "pictures        32x32, shortest side, bilinear\n",
        "words           24 tokens\n",
        "licence         Apache License 2.0: Free to use, also in products.\n",
        "image.onnx      ",
    ):
        assert line in done.out


def test_a_folder_without_words_says_so(cli, here, tiny_model):
    shutil.copytree(tiny_model, here / "m", ignore=shutil.ignore_patterns("t*"))
    assert "words           left out here\n" in cli("info", "m").out
    done = cli("verify", "m")
    assert (done.code, done.err) == (0, "") and "text.onnx" not in done.out
    assert "m: ok" in done.out or "tiny: ok" in done.out
    assert "copied without its text tower" in cli("similar", "cat", "dog", "-m", "m").line


def test_info_shows_published_accuracy_and_its_source(cli, here):
    claim = {"task": "ImageNet top-1", "value": 74.4, "unit": "%", "source": "https://x.org"}
    model = tiny.make(here / "m", accuracy=[claim], text=None)
    shown = cli("info", model).out
    assert "ImageNet top-1  74.4 % (https://x.org)\n" in shown and "no text tower" in shown


def test_info_shows_the_variants_of_each_tower(cli, tiny_model, here):
    model = folders.copied(tiny_model, here / "m")
    near = {"mean": 0.99991, "least": 0.9985, "over": "40 photographs", "neighbours": 0.975}
    far = {"mean": 0.95, "least": 0.5, "over": "8 texts"}
    with_variant(model, "int8", agreement=near, default=True)
    with_variant(model, "fp16", agreement=near, providers=[CUDA, TENSORRT])
    with_variant(model, "int8", tower="text", agreement=far)
    done = cli("info", model)
    assert (done.code, done.err) == (0, "")
    _, table = done.out.split("\n\n")
    assert [" ".join(line.split()) for line in table.splitlines()] == [
        "tower variant MB mean least neighbours space runs on file measured over",
        "image fp32 0.0 shared any image.onnx it is the reference",
        "image int8 (default) 0.0 0.99991 0.99850 0.975 shared any image.int8.onnx 40 photographs",
        "image fp16 0.0 0.99991 0.99850 0.975 its own CUDA, Tensorrt image.fp16.onnx"
        " 40 photographs",
        "text fp32 (default) 0.0 shared any text.onnx it is the reference",
        "text int8 0.0 0.95000 0.50000 its own any text.int8.onnx 8 texts",
    ]


def test_info_says_which_variants_were_refused_and_why(cli, tiny_model, here):
    model = folders.copied(tiny_model, here / "m")
    far = {"mean": 0.9, "least": 0.25, "over": "40 photographs"}
    refused = {
        "int8": {"reason": "it is slower", "agreement": far, "time_ratio": 1.5},
        "int4": {"reason": "onnxruntime died of SIGSEGV", "agreement": None, "time_ratio": None},
        "int2": {"reason": "no kernel\x1b"},
    }
    folders.edited(model, lambda record: record["image"].update(refused=refused))
    folders.edited(model, lambda record: record["text"].update(refused={}))
    done = cli("info", model)
    assert (done.code, done.err) == (0, "")
    *_, table = done.out.split("\n\n")
    assert [" ".join(line.split()) for line in table.splitlines()] == [
        "refused variant mean least time reason",
        "image int8 0.90000 0.25000 x1.50 it is slower",
        "image int4 onnxruntime died of SIGSEGV",
        r"image int2 no kernel\x1b",
    ]
    assert cli("info", model, "--json").json["image"]["refused"] == refused


def test_info_of_a_model_without_words(cli, here):
    done = cli("info", tiny.make(here / "m", text=None))
    header, row = done.out.split("\n\n")[1].splitlines()
    assert header.startswith("tower") and row.startswith("image  fp32 (default)")


def test_info_for_programs(cli, tiny_model):
    record = json.loads((tiny_model / "model.json").read_text())
    assert cli("info", "--json").json == {**record, "folder": str(tiny_model)}


def test_verify_for_people(cli, tiny_model):
    done = cli("verify")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].split() == ["file", "SHA-256", "state"]
    assert [line.split()[-1] for line in lines[1:4]] == ["ok"] * 3
    assert "image        1.000000" in lines and lines[-1] == "tiny: ok"


def test_verify_for_programs(cli, tiny_model):
    done = cli("verify", "--json")
    record = json.loads((tiny_model / "model.json").read_text())
    assert done.code == 0 and done.json["ok"] and done.json["verdict"] == "ok"
    assert done.json["files"] == dict.fromkeys(record["files"], "ok")
    assert done.json["sha256"] == {name: entry["sha256"] for name, entry in record["files"].items()}
    assert done.json["goldens"].keys() == {"image", "text"}
    assert all(cosine > 0.9999 for cosine in done.json["goldens"].values())


def damaged(tiny_model, here):
    model = folders.copied(tiny_model, here / "damaged")
    data = bytearray((model / "image.onnx").read_bytes())
    data[100] ^= 1
    (model / "image.onnx").write_bytes(data)
    return model


def drifted(tiny_model, here):
    model = folders.copied(tiny_model, here / "drifted")
    (model / "image.onnx").write_bytes(folders.image_graph_with(folders.swap_weights))
    return folders.edited(model, lambda record: None)


def missing(tiny_model, here):
    model = folders.copied(tiny_model, here / "missing")
    (model / "tokenizer.json").unlink()
    return model


@pytest.mark.parametrize(
    ("make", "verdict", "said"),
    [
        (damaged, "damaged", "image.onnx is damaged: its SHA-256 is "),
        (missing, "damaged", "tokenizer.json is missing"),
        (drifted, "drifted", "the vectors of this board are off the expected ones"),
    ],
)
def test_verify_says_what_is_wrong(cli, tiny_model, here, make, verdict, said):
    model = make(tiny_model, here)
    done = cli("verify", model)
    assert done.code == 1 and f": {verdict}. " in done.line and said in done.line
    assert done.out.splitlines()[-1] == f"tiny: {verdict}"
    answer = cli("verify", model, "--json")
    assert answer.code == 1 and said in answer.line
    assert not answer.json["ok"] and answer.json["verdict"] == verdict
    assert said in answer.json["reason"]


def test_a_runtime_that_crashes_is_a_verdict(cli, here, monkeypatch):
    monkeypatch.setattr(verification, "_CHILD", "tests.cli.crashing")
    done = cli("verify", "--json")
    assert done.code == 1 and done.json["verdict"] == "crashed" and "SIGSEGV" in done.line


def test_verify_gives_up_in_time(cli, here):
    done = cli("verify", "--timeout", "0.001", "--json")
    assert done.code == 1 and done.json["verdict"] == "timed out" and "0.001 s" in done.line
