"""``edgeclip quantize``: the table, what was refused, and the exit codes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from edgeclip_export import smaller
from edgeclip_export.precision import tower

from edgeclip.cli.commands import edgeclip
from edgeclip.errors import ExportError, ExtraMissing, ModelError
from edgeclip.model import tuned
from edgeclip.model.manifest import Manifest
from edgeclip.model.options import SessionOptions
from tests import folders


@pytest.fixture
def model(tiny_model, tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(tower, "TEXT", replace(tower.TEXT, mean=0.9, least=0.8, time_ratio=99.0))
    return Path(shutil.copytree(tiny_model, tmp_path / "tiny"))


def call(*arguments: object):
    done = CliRunner().invoke(edgeclip, ["quantize", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_the_table_the_refusals_and_the_folder_are_printed(model):
    lines = call(model).stdout.splitlines()
    assert lines[0].split() == [
        "tower", "variant", "MB", "of", "fp32", "mean", "least", "neighbours", "time", "verdict"
    ]  # fmt: skip
    assert [(line.split()[0], line.split()[1], line.split()[-1]) for line in lines[1:5]] == [
        ("image", "fp32", "default"),
        ("image", "int8", "refused"),
        ("text", "fp32", "default"),
        ("text", "int8", "kept"),
    ]
    assert any(line.startswith("image int8 is refused: ") and "64" in line for line in lines)
    assert lines[-1] == str(model)


def test_programs_get_every_figure(model, tmp_path):
    import json

    told = json.loads(call(model, "--output", tmp_path / "new", "--json").stdout)
    assert told["folder"] == str(tmp_path / "new")
    kept = next(row for row in told["variants"] if row["verdict"] == "kept")
    assert kept["variant"] == "int8" and kept["of_reference"] > 0
    assert kept["mean"] > 0.9 and kept["time_ratio"] > 0 and kept["over"] == "500 texts"
    assert "int8" not in Manifest.load(model).text.variants


def test_nothing_made_is_a_failure(model, monkeypatch):
    monkeypatch.setattr(tower, "TEXT", replace(tower.TEXT, least=1.1))
    with pytest.raises(ExportError, match=r"nothing was made and .* least 0\.\d+; .*1\.1 wanted"):
        call(model)


def test_a_name_that_is_none_is_refused(model):
    with pytest.raises(ExportError, match="not 'int4'"):
        call(model, "--precision", "fp32, int4")


def test_without_onnx_the_command_names_the_extra(model, monkeypatch):
    real = smaller.find_spec
    monkeypatch.setattr(smaller, "find_spec", lambda name: None if name == "onnx" else real(name))
    for arguments in ((), ("--input", "uint8")):
        with pytest.raises(ExtraMissing, match=r"pip install 'edgeclip\[quantize\]'"):
            call(model, *arguments)


def test_the_preprocessing_inside_the_graph_alone(model):
    done = call(model, "--input", "uint8")
    manifest = Manifest.load(model)
    assert done.stdout.splitlines()[-1] == str(model)
    assert "image.uint8.onnx" in manifest.files and "int8" not in manifest.text.variants
    told = manifest.record["image"]["pixels"]
    assert told["agreement"]["least"] >= 0.9999 and told["variant"] == "fp32"


def test_both_at_once_into_another_folder(model, tmp_path):
    before = Manifest.load(model)
    call(model, "--input", "uint8", "--precision", "fp32,int8", "--output", tmp_path / "new")
    made = Manifest.load(tmp_path / "new")
    assert "image.uint8.onnx" in made.files and "int8" in made.text.variants
    assert made.space == before.space and Manifest.load(model).files == before.files


def test_the_graph_stays_whatever_becomes_of_the_variants(model):
    """It has weights of its own, and needs no other file."""
    done = call(model, "--input", "uint8", "--precision", "int8")
    manifest = Manifest.load(model)
    assert "fp32" not in manifest.text.variants
    assert "pixels" in manifest.record["image"] and "image.uint8.onnx" in manifest.files
    assert "image.uint8.onnx: least cosine" in done.stdout


def test_what_is_mistyped_is_refused_before_anything_is_made(model, tmp_path):
    before = Manifest.load(model).files
    (tmp_path / "taken").mkdir()
    wrong = (["--precision", "int9"], ["--output", tmp_path / "taken"])
    for arguments in wrong:
        with pytest.raises(ExportError, match=r"int9|no model folder"):
            call(model, "--input", "uint8", *arguments)
    assert Manifest.load(model).files == before


def test_who_had_tuned_is_told_that_it_counts_no_more(model, tmp_path, monkeypatch):
    monkeypatch.setenv("EDGECLIP_CONFIG", str(tmp_path / "config"))
    before = Manifest.load(model)
    tuned.write(before, {"image": tuned.Setting("fp32", SessionOptions(threads=1))}, {})
    assert "edgeclip tune" in call(model, "--input", "uint8").stderr
    assert "edgeclip tune" not in call(model, "--input", "uint8").stderr


def test_a_damaged_file_is_not_given_a_new_hash(model):
    call(model)
    damaged = bytearray((model / "text.int8.onnx").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (model / "text.int8.onnx").write_bytes(damaged)
    with pytest.raises(ModelError, match=r"text\.int8\.onnx is damaged"):
        call(model, "--precision", "fp32,fp16-weights")


def test_a_variant_that_was_not_measured_again_stays(model):
    """Without --calibration nothing is found against an int8 that was calibrated once."""
    call(model)
    text = Manifest.load(model).record["text"]["variants"]["int8"]
    folders.edited(model, lambda record: record["image"]["variants"].update(int8=_as_image(text)))
    call(model)
    manifest = Manifest.load(model)
    assert "int8" in manifest.image.variants and "refused" not in manifest.record["image"]


def _as_image(entry):
    return {**entry, "file": "image.onnx"}
