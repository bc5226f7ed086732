"""What quantising costs: agreement with fp32, and accuracy before and after.

``EDGECLIP_CLOTHING`` may name a folder of photographs whose folders are their labels, such as
https://github.com/alexeygrigorev/clothing-dataset-small (CC0).  Half of them are given to
``edgeclip quantize``, which calibrates on half of those; the accuracy is told on the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measure
from benchmarks.material import clothing, quantised_s2, quantised_starter
from edgeclip.model.manifest import Manifest
from edgeclip.model.model import Model

_TARGETS = {
    "text": {"mean": ">= 0.999", "least": ">= 0.995"},
    "image": {"mean": ">= 0.99", "least": ">= 0.98", "neighbours": ">= 0.95"},
}
_SAID = {
    "mean": "mean cosine to the reference",
    "least": "least cosine to the reference",
    "neighbours": "nearest neighbours unchanged",
}


def rows() -> list[measure.Row]:
    """Measure and return the rows."""
    models = {"MobileCLIP-S2": quantised_s2(), "starter": quantised_starter()}
    found = [
        row
        for title, folder in models.items()
        for tower in ("text", "image")
        for row in _agreement(title, Manifest.load(folder), tower)
    ]
    return found + list(_accuracy(quantised_starter(), clothing()[1::2]))


def _agreement(title: str, manifest: Manifest, tower: str) -> Iterator[measure.Row]:
    """Yield the figures of a tower's int8, kept or refused; none where it is the only form."""
    record: dict[str, Any] = manifest.record[tower]
    kept, refused = record["variants"].get("int8"), record.get("refused", {}).get("int8")
    entry = kept or refused
    if entry is None or record["default"] == "int8" or not entry["agreement"]:
        return
    detail = entry["agreement"]["over"]
    if "fp32_layers" in entry:
        detail += f"; {entry['fp32_layers']} layers in fp32"
    if refused:
        detail += f"; refused: {refused['reason']}"
    for key, target in _TARGETS[tower].items():
        what = f"{title}, {tower} tower, int8: {_SAID[key]}"
        yield measure.Row(
            what, entry["agreement"][key], "" if refused else target, detail, digits=4
        )


def _accuracy(folder: Path, pictures: list[Path]) -> Iterator[measure.Row]:
    """Yield accuracies on pictures that nothing was calibrated on, before and after."""
    if not pictures or "int8" not in Manifest.load(folder).image.variants:
        return
    before = _scores(Model.load(folder), pictures)
    after = _scores(Model.load(folder, image_variant="int8"), pictures)
    for key in before:
        yield measure.Row(
            f"starter, image tower, int8: {key}, less that of the default",
            after[key] - before[key],
            "",
            f"{after[key]:.3f} against {before[key]:.3f}, {len(pictures)} photographs of clothing",
            digits=3,
        )


def _scores(model: Model, pictures: list[Path]) -> dict[str, float]:
    given = np.array([path.parent.name for path in pictures])
    labels = sorted(set(given))
    vectors = np.stack(list(model.embed_images(pictures)))
    texts = np.stack(list(model.embed_texts(f"a photo of a {label}." for label in labels)))
    best = np.array(labels)[np.argmax(vectors @ texts.T, axis=1)]
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, -np.inf)
    nearest = given[np.argmax(alike, axis=1)]
    return {
        "share of pictures whose best label is right": float(np.mean(best == given)),
        "share whose nearest other has the same label (recall@1)": float(np.mean(nearest == given)),
    }
