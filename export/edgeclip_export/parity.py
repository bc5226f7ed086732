"""Parity: torch against the project's own `Model`, pictures and texts in, unit vectors out.

The reference is end to end: torchvision's own preprocessing with the statistics that the weights
were trained with, open_clip's own tokenizer, the model before and after its branches were fused. A
wrong resize, statistic, pad id or name therefore shows here and not in someone's search results.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.transform import PreprocessCfg, image_transform_v2
from torch import Tensor, nn
from torchvision.transforms.functional import to_pil_image  # type: ignore[import-untyped]

from edgeclip.errors import CheckpointError, ExportError, ExtraMissing, ParityError
from edgeclip.model import goldens, verify
from edgeclip.model.model import Model
from edgeclip_export.recipe import Preprocessing

MAX_ABS_DIFF = 1e-4
LEAST_COSINE = 0.99999
BATCHES = (1, 3, 8)
APPLE_PACKAGE = "mobileclip"

Picture = NDArray[np.uint8]
Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """Something that embeds independently of this project's graphs."""

    name: str
    pictures: Callable[[Sequence[Picture]], Vectors]
    """``n`` pictures ``(h, w, 3)`` uint8 -> ``(n, dim)`` of unit length."""
    texts: Callable[[Sequence[str]], Vectors]
    """``n`` texts -> ``(n, dim)`` of unit length."""


@dataclass(frozen=True)
class Row:
    """One comparison."""

    tower: str
    """``image`` or ``text``."""
    batch: int
    max_abs_diff: float
    """Greatest absolute difference of a component of the unit vectors."""
    least_cosine: float
    against: str
    """The reference's name."""

    @property
    def passes(self) -> bool:
        """Whether both limits hold; a NaN fails."""
        return self.max_abs_diff <= MAX_ABS_DIFF and self.least_cosine >= LEAST_COSINE


def torch_reference(
    name: str, model: nn.Module, preprocessing: Preprocessing, tokenizer: Any
) -> Reference:
    """Return an open_clip model with its own preprocessing and tokenizer as a reference."""
    config = PreprocessCfg(
        size=preprocessing.size,
        mean=preprocessing.mean,
        std=preprocessing.std,
        interpolation=preprocessing.filter,
        resize_mode=preprocessing.resize,
    )
    return _reference(name, model, image_transform_v2(config, is_train=False), tokenizer)


def apple_reference(name: str, checkpoint: Path) -> Reference:
    """Return Apple's own package ``mobileclip`` as a second, independent reference.

    Args:
        name: the recipe's name; Apple's names are the same, ``mobileclip_b`` for both of its B.
        checkpoint: a file in Apple's layout.

    Raises:
        ExtraMissing: the package is not installed, or another one has its name.
        CheckpointError: the file is not in Apple's layout.
    """
    package = require_apple()
    own = name.removesuffix("_lt")
    try:
        model, _, transform = package.create_model_and_transforms(own, pretrained=str(checkpoint))
        tokenizer = package.get_tokenizer(own)
    except Exception as error:  # another's package: whatever it raises, the way out is the same
        raise CheckpointError(
            f"Apple's package cannot load {checkpoint} as {own} ({str(error)[:120]}). "
            f"Bring Apple's own {own}.pt with --checkpoint, or leave --verify-with away."
        ) from error
    return _reference(APPLE_PACKAGE, model.eval(), transform, tokenizer)


def require_apple() -> Any:
    """Return Apple's package.

    Raises:
        ExtraMissing: it is not installed (the package of that name on PyPI is another one).
    """
    try:
        package = importlib.import_module(APPLE_PACKAGE)
    except ImportError:
        package = None
    if not hasattr(package, "create_model_and_transforms"):
        raise ExtraMissing(
            "--verify-with mobileclip needs Apple's package, which is not the one on PyPI: "
            "pip install git+https://github.com/apple/ml-mobileclip"
        )
    return package


def make_goldens(reference: Reference, *, least: float = verify.LEAST_COSINE) -> dict[str, Any]:
    """Return the manifest's ``goldens``: what the reference answers for each picture and text."""
    return verify.record_goldens(
        list(reference.pictures(goldens.golden_pictures()).astype(np.float32)),
        list(reference.texts(goldens.TEXTS).astype(np.float32)),
        by=f"{reference.name} {torch.__version__}, fp32, CPU",
        least=least,
    )


def compare(reference: Reference, model: Model, *, batches: Iterable[int] = BATCHES) -> list[Row]:
    """Compare ``model`` with a reference, a row for each tower and batch size.

    Each batch is one run of the graph, so that a graph bound to one batch size shows.
    """
    pictures, rows = goldens.golden_pictures(), []
    for batch in batches:
        found = list(model.embed_images(pictures[:batch], batch_size=batch))
        rows.append(_row("image", found, reference.pictures(pictures[:batch]), reference.name))
    for batch in batches:
        texts = goldens.TEXTS[:batch]
        found = list(model.embed_texts(texts))
        rows.append(_row("text", found, reference.texts(texts), reference.name))
    return rows


def demand(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the manifest's ``parity`` for rows that all pass.

    Raises:
        ParityError: one does not; the worst is named.
    """
    worst = min(rows, key=lambda row: (row.passes, row.least_cosine))
    if not worst.passes:
        raise ParityError(
            f"the {worst.tower} tower differs from {worst.against} at batch {worst.batch}: "
            f"greatest difference {worst.max_abs_diff:.2e} (limit {MAX_ABS_DIFF:.0e}), least "
            f"cosine {worst.least_cosine:.6f} (limit {LEAST_COSINE}). Nothing was written; report "
            "it with the versions of torch, open_clip_torch and onnxruntime."
        )
    names = dict.fromkeys(row.against for row in rows)
    return {"reference": "; ".join(names), "rows": [asdict(row) for row in rows]}


def _row(tower: str, found: Sequence[Any], expected: Vectors, against: str) -> Row:
    ours = np.stack(found).astype(np.float64)
    if ours.shape != expected.shape:
        raise ExportError(f"the {tower} tower gives {ours.shape}, {against} {expected.shape}.")
    difference = float(np.abs(ours - expected).max())
    return Row(tower, len(ours), difference, float(cosines(ours, expected).min()), against)


def cosines(ours: Vectors, theirs: Vectors) -> Vectors:
    """Return the cosine of each pair of rows, ``(n,)``."""
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    found: Vectors = (ours * theirs).sum(axis=1) / lengths
    return found


def _reference(
    name: str, model: Any, transform: Callable[[Any], Tensor], tokenizer: Any
) -> Reference:
    def pictures(items: Sequence[Picture]) -> Vectors:
        tensor = torch.stack([transform(to_pil_image(item)) for item in items])
        return _unit(model.encode_image, tensor)

    def texts(items: Sequence[str]) -> Vectors:
        return _unit(model.encode_text, tokenizer(list(items)))

    return Reference(name, pictures, texts)


@torch.no_grad()
def _unit(encode: Callable[[Tensor], Tensor], tensor: Tensor) -> Vectors:
    features = encode(tensor).double().numpy()
    unit: Vectors = features / np.linalg.norm(features, axis=1, keepdims=True)
    return unit
