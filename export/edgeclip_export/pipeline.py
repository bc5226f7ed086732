"""From a name to a model folder: recipe, licence, weights, towers, graphs, record, parity."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
import torch
from torch import nn

from edgeclip.errors import CheckpointError, ExportError, LicenseNotAccepted
from edgeclip.model.manifest import FILENAME
from edgeclip.model.model import Model
from edgeclip.model.writer import write_model
from edgeclip_export import checkpoints, graphs, hub, parity, recipes, tokenizer, towers
from edgeclip_export.digests import sha256_of, sha256_of_untrained
from edgeclip_export.progress import Progress
from edgeclip_export.recipe import License, Recipe
from edgeclip_export.record import make_record

ACCEPT_VARIABLE = "EDGECLIP_ACCEPT_LICENSE"
SEED = 0


@dataclass(frozen=True)
class Order:
    """What is to be exported, and how."""

    recipe: Recipe
    models: Path
    """The model folder is made in it."""
    checkpoint: Path | None = None
    """A file instead of the hub's."""
    revision: str | None = None
    """Of the hub's repository instead of the recipe's."""
    accept_license: bool = False
    untrained: bool = False
    """Random weights of a fixed seed."""
    verify_with: str | None = None
    """``mobileclip``: Apple's package as a second reference."""


def export_model(order: Order, progress: Progress | None = None) -> Path:
    """Export a model.

    Returns:
        The model folder, ``models/NAME``.

    Raises:
        ExportError: or one of its kinds; nothing is left behind.
        ExtraMissing: ``verify_with`` names a package that is not installed.
    """
    tell = progress or _silent
    recipe = recipes.checked(order.recipe)
    folder = order.models / recipe.name
    _check_order(order, folder)
    tell("building the model", 0, None)
    model = create_model(recipe.architecture)
    source, path = _fill(model, order, progress)
    fused = towers.reparameterised(model)
    reading = open_clip.get_tokenizer(recipe.architecture)
    original = parity.torch_reference("torch", model, recipe.preprocessing, reading)
    record = make_record(recipe, model, source, parity.make_goldens(original))
    references = [
        parity.torch_reference("torch, fused branches", fused, recipe.preprocessing, reading)
    ]
    if order.verify_with and path:
        references.append(parity.apple_reference(recipe.name, path))

    def check(temporary: Path) -> dict[str, Any]:
        tell("comparing with torch", 0, None)
        return _compare(temporary, original, references)

    with tempfile.TemporaryDirectory(prefix="edgeclip-export-") as scratch:
        files = _make_files(fused, recipe, Path(scratch), tell)
        return write_model(folder, record, files, check=check)


