"""The whole: a model folder is rewritten with what passed, or stays as it was."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from edgeclip_export import quantize
from edgeclip_export.precision import folder, tower
from edgeclip_export.precision.tower import Outcome

from edgeclip.errors import ExportError, ModelError, ParityError
from edgeclip.model import verify as verify_module
from edgeclip.model.manifest import Manifest
from edgeclip.model.model import Model
from edgeclip.model.towers import Agreement
from edgeclip.model.verify import verify
from tests import tiny

NOTHING = "could not be made on purpose."


@pytest.fixture
def model(tiny_model, tmp_path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "tiny"))


@pytest.fixture(autouse=True)
def easy(monkeypatch):
    # Two layers of a few numbers are too few to win time, and are rounded coarsely.
    monkeypatch.setattr(tower, "TEXT", replace(tower.TEXT, mean=0.9, least=0.8, time_ratio=99.0))


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_a_variant_is_added_and_the_default_stays(model):
    goldens = Manifest.load(model).record["goldens"]
    steps = []
    made = quantize(model, progress=lambda step, done, total: steps.append(step))
    manifest = Manifest.load(made)
    assert made == model and manifest.text.default == "fp32"
    assert set(manifest.text.variants) == {"fp32", "int8"}
    assert manifest.text.variants["int8"].agreement.over == "500 texts"
    assert manifest.record["text"]["variants"]["int8"]["time_ratio"] > 0
    replayed = verify_module.replay(Model.load(made, text_variant="int8"))["text"]
    stated = manifest.text.variants["int8"].agreement.goldens
    assert stated == pytest.approx(replayed, abs=1e-4)
    assert "--calibration" in manifest.record["image"]["refused"]["int8"]["reason"]
    assert manifest.record["goldens"] == goldens and verify(made).ok
    assert "text int8" in steps and "image int8" in steps
    near = Model.load(made, text_variant="int8").embed_text("a cat")
    assert near @ Model.load(made).embed_text("a cat") > 0.9


def test_quantising_again_replaces_variants_and_refusals(model, monkeypatch):
    quantize(model)
    first = contents(model)
    quantize(model)
    assert contents(model).keys() == first.keys()
    far = Agreement(0.5, 0.4, "500 texts")
    refused = Outcome("int8", reason=NOTHING, agreement=far)
    monkeypatch.setitem(tower.MAKERS, "int8", lambda work: refused)
    monkeypatch.setitem(tower.MAKERS, "fp16", lambda work: Outcome("fp16", b"x", "", None, None))
    monkeypatch.setattr(folder, "_sound", lambda path: None)
    record = Manifest.read(quantize(model, precision=["fp32", "int8", "fp16"])).record
    assert set(record["text"]["variants"]) == {"fp32", "fp16"}
    assert record["text"]["refused"]["int8"]["reason"] == NOTHING
    assert "text.int8.onnx" not in contents(model)


def test_fp32_is_left_out_where_another_variant_stands_in(model):
    made = Manifest.load(quantize(model, precision=["int8"]))
    assert set(made.text.variants) == {"int8"} and made.text.default == "int8"
    assert "text.onnx" not in made.files and "text.int8.onnx" in made.files
    assert set(made.image.variants) == {"fp32"} and made.image.default == "fp32"
    assert made.record["goldens"]["least_cosine"] == 0.98 and verify(model).ok
    # What fp32 has left cannot be quantised again, and the folder still works.
    with pytest.raises(ParityError, match="int8 already"):
        quantize(model, precision=["fp16-weights"])


def test_fp16_does_not_stand_in_for_fp32(model, monkeypatch):
    half = Outcome("fp16", b"x", "", None, None, ["CUDAExecutionProvider"])
    monkeypatch.setitem(tower.MAKERS, "fp16", lambda work: half)
    made = Manifest.load(quantize(model, precision=["fp16"]))
    assert made.text.default == "fp32" and made.image.default == "fp32"
    assert made.text.variants["fp16"].providers == ("CUDAExecutionProvider",)


def test_the_reference_form_is_never_replaced(tmp_path, monkeypatch):
    # The starter keeps its pictures' weights as fp16 and has no other form.
    entry = {"file": "image.onnx", "agreement": {"mean": 1.0, "least": 1.0, "over": "x"}}
    image = {**tiny.RECORD["image"], "variants": {"fp16": entry}, "default": "fp16"}
    made = tiny.make(tmp_path / "half", image=image)
    monkeypatch.setitem(tower.MAKERS, "fp16", lambda work: Outcome("fp16", b"x", providers=["X"]))
    after = Manifest.load(quantize(made, precision=["fp16"]))
    assert after.image.variants["fp16"].file == "image.onnx"
    assert after.text.variants["fp16"].file == "text.fp16.onnx"


def test_another_place_leaves_the_model_as_it_was(model, tmp_path):
    before = contents(model)
    made = quantize(model, output=tmp_path / "small")
    assert made == tmp_path / "small" and "text.int8.onnx" in contents(made)
    assert contents(model) == before


@pytest.mark.parametrize("broken", ["making", "writing", "nothing"])
def test_a_step_that_fails_leaves_the_folder_untouched(model, monkeypatch, broken):
    def fail(*_):
        raise ModelError("broken on purpose.")

    if broken == "making":
        monkeypatch.setattr(folder, "make", fail)
    elif broken == "writing":
        monkeypatch.setattr(folder, "_sound", fail)
    else:
        refused = Outcome("int8", reason=NOTHING)
        monkeypatch.setattr(folder, "make", lambda *_: refused)
    before = contents(model)
    with pytest.raises((ModelError, ParityError), match="on purpose"):
        quantize(model)
    assert contents(model) == before
    assert [path.name for path in model.parent.iterdir()] == ["tiny"]


def test_wrong_use_is_refused_before_any_work(model, tmp_path):
    with pytest.raises(ExportError, match="fp32, int8, fp16, fp16-weights, int8-weights, not 'x'"):
        quantize(model, precision=["x"])
    with pytest.raises(ExportError, match="not nothing"):
        quantize(model, precision=[])
    with pytest.raises(ExportError, match="is no folder"):
        quantize(model, calibration=tmp_path / "absent")


def test_torch_is_not_needed(model):
    program = (
        "import sys\n"
        "for name in ('torch', 'torchvision', 'open_clip', 'timm', 'onnxscript', 'sympy'):\n"
        "    sys.modules[name] = None\n"
        "from edgeclip_export import quantize\n"
        "from edgeclip_export.precision import tower\n"
        "from dataclasses import replace\n"
        "tower.TEXT = replace(tower.TEXT, mean=0.9, least=0.8, time_ratio=99.0)\n"
        "quantize(sys.argv[1], precision=['fp32', 'int8', 'fp16'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program, model], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    assert {"int8", "fp16"} <= set(Manifest.load(model).text.variants)
