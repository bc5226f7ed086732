"""The user's own pictures: half of them calibrate, the other half gate."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclip.errors import ImageRejected
from edgeclip.model.goldens import golden_pictures
from edgeclip.model.headers import SUFFIXES
from edgeclip.model.model import Model

FEWEST = 64
_MOST = 256
"""Pictures that are read: the search runs the gate's half a dozen times."""
_MOST_CALIBRATE = 64

Tensors = Sequence[NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Halves:
    """Prepared pictures, ``(1, 3, size, size)`` each; none is in both."""

    calibrate: Tensors
    gate: Tensors
    over: str
    """What the gate's half is, for people."""


class TooFew(Exception):
    """Say in one sentence why there is no calibration."""


def halves(model: Model, folder: Path | None) -> Halves:
    """Read the pictures below a folder.

    Which half a picture falls into hangs on its bytes alone; copies count once.

    Args:
        model: prepares them.
        folder: None for none.

    Raises:
        TooFew: fewer than `FEWEST` different ones can be read.
    """
    if folder is None:
        raise TooFew(
            f"int8 pictures are calibrated on at least {FEWEST} of your own. "
            "Give their folder with --calibration."
        )
    found = dict(_prepared(model, _some(folder)))
    if len(found) < FEWEST:
        raise TooFew(
            f"{folder} has {len(found)} different readable pictures, and {FEWEST} are needed. "
            "Add some, or give another folder with --calibration."
        )
    tensors = [found[digest] for digest in sorted(found)]
    middle = len(tensors) // 2
    over = f"{len(tensors) - middle} pictures of {folder.name}, others than it was calibrated on"
    return Halves(tensors[:middle][:_MOST_CALIBRATE], tensors[middle:], over)


def goldens(model: Model) -> Tensors:
    """Return the golden pictures, prepared: what there is without a folder."""
    return [model.image_tensor(picture)[None] for picture in golden_pictures()]


def _some(folder: Path) -> list[Path]:
    """Return pictures at even distances, in the order of their names."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    places = np.unique(np.linspace(0, len(paths) - 1, min(_MOST, len(paths))).astype(int))
    return [paths[place] for place in places]


def _prepared(model: Model, paths: Sequence[Path]) -> Iterator[tuple[str, NDArray[Any]]]:
    for path in paths:
        try:
            data = path.read_bytes()
            yield hashlib.sha256(data).hexdigest(), model.image_tensor(data)[None]
        except (ImageRejected, OSError):  # what cannot be read calibrates nothing
            continue
