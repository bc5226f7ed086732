"""Deep greys → 8 bits: 12-, 16- and 32-bit and float pictures, scaled where Pillow would clip."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Converted in strips: a whole 50 MP picture in float64 would need more than 1 GB.
_STRIP_ROWS = 64


def to_8_bits(values: NDArray[Any], top: float | None = None) -> NDArray[np.uint8]:
    """Scale greys to 0–255.

    Args:
        values: ``(h, w)`` finite integers or floats.
        top: what white is, where the format says so (black is 0 then).  Without it the values tell:
            within [0, 1] (floats), [0, 255] or [0, 65535] they are taken to fill that range, else
            they are stretched from least to greatest.

    Returns:
        ``(h, w)`` uint8, rounded half to even.
    """
    least, greatest = (0.0, top) if top is not None else _range(values)
    factor = 255.0 / (greatest - least) if greatest > least else 0.0
    scaled = np.empty(values.shape, dtype=np.uint8)
    for row in range(0, len(values), _STRIP_ROWS):
        strip = (values[row : row + _STRIP_ROWS].astype(np.float64) - least) * factor
        scaled[row : row + _STRIP_ROWS] = np.clip(np.rint(strip), 0, 255)
    return scaled


def _range(values: NDArray[Any]) -> tuple[float, float]:
    least, greatest = float(values.min()), float(values.max())
    if least < 0:
        return least, greatest
    tops = ([1.0] if values.dtype.kind == "f" else []) + [255.0, 65535.0]
    return 0.0, next((top for top in tops if greatest <= top), greatest)