def create_model(architecture: str) -> nn.Module:
    """Return an open_clip model without trained weights, in fp32 on the CPU, for inference."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # open_clip warns that no weights are loaded: they follow
    try:
        model = open_clip.create_model(architecture, pretrained=None, pretrained_text=False)
    finally:
        root.setLevel(level)
    return model.eval().requires_grad_(False)  # type: ignore[no-any-return]


def accept(license: License, accepted: bool) -> None:
    """Pass for weights that anyone may use, and for others when the user has accepted.

    Raises:
        LicenseNotAccepted: with what the licence means and how to accept it.
    """
    if license.commercial_use is not False or accepted:
        return
    if os.environ.get(ACCEPT_VARIABLE) == "1":
        return
    raise LicenseNotAccepted(
        f"{license.name} ({license.url}): {license.consequence} "
        f"Read it, then add --accept-license or set {ACCEPT_VARIABLE}=1."
    )


def _check_order(order: Order, folder: Path) -> None:
    """Refuse before minutes are spent what would fail at the end."""
    if folder.exists() and not (folder / FILENAME).is_file():
        raise ExportError(
            f"{folder} exists and is no model folder. Move it away, or choose another place with "
            "--models."
        )
    if order.untrained and (order.checkpoint or order.revision):
        raise ExportError("--untrained makes its own weights. Leave --checkpoint and --revision.")
    if order.checkpoint and order.revision:
        raise ExportError("--revision is of the hub's file. Leave it, or leave --checkpoint.")
    if order.verify_with not in (None, parity.APPLE_PACKAGE):
        raise ExportError(f"--verify-with knows {parity.APPLE_PACKAGE}, not {order.verify_with!r}.")
    if order.verify_with:
        parity.require_apple()
        if order.untrained:
            raise ExportError("--verify-with needs trained weights. Leave --untrained.")
    if order.checkpoint and not order.checkpoint.is_file():
        raise CheckpointError(f"{order.checkpoint} is no file. Give the path of the weights.")
    if not order.untrained:
        accept(order.recipe.license, order.accept_license)
    elif _is_trained(folder):
        raise ExportError(
            f"{folder} holds trained weights, which random ones would replace. "
            "Choose another place with --models."
        )


def _is_trained(folder: Path) -> bool:
    try:
        record = json.loads((folder / FILENAME).read_text("utf-8"))
        return bool(record["source"]["kind"] != "untrained")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _fill(
    model: nn.Module, order: Order, progress: Progress | None
) -> tuple[dict[str, Any], Path | None]:
    """Load the weights; return the manifest's ``source`` and the file that they came from."""
    recipe = order.recipe
    source: dict[str, Any] = {"architecture": recipe.architecture, "tag": recipe.tag}
    if order.untrained:
        checkpoints.untrained(model, SEED)
        digest = sha256_of_untrained(recipe.architecture, SEED)
        return {"kind": "untrained", "weights_sha256": digest, "seed": SEED, **source}, None
    if order.checkpoint:
        checkpoints.load_weights(model, order.checkpoint)
        digest, file = sha256_of(order.checkpoint), order.checkpoint.name
        kind = {"kind": "checkpoint", "weights_sha256": digest, "file": file}
        return {**kind, **source}, order.checkpoint
    found = _fetch(order, progress)
    checkpoints.load_weights(model, found.path)
    return {
        "kind": "hub",
        "weights_sha256": found.sha256,
        "repository": recipe.repository,
        "revision": found.commit,
        "file": found.file,
        **source,
    }, found.path


def _fetch(order: Order, progress: Progress | None) -> hub.Download:
    recipe = order.recipe
    revision = order.revision or recipe.revision
    # The recipe's digests are those of its own revision; for another the hub's are checked.
    digests = recipe.sha256 if revision == recipe.revision else {}
    found = hub.fetch(
        recipe.repository, recipe.files, revision=revision, sha256=digests, progress=progress
    )
    if progress:
        progress(f"{recipe.repository} at {found.commit}", 0, None)
    return found


def _make_files(
    fused: Any, recipe: Recipe, scratch: Path, tell: Progress
) -> Mapping[str, Path | bytes]:
    """Write both graphs and the tokenizer; return file name -> content."""
    size, context = recipe.preprocessing.size, int(fused.context_length)
    tell("writing image.onnx", 0, None)
    image = graphs.export_graph(
        towers.ImageTower(fused.visual, recipe.preprocessing.mean, recipe.preprocessing.std),
        torch.zeros(2, 3, size, size),
        graphs.IMAGE_NAMES,
        scratch / "image.onnx",
    )
    tell("writing text.onnx", 0, None)
    text = graphs.export_graph(
        towers.TextTower(fused),
        torch.zeros(2, context, dtype=torch.int64),
        graphs.TEXT_NAMES,
        scratch / "text.onnx",
    )
    return {"image.onnx": image, "text.onnx": text, "tokenizer.json": tokenizer.build_tokenizer()}


def _compare(
    folder: Path, original: parity.Reference, references: list[parity.Reference]
) -> dict[str, Any]:
    """Compare the finished folder; the original model once, at the greatest batch."""
    ours = Model.load(folder)
    rows = [row for reference in references for row in parity.compare(reference, ours)]
    rows += parity.compare(original, ours, batches=parity.BATCHES[-1:])
    return {"parity": parity.demand(rows)}


def _silent(step: str, done: int, total: int | None) -> None:
    """Tell nobody."""
