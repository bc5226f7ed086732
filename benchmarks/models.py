"""Each CLIP model of ``edgeclip models --advise`` beside MobileCLIP-S2, tower by tower, one thread.

Two models stand open at a time and run in turn, so that a busy machine slows both alike and memory
stays below that of the largest two.  The weights are seeded: they cost the time of trained ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from edgeclip_export import export
from edgeclip_export.table import RECIPES

from benchmarks import measure
from benchmarks.material import MODELS, ROOT, s2
from edgeclip.errors import ModelError
from edgeclip.model import parts
from edgeclip.model.manifest import Manifest
from edgeclip.model.options import SessionOptions
from edgeclip.model.tuned import Setting

LEFT_OUT = ("mobileclip2_s4", "mobileclip2_l14")
"""More than 1.2 GB for the image tower alone: too much to export beside anything else."""
_ROUNDS = 9
_OPTIONS = SessionOptions(threads=1)
_STARTER_TOKENS = 16
"""The starter reads what there is; the others always read their 77 tokens."""


def rows() -> list[measure.Row]:
    """Measure and return the rows."""
    reference = Manifest.load(s2())
    names = ("starter", *RECIPES)
    return [
        row
        for name in names
        if name not in (*LEFT_OUT, reference.name)
        for row in _rows(Manifest.load(_folder(name)), reference)
    ]


def _folder(name: str) -> Path:
    """Return a model with seeded random weights, exported once; the starter as it is shipped."""
    if name == "starter":
        return ROOT / "models" / name
    folder = MODELS / name
    try:
        Manifest.load(folder)
    except ModelError:  # not made yet, or by an older version
        export(name, models=MODELS, untrained=True)
    return folder


def _rows(manifest: Manifest, reference: Manifest) -> Iterator[measure.Row]:
    for tower, opened in (("image", _image), ("text", _text)):
        seconds = measure.in_turn(
            {"ours": opened(manifest), "theirs": opened(reference)}, rounds=_ROUNDS
        )
        yield measure.time_row(
            f"{manifest.name}, {tower} tower, one thread: time against {reference.name}",
            seconds["ours"],
            seconds["theirs"],
            "",
        )


def _image(manifest: Manifest) -> Callable[[], object]:
    session = parts.open_image(manifest, Setting(manifest.image.default, _OPTIONS))
    size = manifest.image.size
    pixels = np.random.default_rng(0).normal(size=(1, 3, size, size)).astype(np.float32)
    return lambda: session.run(pixels, unit=True)


def _text(manifest: Manifest) -> Callable[[], object]:
    assert manifest.text
    _, session = parts.open_text(manifest, Setting(manifest.text.default, _OPTIONS))
    count = _STARTER_TOKENS if manifest.name == "starter" else manifest.text.context_length
    random: Any = np.random.default_rng(0).integers(1, 400, size=(1, count))
    tokens = random.astype(manifest.text.input_dtype)
    return lambda: session.run(tokens, unit=True)
