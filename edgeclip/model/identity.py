"""Hashes that tell things apart: the space of vectors, and the manifest itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from edgeclip.model.towers import Fit

SHARING: Mapping[str, float] = {"mean": 0.999, "least": 0.99}
"""Cosines to the reference from which a variant's vectors may stand beside the reference's."""


def space_id(
    record: Mapping[str, Any],
    *,
    fit: Fit = "crop",
    draft: bool = False,
    chosen: Mapping[str, str | None] | None = None,
) -> str:
    """Hash what makes two vectors comparable: weights, preprocessing, dim and text cleaning.

    A variant that is not near enough to the reference (`sharing`) counts as other weights.

    Args:
        record: a manifest as in ``model.json``.
        fit: ``crop`` or ``pad``.
        draft: whether large JPEGs are decoded at a reduced scale.
        chosen: the variants of ``image`` and ``text``; None: the default ones.

    Returns:
        SHA-256 in hex, 64 characters.
    """
    image, text = record["image"], record["text"]
    preprocessing = {key: image[key] for key in ("size", "resize", "filter", "crop", "mean", "std")}
    cleaning = (
        None
        if text is None
        else {key: text[key] for key in ("cleaning", "context_length", "padding", "pad_id")}
    )
    identity = {
        "weights": record["source"]["weights_sha256"],
        "preprocessing": {**preprocessing, "fit": fit, "draft": draft},
        "dim": record["dim"],
        "text": cleaning,
    }
    apart = dict(_apart(record, chosen or {}))
    # Only where there is something to say: the ids of the others stay what they always were.
    return canonical_sha256({**identity, "variants": apart} if apart else identity)


def shares(variant: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Tell whether a variant's vectors may stand beside those of the reference.

    One for certain providers never does: where it was made its arithmetic could not be measured.

    Args:
        variant: its entry; without an agreement it is the reference itself.
        record: the manifest, which states the rule.
    """
    agreement, rule = variant.get("agreement"), sharing(record)
    if agreement is None:
        return True
    near = all(agreement[key] >= rule[key] for key in ("mean", "least"))
    return near and not variant.get("providers")


def sharing(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the rule that a manifest states, or that of this version where it states none."""
    stated = record.get("sharing", SHARING)
    return {key: float(stated[key]) for key in ("mean", "least")}


def _apart(
    record: Mapping[str, Any], chosen: Mapping[str, str | None]
) -> Iterator[tuple[str, str]]:
    """Yield the towers whose variant has a space of its own, and the SHA-256 of its file."""
    for tower in ("image", "text"):
        entry = record[tower]
        if entry is None:
            continue
        variant = entry["variants"][chosen.get(tower) or entry["default"]]
        if not shares(variant, record):
            yield tower, record["files"][variant["file"]]["sha256"]


def seal(record: Mapping[str, Any]) -> str:
    """Hash the manifest itself, all but this hash: the goldens and the licence may rot, too.

    Returns:
        SHA-256 in hex of the canonical JSON, for the manifest's ``sha256``.
    """
    return canonical_sha256({key: value for key, value in record.items() if key != "sha256"})


def canonical_sha256(value: Any) -> str:
    """Hash a value by its canonical JSON: sorted keys, no white space, ASCII."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
