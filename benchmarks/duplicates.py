"""Near-duplicates: the share of copies that each threshold finds, with the starter model.

The pictures are those in scikit-image's wheel; each is copied as people and programs copy pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from benchmarks import measure
from edgeclip import Model
from edgeclip.index.duplicates import THRESHOLD, fitting
from edgeclip.model import images

_STARTER = Path(__file__).parent.parent / "models" / "starter"
_LEAST_SIDE = 100
_TWINS = ("motorcycle_right.png", "chessboard_RGB.png")  # they show what another picture shows
_QUALITIES, _SCALES, _TRIMS, _LIGHTS = (90, 60, 30), (0.5, 0.25), (0.02, 0.05), (1.1, 0.9)


def rows() -> list[measure.Row]:
    """Measure and return the rows."""
    model, pictures = Model.load(_STARTER), _pictures()
    originals = np.stack(list(model.embed_images(pictures)))
    copies = [
        list(model.embed_images(list(made))) @ original
        for made, original in zip(map(_copies, pictures), originals, strict=True)
    ]
    cosines = np.concatenate(copies)
    others = originals @ originals.T
    np.fill_diagonal(others, -1)
    chosen = fitting(originals, [None] * len(originals))
    return [
        measure.Row(
            f"copies found of {len(pictures)} different pictures, at a cosine of {threshold:g}"
            + (", the default here" if threshold == chosen else ""),
            float((cosines >= threshold).mean()),
            ">= 0.70" if threshold == chosen else "",
            f"{(others.max(axis=1) >= threshold).sum()} pictures taken for copies of others",
        )
        for threshold in sorted({chosen, THRESHOLD, 0.9, 0.98, 0.985, 0.99, 0.995})
    ]


def _pictures() -> list[Image.Image]:
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the benchmarks need scikit-image: pip install --no-deps scikit-image")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".jpg", ".png"))
    found = [images.read(path) for path in paths if path.name not in _TWINS]
    return [picture for picture in found if min(picture.size) >= _LEAST_SIDE]


def _copies(picture: Image.Image) -> Iterator[bytes]:
    width, height = picture.size
    for quality in _QUALITIES:
        yield _saved(picture, quality)
    for scale in _SCALES:
        yield _saved(picture.resize((round(width * scale), round(height * scale))))
    for trim in _TRIMS:
        x, y = round(width * trim / 2), round(height * trim / 2)
        yield _saved(picture.crop((x, y, width - x, height - y)))
    for light in _LIGHTS:
        yield _saved(ImageEnhance.Brightness(picture).enhance(light))


def _saved(picture: Image.Image, quality: int = 92) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
