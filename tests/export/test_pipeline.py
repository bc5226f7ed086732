"""Whole exports of tiny models: what stands on disk, and what does not when it fails."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import edgeclip_export
import numpy as np
import pytest
import torch
from edgeclip_export import hub, parity, pipeline
from edgeclip_export.digests import sha256_of, sha256_of_untrained
from edgeclip_export.pipeline import Order, export_model
from edgeclip_export.recipe import Preprocessing
from edgeclip_export.table import APPLE, MIT_DATACOMP

from edgeclip.errors import (
    CheckpointError,
    ExportError,
    LicenseNotAccepted,
    ParityError,
)
from edgeclip.model import goldens
from edgeclip.model.model import Model
from tests.export.conftest import CLIP, fastvit_recipe


def record_of(folder: Path) -> Any:
    return json.loads((folder / "model.json").read_text("utf-8"))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def leaves_nothing(models: Path) -> bool:
    return not models.exists() or not list(models.iterdir())


@pytest.fixture(scope="module")
def exported(
    fastvit: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, list[str]]:
    """Export tiny-fastvit; return its folder, its checkpoint and the steps that were told."""
    place = tmp_path_factory.mktemp("exported")
    torch.save(fastvit.state_dict(), place / "weights.pt")
    told: list[str] = []
    order = Order(fastvit_recipe(), place / "models", checkpoint=place / "weights.pt")
    folder = export_model(order, lambda step, done, total: told.append(step))
    return folder, place / "weights.pt", told


def test_a_checkpoint_becomes_a_model_folder(fastvit: Any, exported: Any) -> None:
    folder, checkpoint, told = exported
    assert (folder.name, folder.parent.name) == ("tiny_fastvit", "models")
    names = {path.name for path in folder.iterdir()}
    assert names == {"model.json", "image.onnx", "text.onnx", "tokenizer.json"}
    assert [path.name for path in folder.parent.iterdir()] == ["tiny_fastvit"]
    record = record_of(folder)
    assert record["source"] == {
        "kind": "checkpoint",
        "weights_sha256": sha256_of(checkpoint),
        "file": "weights.pt",
        "architecture": "tiny-fastvit",
        "tag": "unit",
    }
    assert record["dim"] == 48
    assert math.isclose(record["logit_scale"], float(fastvit.logit_scale.exp()), rel_tol=1e-5)
    assert record["image"]["mean"] == list(CLIP["mean"])
    assert record["image"]["trained_mean"] == [0.0, 0.0, 0.0]
    assert record["image"]["trained_std"] == [1.0, 1.0, 1.0]
    assert (record["image"]["filter"], record["image"]["crop"]) == ("bilinear", "center")
    assert record["license"]["spdx"] == "MIT"
    assert record["made_by"]["torch"] == torch.__version__.partition("+")[0]
    assert len(record["parity"]["rows"]) == 8
    assert str(Path.home()) not in (folder / "model.json").read_text("utf-8")
    assert told == [
        "building the model",
        "writing image.onnx",
        "writing text.onnx",
        "comparing with torch",
    ]


def test_the_model_serves(exported: Any) -> None:
    model = Model.load(exported[0])
    picture = goldens.golden_pictures()[1]
    vector = model.embed_image(picture)
    assert vector.shape == (48,) and abs(float(np.linalg.norm(vector)) - 1) < 1e-5
    raw = model.embed_image(picture, normalize=False)
    assert np.allclose(raw / np.linalg.norm(raw), vector, atol=1e-6)
    assert not model.manifest.untrained


@pytest.mark.parametrize(
    ("tag", "preprocessing"),
    [
        ("clip", Preprocessing(64, filter="bicubic", **CLIP)),
        ("half", Preprocessing(64, "squash", mean=(0.5,) * 3, std=(0.5,) * 3)),  # type: ignore[arg-type]
    ],
)
def test_other_statistics_and_another_class_of_model(
    tag: str, preprocessing: Preprocessing, models: Path
) -> None:
    recipe = fastvit_recipe(
        name="tiny", architecture="tiny-vit", tag=tag, preprocessing=preprocessing
    )
    folder = export_model(Order(recipe, models, untrained=True))
    assert all(row["least_cosine"] > 0.99999 for row in record_of(folder)["parity"]["rows"])


def test_untrained_says_so(models: Path) -> None:
    recipe = fastvit_recipe(license=APPLE)  # random weights need no licence of Apple's
    folder = export_model(Order(recipe, models, untrained=True))
    record = record_of(folder)
    assert Model.load(folder).manifest.untrained
    assert record["source"]["weights_sha256"] == sha256_of_untrained("tiny-fastvit", 0)
    assert record["accuracy"] == [] and "answers mean nothing" in record["license"]["consequence"]


def test_random_weights_never_replace_trained_ones(exported: Any) -> None:
    folder = exported[0]
    before = (folder / "model.json").read_bytes()
    with pytest.raises(ExportError, match="trained weights"):
        export_model(Order(fastvit_recipe(), folder.parent, untrained=True))
    assert (folder / "model.json").read_bytes() == before


@pytest.fixture
def apple_order(fastvit_file: Path, models: Path) -> dict[str, Any]:
    return {"recipe": fastvit_recipe(license=APPLE), "models": models, "checkpoint": fastvit_file}


def test_research_only_weights_must_be_accepted(
    apple_order: dict[str, Any], models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(pipeline.ACCEPT_VARIABLE, raising=False)
    with pytest.raises(LicenseNotAccepted) as caught:
        export_model(Order(**apple_order))
    message = str(caught.value)
    assert all(w in message for w in (APPLE.consequence, APPLE.url, "--accept-license"))
    assert "\n" not in message and leaves_nothing(models)


def test_the_licence_is_accepted_by_flag_or_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(pipeline.ACCEPT_VARIABLE, raising=False)
    pipeline.accept(APPLE, True)
    pipeline.accept(MIT_DATACOMP, False)
    monkeypatch.setenv(pipeline.ACCEPT_VARIABLE, "1")
    pipeline.accept(APPLE, False)
    monkeypatch.setenv(pipeline.ACCEPT_VARIABLE, "0")
    with pytest.raises(LicenseNotAccepted):
        pipeline.accept(APPLE, False)


def test_weights_of_the_hub_are_recorded_with_their_commit(
    fastvit_file: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    digest = sha256_of(fastvit_file)

    def fetch(*args: Any, **kwargs: Any) -> hub.Download:
        asked.append((args, kwargs))
        return hub.Download(fastvit_file, "open_clip_model.safetensors", "c" * 40, digest)

    monkeypatch.setattr(hub, "fetch", fetch)
    told: list[str] = []
    recipe = fastvit_recipe(revision="a" * 40, sha256={"open_clip_model.safetensors": digest})
    model = pipeline.create_model("tiny-fastvit")
    source, path = pipeline._fill(model, Order(recipe, models), lambda step, *_: told.append(step))
    assert path == fastvit_file
    assert source["kind"] == "hub" and source["repository"] == "someone/Tiny"
    assert (source["revision"], source["weights_sha256"]) == ("c" * 40, digest)
    assert f"someone/Tiny at {'c' * 40}" in told
    assert asked[0][1]["revision"] == "a" * 40 and asked[0][1]["sha256"] == recipe.sha256
    pipeline._fetch(Order(recipe, models, revision="main"), None)
    assert asked[1][1]["revision"] == "main" and asked[1][1]["sha256"] == {}


def test_a_failed_parity_leaves_nothing(
    fastvit_file: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity, "MAX_ABS_DIFF", 1e-12)
    with pytest.raises(ParityError):
        export_model(Order(fastvit_recipe(), models, checkpoint=fastvit_file))
    assert leaves_nothing(models)


def test_a_bad_checkpoint_leaves_nothing(models: Path, tmp_path: Path) -> None:
    (tmp_path / "page.pt").write_text("<html>sign in</html>")
    with pytest.raises(CheckpointError, match="web page"):
        export_model(Order(fastvit_recipe(), models, checkpoint=tmp_path / "page.pt"))
    assert leaves_nothing(models)


def test_a_foreign_folder_is_not_replaced(fastvit_file: Path, models: Path) -> None:
    (models / "tiny_fastvit").mkdir(parents=True)
    (models / "tiny_fastvit" / "thesis.txt").write_text("mine")
    with pytest.raises(ExportError, match="no model folder"):
        export_model(Order(fastvit_recipe(), models, checkpoint=fastvit_file))
    assert (models / "tiny_fastvit" / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"untrained": True, "checkpoint": Path("x.pt")}, "makes its own weights"),
        ({"untrained": True, "revision": "main"}, "makes its own weights"),
        ({"checkpoint": Path("x.pt"), "revision": "main"}, "Leave it, or leave --checkpoint"),
        ({"verify_with": "nonsense"}, "knows mobileclip"),
    ],
)
def test_orders_that_contradict_themselves(
    changes: dict[str, Any], words: str, models: Path
) -> None:
    with pytest.raises(ExportError, match=words):
        export_model(Order(fastvit_recipe(), models, **changes))


def test_a_recipe_that_open_clip_contradicts_is_refused(models: Path) -> None:
    recipe = fastvit_recipe(preprocessing=Preprocessing(64, filter="bicubic"))
    with pytest.raises(ExportError, match="was trained with"):
        export_model(Order(recipe, models, untrained=True))


def test_the_front_verb(models: Path) -> None:
    folder = edgeclip_export.export("tiny-vit/clip", models=models, untrained=True)
    assert folder == models / "tiny_vit_clip"
    with pytest.raises(ExportError, match="no model is called"):
        edgeclip_export.export("nonsense", models=models)


def test_the_starter_has_a_door_of_its_own(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgeclip_export import starter

    monkeypatch.setattr(starter, "build", lambda folder: folder)
    assert edgeclip_export.export("starter", models=models) == models / "starter"
    with pytest.raises(ExportError, match="takes none of"):
        edgeclip_export.export("starter", models=models, untrained=True)
