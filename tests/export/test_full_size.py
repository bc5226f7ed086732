"""The README's export, whole: MobileCLIP-S2 at full size, from a hub on loopback to vectors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from edgeclip_export import checkpoints, pipeline
from edgeclip_export.table import RECIPES
from safetensors.torch import save

from edgeclip.cli import run
from edgeclip.model.manifest import Manifest
from edgeclip.model.model import Model
from tests.export.apple_layout import apple_state, without_head_bias
from tests.export.hub_server import Hub, serve

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "edgeclip export mobileclip_s2 --accept-license"
RECIPE = RECIPES["mobileclip_s2"]
FILE = "open_clip_model.safetensors"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def source() -> torch.nn.Module:
    """MobileCLIP-S2 with seeded weights that Apple's layout can hold."""
    model = pipeline.create_model("MobileCLIP-S2")
    checkpoints.untrained(model)
    without_head_bias(model)
    return model


def test_the_command_of_the_readme(source: torch.nn.Module, tmp_path: Path, capsys) -> None:
    assert f"\n{COMMAND}\n" in (ROOT / "README.md").read_text("utf-8")
    weights = save({name: tensor.contiguous() for name, tensor in source.state_dict().items()})
    hub = Hub(RECIPE.repository, {FILE: weights}, commit=RECIPE.revision, cuts=[len(weights) // 2])
    with serve(hub):
        done = subprocess.run(
            [sys.executable, "-m", "edgeclip", *COMMAND.split()[1:]],
            cwd=tmp_path,
            env=os.environ | {"HF_ENDPOINT": hub.url, "XDG_CACHE_HOME": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    assert hub.gets() == [None, f"bytes={len(weights) // 2}-"]  # cut in the middle, resumed
    folder = tmp_path / "models" / "mobileclip_s2"
    assert done.stdout.splitlines()[-1] == str(Path("models") / "mobileclip_s2")
    assert "research" in done.stdout
    _check_record(Manifest.load(folder))
    assert run(["verify", str(folder)]) == 0
    model = Model.load(folder)
    grey = np.full((300, 400, 3), 128, np.uint8)
    assert model.embed_image(grey).shape == model.embed_text("grey").shape == (512,)


def _check_record(manifest: Manifest) -> None:
    source, parity = manifest.record["source"], manifest.record["parity"]
    assert (source["kind"], source["revision"]) == ("hub", RECIPE.revision)
    assert (manifest.dim, manifest.image.size, manifest.image.filter) == (512, 256, "bilinear")
    assert manifest.record["license"]["commercial_use"] is False
    assert 142e6 < manifest.files["image.onnx"].bytes < 144e6
    assert 253e6 < manifest.files["text.onnx"].bytes < 255e6
    assert all(row["least_cosine"] >= 0.99999 for row in parity["rows"])
    assert all(row["max_abs_diff"] <= 1e-4 for row in parity["rows"])


def test_apples_own_layout_is_read_to_the_last_weight(
    source: torch.nn.Module, tmp_path: Path
) -> None:
    torch.save(apple_state(source), tmp_path / "mobileclip_s2.pt")
    other = pipeline.create_model("MobileCLIP-S2")
    checkpoints.load_weights(other, tmp_path / "mobileclip_s2.pt")
    theirs = other.state_dict()
    for name, tensor in source.state_dict().items():
        assert name.endswith("num_batches_tracked") or torch.equal(tensor, theirs[name]), name
