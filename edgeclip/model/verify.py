"""Verify a model on this board: hash its files, then replay its goldens in a child process.

A runtime that crashes while it loads a graph (it happens: microsoft/onnxruntime#32186) would take
the asking process with it; in a child its death is a verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeclip.errors import ModelError
from edgeclip.model import child, onnx_file, places
from edgeclip.model.goldens import (
    PICTURES,
    TEXTS,
    decode_vector,
    encode_vector,
    golden_picture,
    golden_pictures,
)
from edgeclip.model.manifest import Manifest
from edgeclip.model.towers import ImageTower, TextTower

if TYPE_CHECKING:
    from edgeclip.model.model import Model
    from edgeclip.vectors import Vector

LEAST_COSINE = 0.999
"""What a golden must reach unless the manifest says otherwise."""
_BOARDS_DIFFER = 0.005
"""Kernels of another CPU round int8 otherwise; those that overflow are off by far more."""
_CHILD = "edgeclip.model.verify"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found."""

    model: str
    ok: bool
    verdict: str
    """``ok``, ``damaged``, ``drifted``, ``crashed``, ``timed out`` or ``failed``."""
    reason: str
    """One sentence; empty when all is well."""
    files: dict[str, str] = field(default_factory=dict)
    """File name → ``ok`` or what is wrong with it; not those that were left out on purpose."""
    goldens: dict[str, float] = field(default_factory=dict)
    """Least cosine between this board's vectors and the expected ones: ``image`` and ``text`` with
    the default variants, and such as ``text int8`` with each other that any provider runs."""
    computed_by: str = ""
    """What the expected vectors come from."""


def verify(
    folder: Path | str,
    *,
    timeout_s: float = 600.0,
    environment: Mapping[str, str] | None = None,
) -> Verdict:
    """Check a model folder on this board.

    Args:
        folder: a model folder.
        timeout_s: how long the replay may take.
        environment: variables that the child gets beside this process's own.

    Raises:
        ModelError: the folder has no readable manifest.
    """
    manifest = Manifest.read(folder)
    spared = manifest.spared
    files = {n: _file_state(manifest, n) for n in manifest.files if n not in spared}
    bad = next((state for state in files.values() if state != "ok"), None)
    if bad is not None:
        return Verdict(manifest.name, False, "damaged", bad, files)
    expected = manifest.record.get("goldens") or {}
    if not expected.get("pictures") or not (manifest.text is None or expected.get("texts")):
        reason = "the manifest holds no goldens to replay. Export or import the model again."
        return Verdict(manifest.name, False, "failed", reason, files)
    kind, reason, cosines = _replayed(manifest.folder, timeout_s, environment)
    low = [_low(manifest, *found) for found in cosines.items() if not _reached(manifest, *found)]
    if kind == "ok" and low:
        kind = "drifted"
        reason = (
            f"the vectors of this board are off the expected ones (least cosine {', '.join(low)}). "
            "Try another version of onnxruntime, or another provider."
        )
    by = str(expected.get("computed_by", "?"))
    return Verdict(manifest.name, kind == "ok", kind, reason, files, cosines, by)


def _reached(manifest: Manifest, form: str, cosine: float) -> bool:
    tower, _, variant = form.partition(" ")
    return cosine >= needed(manifest, tower, variant or None)


def _low(manifest: Manifest, form: str, cosine: float) -> str:
    tower, _, variant = form.partition(" ")
    return f"{form} {cosine:.5f}, needed {needed(manifest, tower, variant or None):g}"


def needed(manifest: Manifest, tower: str, variant: str | None = None) -> float:
    """Return the least cosine to the goldens that a board must reach with a variant.

    A variant that is not the default one must come as near here as it did where it was made.
    """
    least = float((manifest.record.get("goldens") or {}).get("least_cosine", LEAST_COSINE))
    entry = manifest.tower(tower)
    if entry is None or variant in (None, entry.default):
        return least
    agreement = manifest.variant(entry, variant).agreement
    if agreement is None:
        return least
    reached = agreement.least if agreement.goldens is None else agreement.goldens
    return min(least, reached) - _BOARDS_DIFFER


def compute_goldens(model: Model, *, by: str) -> dict[str, Any]:
    """Compute the goldens section of a manifest with a model of this project.

    Args:
        model: a model whose folder may still be without goldens.
        by: what computes them, for people.
    """
    pictures = [model.embed_image(picture) for picture in golden_pictures()]
    texts = [] if model.manifest.text is None else list(model.embed_texts(TEXTS))
    return record_goldens(pictures, texts, by=by)


