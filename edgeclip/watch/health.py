"""Notice a camera that answers and yet sees nothing: black pictures, or one picture for ever.

OpenCV may go on giving the last picture, or an empty one, after the cable has been pulled.
"""

from __future__ import annotations

import zlib
from typing import Literal

import numpy as np

from edgeclip.watch.frame import Frame

Trouble = Literal["black", "frozen"]

RAREST_S = 300.0
"""A camera that stays black may be a camera at night: it is opened anew so often at the least."""
_BLACK = 20
"""Nothing is brighter than this; black is 16 in video."""
_FEWEST = 3


class Health:
    """Judge each frame of a camera."""

    def __init__(self, stale_s: float) -> None:
        """Wait so long before something is wrong."""
        self.trouble: Trouble | None = None
        """What is wrong with it."""
        self.since = 0.0
        """Time of the last frame in which nothing was."""
        self._stale_s = self._patience_s = stale_s
        self._noticed = 0.0
        self._count = 0
        self._print: int | None = None

    def look(self, frame: Frame) -> bool:
        """Judge a frame; return whether the camera should be opened anew."""
        trouble = self._judged(frame)
        if trouble is None:
            self.trouble, self._count, self._patience_s = None, 0, self._stale_s
            self.since = self._noticed = frame.time
            return False
        if self._print is None:
            self.since = self._noticed = frame.time
        self._count += 1
        if self._count < _FEWEST - 1 or frame.time - self._noticed < self._patience_s:
            return False
        self.trouble, self._noticed = trouble, frame.time
        self._patience_s = min(2 * self._patience_s, RAREST_S)
        return True

    def _judged(self, frame: Frame) -> Trouble | None:
        before, self._print = self._print, _print_of(frame)
        if _is_black(frame):
            return "black"
        return "frozen" if before == self._print else None


def _print_of(frame: Frame) -> int:
    """Return a checksum of every fourth row: the noise of a sensor changes each of them."""
    return zlib.crc32(np.ascontiguousarray(frame.picture[::4]).data)


def _is_black(frame: Frame) -> bool:
    sample = frame.picture[::16, ::16]
    dark = int(sample.max()) < _BLACK
    # Some drivers give empty buffers, which are green, and some monitors a blue picture.
    return dark or bool((sample == sample[0, 0]).all())
