"""Parity: it passes what is right and names what is wrong."""

from __future__ import annotations

import copy
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from edgeclip_export import parity, pipeline
from edgeclip_export.parity import Reference, Row
from edgeclip_export.recipe import Preprocessing

from edgeclip.errors import CheckpointError, ExtraMissing, ParityError
from edgeclip.model import goldens
from edgeclip.model.identity import seal, space_id
from edgeclip.model.model import Model
from tests.export.apple_layout import apple_state, without_head_bias
from tests.export.conftest import fastvit_recipe


@pytest.fixture(scope="module")
def folder(fastvit: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported tiny-fastvit with the weights of ``fastvit``."""
    place = tmp_path_factory.mktemp("parity")
    torch.save(fastvit.state_dict(), place / "weights.pt")
    order = pipeline.Order(fastvit_recipe(), place, checkpoint=place / "weights.pt")
    return pipeline.export_model(order)


@pytest.fixture(scope="module")
def reference(fastvit: Any) -> Reference:
    tokenizer = open_clip.get_tokenizer("tiny-fastvit")
    return parity.torch_reference("torch", fastvit, Preprocessing(64), tokenizer)


def test_the_exported_model_equals_torch(folder: Path, reference: Reference) -> None:
    rows = parity.compare(reference, Model.load(folder))
    assert [(row.tower, row.batch) for row in rows] == [
        ("image", 1),
        ("image", 3),
        ("image", 8),
        ("text", 1),
        ("text", 3),
        ("text", 8),
    ]
    assert all(row.passes for row in rows)
    assert parity.demand(rows)["reference"] == "torch"


def test_goldens_are_the_references_vectors(folder: Path, reference: Reference) -> None:
    record = json.loads((folder / "model.json").read_text("utf-8"))["goldens"]
    assert len(record["pictures"]) >= 8 and len(record["texts"]) >= 8
    pictures = reference.pictures(goldens.golden_pictures())
    for entry, expected in zip(record["pictures"], pictures, strict=True):
        found = goldens.decode_vector(entry["vector"])
        assert np.abs(found - expected).max() < 1e-5
        assert abs(np.linalg.norm(found) - 1) < 1e-5
    model = Model.load(folder)
    for entry in record["texts"]:
        vector = goldens.decode_vector(entry["vector"])
        assert model.embed_text(entry["text"]) @ vector > 0.99999


def swap(half: str, **changes: Any) -> dict[str, Any]:
    return {"half": half, "changes": changes}


MISTAKES = {
    "clip statistics fed to weights trained without": swap(
        "image", mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0]
    ),
    "the other filter": swap("image", filter="bicubic"),
    "squashed": swap("image", resize="squash", crop="none"),
    "padded with the end token": swap("text", pad_id=49407),
    "no cleaning": swap("text", cleaning=[]),
    "raw for unit": swap("image", outputs={"raw": "image_embeds", "unit": "image_features"}),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_each_known_mistake_is_refused_and_named(
    name: str, folder: Path, reference: Reference, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    shutil.copytree(folder, wrong)
    record = json.loads((wrong / "model.json").read_text("utf-8"))
    mistake = MISTAKES[name]
    record[mistake["half"]].update(mistake["changes"])
    record["space"] = space_id(record)
    record["sha256"] = seal(record)
    (wrong / "model.json").write_text(json.dumps(record), "utf-8")
    with pytest.raises(ParityError) as caught:
        parity.demand(parity.compare(reference, Model.load(wrong), batches=[3]))
    assert f"the {mistake['half']} tower differs from torch at batch" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_worst_row_is_named() -> None:
    rows = [
        Row("image", 1, 1e-7, 0.9999999, "torch"),
        Row("text", 3, 2e-4, 0.999995, "torch"),
        Row("text", 8, 1e-7, 0.5, "torch"),
    ]
    with pytest.raises(ParityError, match="text tower differs from torch at batch 8"):
        parity.demand(rows)
    with pytest.raises(ParityError, match=r"batch 3: greatest difference 2\.00e-04"):
        parity.demand(rows[:2])


def test_nan_does_not_pass() -> None:
    assert not Row("image", 1, float("nan"), float("nan"), "torch").passes


STAND_IN = '''
"""Has the API of Apple's package, backed by what the test puts in."""
import open_clip, torch
from edgeclip_export.checkpoints import load_weights
from edgeclip_export.pipeline import create_model
calls = []
def create_model_and_transforms(name, pretrained=None, reparameterize=True, device="cpu"):
    calls.append((name, pretrained))
    state = torch.load(pretrained, weights_only=True)
    if not any(key.startswith("image_encoder.") for key in state):
        raise RuntimeError("Missing key(s) in state_dict: image_encoder")
    model = create_model("tiny-fastvit")
    load_weights(model, __import__("pathlib").Path(pretrained))
    from open_clip.transform import PreprocessCfg, image_transform_v2
    config = PreprocessCfg(size=64, mean=(0,0,0), std=(1,1,1), interpolation="bilinear")
    return model, None, image_transform_v2(config, is_train=False)
def get_tokenizer(name):
    return open_clip.get_tokenizer("tiny-fastvit")
'''


@pytest.fixture
def apple(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a stand-in for Apple's package on the path."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "mobileclip.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    monkeypatch.delitem(sys.modules, "mobileclip", raising=False)
    yield
    sys.modules.pop("mobileclip", None)


def test_apples_package_is_a_second_reference(apple: None, fastvit: Any, tmp_path: Path) -> None:
    source = without_head_bias(copy.deepcopy(fastvit))
    torch.save(apple_state(source), tmp_path / "mobileclip_s2.pt")
    order = pipeline.Order(
        fastvit_recipe(name="mobileclip_b_lt"),
        tmp_path / "models",
        checkpoint=tmp_path / "mobileclip_s2.pt",
        verify_with="mobileclip",
    )
    folder = pipeline.export_model(order)
    record = json.loads((folder / "model.json").read_text("utf-8"))["parity"]
    assert record["reference"] == "torch, fused branches; mobileclip; torch"
    assert sum(row["against"] == "mobileclip" for row in record["rows"]) == 6
    assert sys.modules["mobileclip"].calls == [("mobileclip_b", str(tmp_path / "mobileclip_s2.pt"))]


def test_apples_package_wants_apples_layout(apple: None, fastvit: Any, tmp_path: Path) -> None:
    torch.save(fastvit.state_dict(), tmp_path / "weights.pt")
    with pytest.raises(CheckpointError, match=r"Bring Apple's own mobileclip_s2\.pt"):
        parity.apple_reference("mobileclip_s2", tmp_path / "weights.pt")


@pytest.mark.parametrize("content", [None, "# the package of that name on PyPI\n"])
def test_without_apples_package(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "mobileclip", raising=False)
    if content is None:
        monkeypatch.setitem(sys.modules, "mobileclip", None)
    else:
        (tmp_path / "mobileclip.py").write_text(content)
        monkeypatch.syspath_prepend(tmp_path)
    order = pipeline.Order(
        fastvit_recipe(), tmp_path / "models", checkpoint=tmp_path / "x", verify_with="mobileclip"
    )
    with pytest.raises(ExtraMissing, match="pip install git"):
        pipeline.export_model(order)
    sys.modules.pop("mobileclip", None)
