"""What the options of the preprocessing change: cosines to the reference, with real weights."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from benchmarks import measure
from benchmarks.material import photographs
from edgeclip import Model


def rows() -> list[measure.Row]:
    """Measure on the starter, whose weights are real, and return the rows."""
    pictures = [_large_jpeg(photo) for photo in photographs()]
    reference = np.stack(list(Model.load("starter").embed_images(pictures)))
    found = []
    for what, model in {
        "fit='pad'": Model.load("starter", fit="pad"),
        "draft=True": Model.load("starter", draft=True),
    }.items():
        cosines = np.sum(np.stack(list(model.embed_images(pictures))) * reference, axis=1)
        found.append(
            measure.Row(
                f"{what}: mean cosine to the reference, starter",
                float(cosines.mean()),
                "",
                f"least {cosines.min():.4f}, over {len(cosines)} photographs as 12 MP JPEGs",
                digits=4,
            )
        )
    return found


def _large_jpeg(photo: Image.Image) -> bytes:
    """Enlarge a photograph to about 12 MP, so that a draft has something to leave out."""
    scale = (12_000_000 / (photo.width * photo.height)) ** 0.5
    size = (round(photo.width * scale), round(photo.height * scale))
    buffer = BytesIO()
    photo.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
