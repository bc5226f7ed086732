"""Write the starter's model folder: graphs, tokenizer, notices and what ``model.json`` says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import onnx
import torch

from edgeclip.model.identity import canonical_sha256
from edgeclip.model.writer import write_model
from edgeclip_export.graphs import IMAGE_NAMES, TEXT_NAMES, trace
from edgeclip_export.record import TEMPLATES, made_by, outputs
from edgeclip_export.starter import agreement, assemble, classes, packages, shrink, towers
from edgeclip_export.starter.notices import notices
from edgeclip_export.towers import CLIP_MEAN, CLIP_STD

KEPT_MATRICES = tuple(f"layers.{layer}.value.weight" for layer in range(6)) + ("spread",)
"""Stored as fp16: of all matrices these pay most for their bytes."""
LOGIT_SCALE = 12.0
"""Fitted on pictures that are used for nothing else: the label of ten is likeliest at 25 for
ImageNet photographs, whose classes the tower knows, and at 7 for drawings of things that it mostly
does not know; this is between the two (the geometric mean is 13)."""
END_ID, PAD_ID = 102, 0
_MEASURED_BY = "measured once, in the committed form; see models/README.md"
MEASURED: tuple[dict[str, Any], ...] = (
    {
        "task": "captions of OpenAI's CLIP notebook that find their picture",
        "value": 8,
        "unit": "of 8",
        "source": _MEASURED_BY,
    },
    {
        "task": "pictures of OpenAI's CLIP notebook that find their caption",
        "value": 7,
        "unit": "of 8",
        "source": _MEASURED_BY,
    },
    {
        "task": "zero-shot top-1 over 372 photographs of clothing in 10 classes",
        "value": 45.7,
        "unit": "%",
        "source": _MEASURED_BY,
    },
)


def write_folder(folder: Path) -> Path:
    """Join, trace, shrink, compare and write; see `edgeclip_export.starter.build`."""
    with assemble.one_thread():
        joined = assemble.join()
        reference = assemble.reference(joined)
        files: dict[str, Path | bytes] = {
            "image.onnx": image_graph(joined.image).SerializeToString(deterministic=True),
            "text.onnx": text_graph(joined.text).SerializeToString(deterministic=True),
            "tokenizer.json": tokenizer_json(),
            **notices(),
        }
        return write_model(
            folder,
            record(joined.texts),
            files,
            check=lambda made: agreement.measure(made, reference, joined.texts),
        )


def image_graph(tower: torch.nn.Module) -> onnx.ModelProto:
    """Trace the image tower and store its weights as fp16."""
    example = torch.zeros(2, 3, towers.IMAGE_SIZE, towers.IMAGE_SIZE)
    return shrink.halve(_checked(trace(tower, example, IMAGE_NAMES)))


def text_graph(tower: torch.nn.Module) -> onnx.ModelProto:
    """Trace the text tower and store its weights as int8, a few as fp16."""
    example = torch.full((2, 3), END_ID)
    graph = _checked(trace(tower, example, TEXT_NAMES, axes=("batch", "tokens")))
    return shrink.quantize(graph, keep=KEPT_MATRICES)


def _checked(graph: onnx.ModelProto) -> onnx.ModelProto:
    onnx.checker.check_model(graph, full_check=True)
    return graph


def tokenizer_json() -> bytes:
    """Return MiniLM's tokenizer without padding and cutting, which the manifest says instead."""
    found = json.loads(packages.find(packages.TOKENIZER).read_text("utf-8"))
    found.update(padding=None, truncation=None)
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()


def record(texts: tuple[str, ...]) -> dict[str, Any]:
    """Return ``model.json`` without what `write_model` and the comparison add."""
    return {
        "name": "starter",
        "family": "conse",
        "dim": towers.DIM,
        "logit_scale": LOGIT_SCALE,
        "image": _image_record(),
        "text": _text_record(),
        "source": _source(texts),
        "license": {
            "name": "Apache License 2.0; WordNet's licence for the ancestors",
            "spdx": "Apache-2.0",
            "url": "https://www.apache.org/licenses/LICENSE-2.0",
            "commercial_use": True,
            "consequence": "Free for any use; keep the NOTICE and LICENSE files with every copy.",
        },
        "accuracy": list(MEASURED),
        "made_by": made_by(),
        "parity": None,
        "goldens": {"computed_by": "", "least_cosine": 0.0, "pictures": [], "texts": []},
    }


def _image_record() -> dict[str, Any]:
    return {
        "size": towers.IMAGE_SIZE,
        "resize": "shortest",
        "filter": "bicubic",
        "crop": "center",
        "mean": list(CLIP_MEAN),
        "std": list(CLIP_STD),
        "trained_mean": [127 / 255] * 3,
        "trained_std": [128 / 255] * 3,
        "input": IMAGE_NAMES.input,
        "outputs": outputs(IMAGE_NAMES),
        "variants": {"fp16-weights": {"file": "image.onnx", "agreement": None}},
        "default": "fp16-weights",
    }


def _text_record() -> dict[str, Any]:
    return {
        "cleaning": [],
        "context_length": towers.CONTEXT,
        "padding": "longest",
        "pad_id": PAD_ID,
        "end_id": END_ID,
        "tokenizer": "tokenizer.json",
        "input": TEXT_NAMES.input,
        "input_dtype": "int64",
        "outputs": outputs(TEXT_NAMES),
        "templates": list(TEMPLATES),
        "variants": {"int8": {"file": "text.onnx", "agreement": None}},
        "default": "int8",
    }


def _source(texts: tuple[str, ...]) -> dict[str, Any]:
    """Return the parts; their hash covers the weights and all that the class matrix is made of."""
    parts = {
        "image": packages.IMAGE_WEIGHTS.sha256,
        "text": packages.TEXT_WEIGHTS.sha256,
        "class_texts": hashlib.sha256("\n".join(texts).encode()).hexdigest(),
        "keep": assemble.KEEP,
        "temperature": assemble.TEMPERATURE,
        "ancestor_weight": classes.ANCESTOR_WEIGHT,
        "spread": classes.SPREAD,
    }
    files = (packages.IMAGE_WEIGHTS, packages.TEXT_WEIGHTS, packages.WORDNET_LICENSE)
    return {
        "kind": "packages",
        "weights_sha256": canonical_sha256(parts),
        "architecture": "EfficientNet-Lite0 and MiniLM-L6, joined by ConSE",
        "packages": {f.distribution: packages.version(f.distribution) for f in files},
        "parts": parts,
    }
