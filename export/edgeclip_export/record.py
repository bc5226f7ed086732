"""What an exported model says of itself: the manifest's record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from typing import Any

from edgeclip.model import goldens
from edgeclip_export import graphs, tokenizer, towers
from edgeclip_export.recipe import License, Recipe

TEMPLATES = ("a photo of a {}.",)
_PACKAGES = (
    "edgeclip",
    "torch",
    "torchvision",
    "open_clip_torch",
    "timm",
    "onnx",
    "onnxscript",
    "onnxruntime",
    "tokenizers",
)
_NO_LICENSE = License(
    name="none: random weights",
    spdx=None,
    url="",
    commercial_use=None,
    consequence="The weights are random: for measuring speed and memory; the answers mean nothing.",
)


def make_record(
    recipe: Recipe, model: Any, source: Mapping[str, Any], answers: Mapping[str, Any]
) -> dict[str, Any]:
    """Return ``model.json`` without ``format``, ``files`` and ``space``, parity yet unknown.

    Args:
        recipe: what was exported.
        model: the open_clip model with its weights; the logit scale and the context are its.
        source: where the weights came from; its ``kind`` tells random ones from trained ones.
        answers: the goldens.
    """
    untrained = source["kind"] == "untrained"
    return {
        "name": recipe.name,
        "family": recipe.family,
        "dim": len(goldens.decode_vector(answers["texts"][0]["vector"])),
        "logit_scale": round(float(model.logit_scale.exp()), 6),
        "image": image_record(recipe),
        "text": text_record(int(model.context_length)),
        "source": dict(source),
        "license": asdict(_NO_LICENSE if untrained else recipe.license),
        "accuracy": [] if untrained else [asdict(figure) for figure in recipe.accuracy],
        "made_by": made_by(),
        "parity": None,
        "goldens": dict(answers),
    }


def image_record(recipe: Recipe) -> dict[str, Any]:
    """Return the image tower's entry."""
    trained = recipe.preprocessing
    return {
        "size": trained.size,
        "resize": trained.resize,
        "filter": trained.filter,
        "crop": trained.crop,
        "mean": list(towers.CLIP_MEAN),
        "std": list(towers.CLIP_STD),
        "trained_mean": list(trained.mean),
        "trained_std": list(trained.std),
        "input": graphs.IMAGE_NAMES.input,
        "outputs": outputs(graphs.IMAGE_NAMES),
        "variants": {"fp32": {"file": "image.onnx", "agreement": None}},
        "default": "fp32",
    }


def text_record(context: int) -> dict[str, Any]:
    """Return the text tower's entry for ``context`` tokens."""
    return {
        "cleaning": list(tokenizer.CLEANING),
        "context_length": context,
        "padding": "full",
        "pad_id": tokenizer.PAD_ID,
        "end_id": tokenizer.END_ID,
        "tokenizer": "tokenizer.json",
        "input": graphs.TEXT_NAMES.input,
        "input_dtype": "int64",
        "outputs": outputs(graphs.TEXT_NAMES),
        "templates": list(TEMPLATES),
        "variants": {"fp32": {"file": "text.onnx", "agreement": None}},
        "default": "fp32",
    }


def outputs(names: graphs.GraphNames) -> dict[str, str]:
    """Return the outputs of a tower as the manifest names them."""
    return {"raw": names.raw, "unit": names.unit}


def made_by() -> dict[str, str]:
    """Return the versions of the packages that have a part in an export."""
    return {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"
