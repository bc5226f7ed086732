"""Tiny open_clip architectures: whole exports in seconds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import open_clip
import pytest
from edgeclip_export import checkpoints
from edgeclip_export.pipeline import create_model
from edgeclip_export.recipe import License, Preprocessing, Recipe
from open_clip import factory, pretrained

_TEXT = {
    "context_length": 77,
    "vocab_size": 49408,
    "width": 32,
    "heads": 2,
    "layers": 2,
}
# FastViT is MobileCLIP's image tower: branches to fuse, BatchNorm, layer scales.
TINY_FASTVIT = {
    "embed_dim": 48,
    "vision_cfg": {
        "timm_model_name": "fastvit_t8",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": None,
        "timm_drop": 0.0,
        "timm_drop_path": 0.0,
        "image_size": 64,
    },
    "text_cfg": {**_TEXT, "no_causal_mask": True},
    "custom_text": True,
}
TINY_VIT = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": _TEXT,
}
FREE = License("MIT License", "MIT", "https://example.org/mit", True, "Anything goes.")
CLIP = {"mean": (0.48145466, 0.4578275, 0.40821073), "std": (0.26862954, 0.26130258, 0.27577711)}


@pytest.fixture(scope="session", autouse=True)
def tiny_architectures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Make open_clip know ``tiny-fastvit`` and ``tiny-vit`` and their tags, for this session."""
    folder = tmp_path_factory.mktemp("architectures")
    for name, config in (("tiny-fastvit", TINY_FASTVIT), ("tiny-vit", TINY_VIT)):
        (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    tags = {"hf_hub": "someone/Tiny/", "interpolation": "bilinear", "resize_mode": "shortest"}
    pretrained._PRETRAINED["tiny-fastvit"] = {
        "unit": {**tags, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    }
    pretrained._PRETRAINED["tiny-vit"] = {
        "clip": {**tags, **CLIP, "interpolation": "bicubic"},
        "half": {**tags, "mean": (0.5,) * 3, "std": (0.5,) * 3, "resize_mode": "squash"},
    }
    yield
    for name in ("tiny-fastvit", "tiny-vit"):
        pretrained._PRETRAINED.pop(name)
        factory._MODEL_CONFIGS.pop(name)
    factory._MODEL_CONFIG_PATHS.remove(folder)


def fastvit_recipe(**changes: Any) -> Recipe:
    values: dict[str, Any] = {
        "name": "tiny_fastvit",
        "family": "mobileclip",
        "architecture": "tiny-fastvit",
        "tag": "unit",
        "repository": "someone/Tiny",
        "preprocessing": Preprocessing(64),
        "license": FREE,
    }
    return Recipe(**{**values, **changes})


@pytest.fixture(scope="session")
def fastvit(tiny_architectures: None) -> Any:
    """An untrained tiny-fastvit; not to be changed."""
    model = create_model("tiny-fastvit")
    checkpoints.untrained(model, 1)
    return model


@pytest.fixture(scope="session")
def vit(tiny_architectures: None) -> Any:
    """An untrained tiny-vit; not to be changed."""
    model = create_model("tiny-vit")
    checkpoints.untrained(model, 2)
    return model


@pytest.fixture
def fastvit_file(fastvit: Any, tmp_path: Path) -> Path:
    """A checkpoint of tiny-fastvit in OpenCLIP's layout."""
    from safetensors.torch import save_file

    path = tmp_path / "open_clip_model.safetensors"
    save_file({k: v.contiguous() for k, v in fastvit.state_dict().items()}, path)
    return path