def record_goldens(
    pictures: Sequence[Vector], texts: Sequence[Vector], *, by: str, least: float = LEAST_COSINE
) -> dict[str, Any]:
    """Write the goldens section of a manifest.

    Args:
        pictures: a unit vector for each of `PICTURES`.
        texts: a unit vector for each of `TEXTS`, or nothing without a text tower.
        by: what computed them, for people.
        least: the cosine that a board must reach.
    """
    return {
        "computed_by": by,
        "least_cosine": least,
        "pictures": [
            {**asdict(formula), "vector": encode_vector(vector)}
            for formula, vector in zip(PICTURES, pictures, strict=True)
        ],
        "texts": [
            {"text": text, "vector": encode_vector(vector)}
            for text, vector in zip(TEXTS[: len(texts)], texts, strict=True)
        ],
    }


def replay(model: Model, *, towers: Sequence[str] = ("image", "text")) -> dict[str, float]:
    """Embed the goldens here and now.

    Args:
        model: a model with goldens.
        towers: those that are asked; without the text tower, or its files, there is no ``text``.

    Returns:
        Tower → least cosine to the expected vectors.
    """
    manifest, found = model.manifest, {}
    goldens = manifest.record["goldens"]
    if "image" in towers:
        found["image"] = list(_picture_cosines(model, goldens["pictures"]))
    if "text" in towers and manifest.text is not None and not manifest.spared:
        vectors = model.embed_texts([entry["text"] for entry in goldens["texts"]])
        pairs = zip(vectors, goldens["texts"], strict=True)
        found["text"] = [_cosine(vector, entry["vector"]) for vector, entry in pairs]
    # numpy's least is NaN when one of them is; Python's depends on the order.
    return {tower: float(np.min(cosines)) for tower, cosines in found.items() if cosines}


def _picture_cosines(model: Model, entries: Sequence[dict[str, Any]]) -> Iterator[float]:
    for entry in entries:
        picture = golden_picture(**{k: v for k, v in entry.items() if k != "vector"})
        yield _cosine(model.embed_image(picture), entry["vector"])


def _cosine(vector: Vector, expected: str) -> float:
    return float(np.dot(vector.astype(np.float64), decode_vector(expected).astype(np.float64)))


def _file_state(manifest: Manifest, name: str) -> str:
    try:
        manifest.check_file(name)
        path = manifest.verified(name)
        if path.suffix == ".onnx":
            onnx_file.refuse_external_data(path)  # such files would have no hash here
    except ModelError as error:
        return str(error)
    return "ok"


def _replayed(
    folder: Path, timeout_s: float, environment: Mapping[str, str] | None
) -> tuple[str, str, dict[str, float]]:
    """Run `replay` in a child; return verdict, reason and cosines."""
    try:
        # What is verified is the model as it was made, not what `edgeclip tune` chose of it.
        own = {"EDGECLIP_CONFIG": places.OFF, **(environment or {})}
        found = child.ask(_CHILD, str(folder), timeout_s=timeout_s, environment=own)
        return "ok", "", dict(found)
    except child.ChildFailed as error:
        return error.verdict, _explained(error, timeout_s), {}


def _explained(error: child.ChildFailed, timeout_s: float) -> str:
    if error.verdict == "timed out":
        return f"the goldens took longer than {timeout_s:g} s."
    if error.verdict == "crashed":
        return (
            f"{error.reason}. Try another version of onnxruntime, or another variant of the model."
        )
    return error.reason if error.told else f"the goldens could not be replayed ({error.reason})."


def _replay_here(folder: str) -> dict[str, float]:
    from edgeclip.model.model import Model

    found = replay(Model.load(folder))
    manifest = Manifest.read(folder)
    for name, tower in (("image", manifest.image), ("text", manifest.text)):
        for variant in _others(tower):
            one = Model.load(folder, **{f"{name}_variant": variant})  # type: ignore[arg-type]
            found |= {
                f"{name} {variant}": cosine for cosine in replay(one, towers=(name,)).values()
            }
    return found


def _others(tower: ImageTower | TextTower | None) -> list[str]:
    """Return the variants that are not the default one and run on any board."""
    variants = {} if tower is None else {**tower.variants}
    return [n for n, v in variants.items() if tower and n != tower.default and not v.providers]


if __name__ == "__main__":
    child.reply(_replay_here)
