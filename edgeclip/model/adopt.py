"""Adopt ONNX files that were made elsewhere: inspect them, describe them, compute their goldens.

This is the way to a model folder for people without torch.  The preprocessing is the person's word
(a preset by family, or options); everything that the graphs can tell is read from them.  The
goldens are computed here, by this runtime, and marked so: they notice a change from now on, not a
mistake that was made before.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import edgeclip
from edgeclip.errors import ModelError
from edgeclip.model import session, tokens, verify
from edgeclip.model.goldens import TEXTS
from edgeclip.model.inspect import Answers, Graph
from edgeclip.model.model import Model
from edgeclip.model.presets import Preset
from edgeclip.model.towers import text_tower
from edgeclip.model.writer import write_model


@dataclass(frozen=True, slots=True)
class Adoption:
    """What a person says of the files, where the graphs cannot."""

    image: Path
    """Graph of the image tower, ``(n, 3, size, size)`` in."""
    preset: Preset
    """How pictures and texts are prepared."""
    text: Path | None = None
    """Graph of the text tower, ``(n, tokens)`` in."""
    tokenizer: Path | None = None
    """Its ``tokenizer.json``."""
    size: int | None = None
    """Side of the pictures, when the graph leaves it open."""
    image_output: str | None = None
    """Name of the vector, when the graph has several."""
    text_output: str | None = None
    license: str | None = None
    """Name of the licence, as far as it is known."""


def adopt(folder: Path, adoption: Adoption) -> Path:
    """Make a model folder of ONNX files.

    Args:
        folder: where it shall stand; its name becomes the model's.
        adoption: the files and what is known of them.

    Returns:
        ``folder``.

    Raises:
        ModelError: a graph has other inputs or outputs than a tower's, keeps external data, the
            towers' dims differ, or the vectors are not finite.
    """
    if folder.exists():
        raise ModelError(f"{folder} exists. Choose another --name, or remove it first.")
    files = {"image.onnx": adoption.image}
    image, dim = _image_record(adoption)
    text = None
    if adoption.text is not None:
        if adoption.tokenizer is None:
            raise ModelError("a text tower needs its tokenizer. Give TEXT.onnx TOKENIZER.json.")
        text, text_dim = _text_record(adoption, adoption.text, adoption.tokenizer)
        files |= {"text.onnx": adoption.text, "tokenizer.json": adoption.tokenizer}
        if text_dim != dim:
            raise ModelError(
                f"the towers are of two models: {adoption.image} gives {dim} numbers, "
                f"{adoption.text} gives {text_dim}. Adopt towers of the same model."
            )
    record = {
        "name": folder.name,
        "family": "adopted",
        "dim": dim,
        "logit_scale": adoption.preset.logit_scale,
        "image": image,
        "text": text,
        "source": {"kind": "onnx", "weights_sha256": _hash(list(files.values()))},
        "license": _license(adoption.license),
        "accuracy": [],
        "made_by": {"edgeclip": edgeclip.__version__, "onnxruntime": session.version_text()},
        "parity": None,
    }
    return write_model(folder, record, files, check=_goldens)


def _goldens(folder: Path) -> dict[str, Any]:
    by = f"onnxruntime {session.version_text()} when the files were adopted (no other reference)"
    return {"goldens": verify.compute_goldens(Model.load(folder), by=by)}


def _image_record(adoption: Adoption) -> tuple[dict[str, Any], int]:
    graph, preset = Graph.open(adoption.image), adoption.preset
    size = _side(graph, adoption.size)
    # Red, green and blue noise: three pictures that no tower takes for the same one.
    probe = np.random.default_rng(1).random((3, 3, size, size), dtype=np.float32) / 4
    probe += 0.75 * np.eye(3, dtype=np.float32)[:, :, None, None]
    answers = graph.answers(probe, adoption.image_output)
    record = {
        "size": size,
        "resize": preset.resize,
        "filter": preset.filter,
        "crop": "none" if preset.resize == "squash" else "center",
        "mean": list(preset.mean),
        "std": list(preset.std),
        "trained_mean": list(preset.mean),
        "trained_std": list(preset.std),
        **_tensors(graph, answers, "image.onnx"),
    }
    return record, answers.dim


def _side(graph: Graph, given: int | None) -> int:
    """Return the side of the pictures that a graph eats."""
    four = len(graph.shape) == 4 and graph.dtype.startswith("float")
    if not four or graph.shape[1] not in (3, None) or (graph.shape[1], graph.shape[3]) == (None, 3):
        raise ModelError(
            f"{graph.path} eats {graph.dtype} of shape {_shape(graph)}, not float pictures of "
            "shape (n, 3, size, size). Convert it again with channels first."
        )
    sides = {side for side in graph.shape[2:] if side is not None}
    if len(sides) > 1 or (sides and given not in (None, *sides)):
        raise ModelError(
            f"{graph.path} eats pictures of shape {_shape(graph)}, not squares of "
            f"{given or 'one size'}. Leave --size out, or convert it again."
        )
    if not sides and given is None:
        raise ModelError(
            f"{graph.path} leaves the size of the pictures open ({_shape(graph)}). "
            "Give the side that the model was trained with: --size"
        )
    return given or sides.pop()


def _text_record(adoption: Adoption, path: Path, tokenizer: Path) -> tuple[dict[str, Any], int]:
    graph, preset = Graph.open(path), adoption.preset
    if len(graph.shape) != 2 or graph.dtype[:3] != "int":
        raise ModelError(
            f"{graph.path} eats {graph.dtype} of shape {_shape(graph)}, not ids of shape "
            "(n, tokens). Convert it again."
        )
    record: dict[str, Any] = {
        "cleaning": list(preset.cleaning),
        "context_length": graph.shape[1] or preset.context_length,
        "padding": "full",
        "pad_id": preset.pad_id,
        "end_id": _end_id(tokenizer),
        "tokenizer": "tokenizer.json",
        "templates": list(preset.templates),
    }
    unknown = Answers({"raw": "?"}, 0, None)  # the tokenizer has to run before the graph can
    tower = text_tower(record | _tensors(graph, unknown, "text.onnx"))
    probe = tokens.Tokenizer(tokens.open_tokenizer(tokenizer), tower)(TEXTS[:3])
    answers = graph.answers(probe, adoption.text_output)
    return record | _tensors(graph, answers, "text.onnx"), answers.dim


def _end_id(tokenizer: Path) -> int:
    if not tokenizer.is_file():
        raise ModelError(f"{tokenizer} is no file. Give the path of the model's tokenizer.json.")
    return tokens.end_id(tokenizer)


def _tensors(graph: Graph, answers: Answers, file: str) -> dict[str, Any]:
    """Return what both towers say of their tensors and their one variant."""
    return {
        "input": graph.input,
        "input_dtype": graph.dtype,
        "batch": answers.batch,
        "outputs": answers.outputs,
        "variants": {"given": {"file": file, "agreement": None}},
        "default": "given",
    }


def _license(name: str | None) -> dict[str, Any]:
    return {
        "name": name or "not stated",
        "spdx": None,
        "url": "",
        "commercial_use": None,
        "consequence": "Ask whoever made the weights before you use them in a product.",
    }


def _hash(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _shape(graph: Graph) -> str:
    return "(" + ", ".join("?" if size is None else str(size) for size in graph.shape) + ")"
