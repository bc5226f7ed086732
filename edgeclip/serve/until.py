"""Until: how long there is to wait for something that has to have ended by a time."""

from __future__ import annotations

import time


def left(until: float | None) -> float | None:
    """Return the seconds until a time of `time.monotonic`, 0 or more; None: for ever."""
    return None if until is None else max(0.0, until - time.monotonic())
