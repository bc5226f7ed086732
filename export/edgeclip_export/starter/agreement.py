"""Measure how near the stored form stays to fp32, on pictures and texts that anyone has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeclip.errors import ExtraMissing, ParityError
from edgeclip.model import goldens
from edgeclip.model.manifest import FILENAME
from edgeclip.model.model import Model
from edgeclip_export import parity
from edgeclip_export.parity import Picture, Reference

LEAST_MEAN = 0.999
LEAST = 0.99
GOLDEN_COSINE = 0.99
"""Between fp32 in torch and the stored form on a board; other CPUs round int8 differently."""
PHOTOGRAPHS = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png",
    "grass.png", "gravel.png", "hubble_deep_field.jpg", "moon.png", "motorcycle_left.png",
    "motorcycle_right.png", "retina.jpg", "rocket.jpg",
)  # fmt: skip
"""Of scikit-image's wheel."""
_PICTURES_OVER = f"{len(PHOTOGRAPHS)} photographs of scikit-image and the golden pictures"
_TEXTS = 300


def pick_texts(texts: Sequence[str]) -> list[str]:
    """Take 300 texts of a list at even distances: words, prompts and definitions."""
    places = np.linspace(0, len(texts) - 1, _TEXTS).astype(int)
    return [texts[place] for place in places]


def photographs() -> list[Picture]:
    """Return scikit-image's photographs, each ``(h, w, 3)`` uint8 RGB.

    Raises:
        ExtraMissing: scikit-image is not installed.
    """
    # Found without being imported: nothing but its folder of pictures is wanted.
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise ExtraMissing("photographs are missing. Run: pip install --no-deps scikit-image")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    return [np.asarray(Image.open(folder / name).convert("RGB")) for name in PHOTOGRAPHS]


def measure(folder: Path, reference: Reference, texts: Sequence[str]) -> dict[str, Any]:
    """Compare a finished folder with fp32 and return what its manifest says of it.

    Args:
        folder: the model folder.
        reference: in fp32.
        texts: what `pick_texts` chooses from.

    Returns:
        ``image`` and ``text`` with their agreement filled in, ``parity`` and ``goldens``.

    Raises:
        ParityError: the stored form is too far from fp32.
    """
    model = Model.load(folder)
    pictures = [*photographs(), *goldens.golden_pictures()]
    chosen = [*pick_texts(texts), *goldens.TEXTS]
    seen = np.stack(list(model.embed_images(pictures))).astype(np.float64)
    read = np.stack([model.embed_text(one) for one in chosen]).astype(np.float64)
    image = parity.cosines(seen, reference.pictures(pictures))
    text = parity.cosines(read, reference.texts(chosen))
    rows = parity.compare(reference, model)
    return {
        "image": _stated(model.manifest.record["image"], image, _PICTURES_OVER),
        "text": _stated(model.manifest.record["text"], text, f"{len(chosen)} texts"),
        "parity": {"reference": reference.name, "rows": [asdict(row) for row in rows]},
        "goldens": parity.make_goldens(reference, least=GOLDEN_COSINE),
    }


def _stated(tower: dict[str, Any], found: NDArray[np.float64], over: str) -> dict[str, Any]:
    """Return a tower's record with the agreement of its one variant.

    Raises:
        ParityError: the agreement is not good enough; a NaN fails.
    """
    mean, least = float(found.mean()), float(found.min())
    if not (mean >= LEAST_MEAN and least >= LEAST):
        raise ParityError(
            f"the stored form agrees with fp32 by {mean:.5f} on average and {least:.5f} at worst "
            f"over {over}; {LEAST_MEAN} and {LEAST} are wanted. Nothing was written to {FILENAME}."
        )
    figures = {"mean": round(mean, 6), "least": round(least, 6), "over": over}
    name = tower["default"]
    variants = {name: {**tower["variants"][name], "agreement": figures}}
    return {**tower, "variants": variants}
