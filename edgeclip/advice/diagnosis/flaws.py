"""Flaws: what is wrong with the picture itself, measured on its pixels.

The thresholds stand apart from what ordinary photographs measure: 372 of clothing, and 14 of
scikit-image.  The figures beside them are the extremes of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeclip.advice.diagnosis.framing import Box, Pixels
from edgeclip.model.towers import ImageTower

DARK = 80.0
"""The 99th percentile of the brightness; ordinary photographs have 140 and more."""
BRIGHT = 0.5
"""Share of white pixels; ordinary photographs have 0.31 at most."""
BRIGHT_DARKS = 100.0
"""On a page, or before a white wall, the 5th percentile of what is not white is darker."""
CONTRAST = 24.0
"""Range of the middle 98 % of a colour channel; ordinary photographs have 76 and more."""
DARK_CONTRAST = 8.0
"""The same in the dark, where noise is cut off at black: that of 2 levels spans 4 there and 9 in
mid-grey.  Photographs at a tenth of their brightness have 9 and more."""
SHARPNESS = 60.0
"""Variance of the Laplacian; ordinary photographs have 86 and more; three that were
blurred by 1.5 pixels of the model's size have 21 to 47."""
BORDER = 0.25
"""Share of uniform bars."""
ASPECT = 2.5
"""Longer to shorter side: from here on the centre crop shows two fifths or less."""

_WHITE = 250
_TOLERANCE = 12  # JPEG leaves a bar nearly uniform
_MOST_SAMPLES = 512
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that is wrong with the picture."""

    kind: str
    """``tiny``, ``blank``, ``dark``, ``overexposed``, ``blurred``, ``border`` or ``aspect``."""
    value: float
    """What was measured."""
    threshold: float
    """What it was compared with."""
    message: str
    """For people."""
    box: Box | None = None
    """What is left without the border."""


def remarks(pixels: Pixels, tower: ImageTower) -> tuple[Remark, ...]:
    """Return all that is wrong with a picture.

    Args:
        pixels: ``(h, w, 3)`` uint8.
        tower: how the model prepares pictures.
    """
    return tuple(_remarks(pixels, tower))


def tiny(pixels: Pixels, size: int) -> Remark | None:
    """Remark on a picture whose shorter side is below what the model takes."""
    height, width = pixels.shape[:2]
    short = min(height, width)
    if short >= size:
        return None
    message = f"tiny: {width} × {height} pixels are blown up to {size}, which adds no detail"
    return Remark("tiny", float(short), float(size), message)


def blank(pixels: Pixels) -> Remark | None:
    """Remark on a picture with almost no contrast."""
    value = _contrast(pixels)
    threshold = CONTRAST if dark(pixels) is None else DARK_CONTRAST
    if value >= threshold:
        return None
    message = f"almost blank: its colours span {value:.0f} of 255 levels"
    return Remark("blank", value, threshold, message)


def dark(pixels: Pixels) -> Remark | None:
    """Remark on a picture in which hardly anything is bright."""
    value = float(np.percentile(_grey(_samples(pixels)), 99))
    if value >= DARK:
        return None
    message = f"dark: 99% of it is no brighter than {value:.0f} of 255"
    return Remark("dark", value, DARK, message)


def overexposed(pixels: Pixels) -> Remark | None:
    """Remark on a picture that is mostly white and nowhere dark."""
    samples = _samples(pixels)
    white = samples.min(axis=2) >= _WHITE
    value, rest = float(white.mean()), _grey(samples)[~white]
    if value < BRIGHT or (rest.size and np.percentile(rest, 5) < BRIGHT_DARKS):
        return None
    message = f"overexposed: {value:.0%} of it is white, and nothing is dark"
    return Remark("overexposed", value, BRIGHT, message)


def blurred(pixels: Pixels, tower: ImageTower) -> Remark | None:
    """Remark on a picture without sharp edges at the model's size.

    Measured with the variance of the Laplacian of the brightness (Pech-Pacheco et al. 2000).
    """
    from edgeclip.model import images

    grey = _grey(np.asarray(images.squared(images.read(pixels), tower)))
    # Stretched to all of the range: a dark picture is not to count as a blurred one.
    low, high = np.percentile(grey, (1, 99))
    stretched = grey * np.float32(255 / max(high - low, 1))
    value = float(laplacian(stretched).var())
    if value >= SHARPNESS:
        return None
    message = (
        f"blurred: the variance of its Laplacian at {tower.size} pixels is {value:.0f}, "
        f"that of sharp photographs above {SHARPNESS:.0f}"
    )
    return Remark("blurred", value, SHARPNESS, message)


def border(pixels: Pixels) -> Remark | None:
    """Remark on uniform bars along the edges."""
    x, y, width, height = inner(pixels)
    value = 1 - width * height / (pixels.shape[0] * pixels.shape[1])
    if value < BORDER:
        return None
    message = (
        f"border: {value:.0%} of it are uniform bars; "
        f"what is between them is {width} × {height} at {x}, {y}"
    )
    return Remark("border", value, BORDER, message, (x, y, width, height))


def aspect(pixels: Pixels) -> Remark | None:
    """Remark on a picture that is much longer than wide."""
    height, width = pixels.shape[:2]
    value = max(height, width) / min(height, width)
    if value < ASPECT:
        return None
    message = f"long: {width} × {height} is {value:.1f} to 1"
    return Remark("aspect", value, ASPECT, message)


def laplacian(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the four-neighbour Laplacian of ``(h, w)``, without the outermost pixels."""
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    found: NDArray[np.float32] = around - 4 * grey[1:-1, 1:-1]
    return found


