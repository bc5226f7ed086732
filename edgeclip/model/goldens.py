"""Goldens: pictures made by a formula and texts, with the vectors that they must give.

They travel in ``model.json`` and are replayed on every board (``edgeclip verify``), so that a
broken runtime, a rotted file or another resize filter shows as a cosine instead of as quietly bad
search results.  The pictures use integer arithmetic alone: the same bytes on every CPU, with no
file to ship and no decoder in between.  Their sizes are wide, tall, small and square, because the
resize and the crop are part of what is checked.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeclip.errors import ModelError
from edgeclip.vectors import Vector


@dataclass(frozen=True, slots=True)
class PictureFormula:
    """Name a picture by the numbers that make it."""

    formula: str
    """``waves``, ``checks``, ``rings``, ``noise`` or ``bars``."""
    width: int
    """Pixels across."""
    height: int
    """Pixels down."""
    seed: int
    """Varies the picture; 1 to 1000."""


PICTURES: tuple[PictureFormula, ...] = (
    PictureFormula("waves", 256, 256, 1),
    PictureFormula("waves", 640, 480, 7),
    PictureFormula("checks", 480, 640, 3),
    PictureFormula("checks", 97, 61, 11),
    PictureFormula("rings", 320, 240, 5),
    PictureFormula("rings", 1000, 200, 2),
    PictureFormula("noise", 256, 300, 13),
    PictureFormula("noise", 31, 47, 17),
    PictureFormula("bars", 300, 900, 4),
    PictureFormula("bars", 512, 512, 9),
)

TEXTS: tuple[str, ...] = (
    "a photo of a cat",
    "Two children flying a kite on a windy beach",
    "DON’T PARK HERE — 24h exit",
    "caf&eacute; &amp; croissant, €3.50",
    "ﬁsh and chips",
    "日本の山 🗻",
    "x",
    "a very long caption " + "with many many words about a red bicycle leaning on a wall " * 3,
)


def golden_picture(formula: str, width: int, height: int, seed: int) -> NDArray[np.uint8]:
    """Make a picture from its formula, the same bytes on every machine.

    Args:
        formula: ``waves``, ``checks``, ``rings``, ``noise`` or ``bars``.
        width: pixels across, 1 to 4096.
        height: pixels down, 1 to 4096.
        seed: varies the picture.

    Returns:
        ``(height, width, 3)`` uint8 RGB.

    Raises:
        ModelError: the formula is unknown or the size is out of range.
    """
    if formula not in _FORMULAS or not (1 <= width <= 4096 and 1 <= height <= 4096):
        raise ModelError(
            f"the golden picture {formula!r} of {width}x{height} is unknown to this version. "
            "Update edgeclip, or export the model again."
        )
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    channels = [_FORMULAS[formula](x, y, seed + 37 * channel) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def golden_pictures() -> list[NDArray[np.uint8]]:
    """Make all of `PICTURES`, in order."""
    return [golden_picture(p.formula, p.width, p.height, p.seed) for p in PICTURES]


_Grid = NDArray[np.int64]


def _triangle(phase: _Grid) -> _Grid:
    """Fold a phase into the range 0 to 255, up and down."""
    folded = phase % 512
    return np.where(folded < 256, folded, 511 - folded)


def _waves(x: _Grid, y: _Grid, seed: int) -> _Grid:
    across = _triangle(x * (2 + seed % 5) + seed * 29)
    return (across + _triangle(y * (1 + seed % 3) + (x * y * seed) // 256)) // 2


def _checks(x: _Grid, y: _Grid, seed: int) -> _Grid:
    side = 8 + seed % 23
    odd = (x // side + y // (side + 3)) % 2
    return odd * (120 + seed % 100) + (x * 3 + y * 2) % 64


def _rings(x: _Grid, y: _Grid, seed: int) -> _Grid:
    squared = (x - 40 - seed) ** 2 + (y - 60 - 2 * seed) ** 2
    return _triangle(squared // (16 + seed % 9))


def _noise(x: _Grid, y: _Grid, seed: int) -> _Grid:
    # An integer hash of the block's position: coarse blocks survive the resize.
    mixed = ((x // 6) * 73856093) ^ ((y // 6) * 19349663) ^ (seed * 83492791)
    mixed = (mixed ^ (mixed >> 13)) * 1274126177
    return (mixed ^ (mixed >> 16)) & 255


def _bars(x: _Grid, y: _Grid, seed: int) -> _Grid:
    return (((x + 2 * y) // (5 + seed % 17)) * 53 + seed * 11) % 256


_FORMULAS = {
    "waves": _waves,
    "checks": _checks,
    "rings": _rings,
    "noise": _noise,
    "bars": _bars,
}


def encode_vector(vector: Vector) -> str:
    """Write a vector as base64 of little-endian float32, exact and short."""
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode("ascii")


def decode_vector(text: str) -> Vector:
    """Read a vector that ``encode_vector`` wrote.

    Returns:
        ``(dim,)`` float32.

    Raises:
        ModelError: the text is not base64 of whole float32 numbers.
    """
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4").astype(np.float32)
    except (ValueError, binascii.Error) as error:
        raise ModelError(
            f"a golden vector cannot be read ({error}). Export the model again."
        ) from error
