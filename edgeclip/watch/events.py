"""Events: what a rule has seen, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgeclip.vectors import Vector

State = Literal["started", "ended"]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom as shares of the frame's width and height."""


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """Something that a rule has seen; told when it starts, and again when it has ended."""

    id: str
    """Camera, rule and digits that never come twice: ``door-person-3f9c0a1b2c3d``."""
    camera: str
    rule: str
    state: State
    """``started``, then once more with the same id: ``ended``."""
    start: datetime
    """Local time, as the wall clock of now has it; so are the other times."""
    peak: datetime
    """When the score was best."""
    end: datetime | None
    duration_s: float
    """So far, on a clock that does not jump."""
    score: float
    """The best so far."""
    threshold: float
    box: Box | None
    """The best tile: left, top, right, bottom as shares of the frame."""
    clock_set: bool
    """False: the board did not know the time."""
    picture: NDArray[np.uint8] | None = field(repr=False)  # it would flood a terminal
    """The best frame so far, ``(h, w, 3)`` RGB; None in privacy mode."""
    vector: Vector | None = field(repr=False)
    """Of the best frame."""

    def record(self) -> dict[str, Any]:
        """Return what JSON can hold of it: all but the picture and the vector."""
        return {
            "id": self.id,
            "camera": self.camera,
            "rule": self.rule,
            "state": self.state,
            "start": _text(self.start),
            "peak": _text(self.peak),
            "end": None if self.end is None else _text(self.end),
            "duration_s": round(float(self.duration_s), 3),
            "score": round(float(self.score), 4),
            "threshold": round(float(self.threshold), 4),
            "box": None if self.box is None else [round(float(edge), 4) for edge in self.box],
            "clock_set": bool(self.clock_set),
        }


Sink = Callable[[Event], None]
"""Takes each event as it starts and as it ends.

A function; what holds resources has ``close()`` too.  It must not block: what goes over a network
is queued, and sent by a thread of its own.
"""


def _text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")