def inner(pixels: Pixels) -> Box:
    """Return what is left of a picture without uniform bars; all of it when it is uniform."""
    height, width = pixels.shape[:2]
    top, bottom = _bars(pixels)
    if top + bottom >= height:
        return 0, 0, width, height
    left, right = _bars(pixels[top : height - bottom].swapaxes(0, 1))
    if left + right >= width:  # stripes: each side is uniform, and nothing is between them
        return 0, 0, width, height
    return left, top, width - left - right, height - top - bottom


def _remarks(pixels: Pixels, tower: ImageTower) -> Iterator[Remark]:
    small, uniform = tiny(pixels, tower.size), blank(pixels)
    checks: list[Callable[[], Remark | None]] = []
    if uniform is None:
        checks = [lambda: dark(pixels), lambda: overexposed(pixels)]
        # Below, all of a dark picture is as nearly uniform as a bar.
        checks += [lambda: border(pixels)] if _contrast(pixels) >= CONTRAST else []
        # What was blown up is never sharp: one remark is enough.
        checks += [] if small else [lambda: blurred(pixels, tower)]
    for remark in (small, uniform, *(check() for check in checks), aspect(pixels)):
        if remark is not None:
            yield remark


def _contrast(pixels: Pixels) -> float:
    """Return the widest range of the middle 98 % of a colour channel."""
    low, high = np.percentile(_samples(pixels).reshape(-1, 3), (1, 99), axis=0)
    return float((high - low).max())


def _bars(pixels: Pixels) -> tuple[int, int]:
    """Count the uniform rows at the top and at the bottom."""
    step = -(-pixels.shape[1] // _MOST_SAMPLES)
    rows = pixels[:, ::step].astype(np.int16)
    counts = []
    for side in (rows, rows[::-1]):
        alike = np.abs(side - side[0, 0]).max(axis=(1, 2)) <= _TOLERANCE
        counts.append(len(alike) if alike.all() else int(np.argmin(alike)))
    return counts[0], counts[1]


def _samples(pixels: Pixels) -> Pixels:
    """Return every n-th pixel: statistics of 50 million need not be exact."""
    steps = [-(-side // _MOST_SAMPLES) for side in pixels.shape[:2]]
    return pixels[:: steps[0], :: steps[1]]


def _grey(pixels: Pixels) -> NDArray[np.float32]:
    grey: NDArray[np.float32] = pixels.astype(np.float32) @ _LUMA
    return grey
