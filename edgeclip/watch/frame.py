"""What a camera gives: frames, and word of its own state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Hold one picture of a source; every verb that takes a picture takes it."""

    time: float
    """Seconds on a steady clock: ``time.monotonic()`` when a camera or stream gave it, else the
    position in the video, the folder or the iterable."""
    picture: NDArray[np.uint8] = field(repr=False)  # it would flood a terminal
    """``(h, w, 3)`` RGB."""
    dropped: int = 0
    """Frames of the source that were passed over since the one before."""
    recorded: bool = False
    """Whether ``time`` is a position in a recording."""
    blind: bool = False
    """Whether the camera gives black pictures, or one for ever: this one shows nothing of now."""


@dataclass(frozen=True, slots=True)
class CameraState:
    """Say how a camera or stream is, from now on."""

    name: Literal["open", "lost", "frozen", "black"]
    reason: str
    """One clause without a full stop; empty where it is open."""
    time: float
    """``time.monotonic()``"""

    def __str__(self) -> str:
        return f"the camera is {self.name}" + (f": {self.reason}" if self.reason else "")
