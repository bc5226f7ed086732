"""Events as a watcher tells them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np

from edgeclip.watch.events import Event
from tests.index.some import SPACE, vector_of
from tests.patience import until

ZONE = timezone(timedelta(hours=2))
NOON = datetime(2026, 5, 1, 12, tzinfo=ZONE)
DIM = 32
__all__ = ["DIM", "NOON", "SPACE", "ZONE", "event", "left_open", "picture_of", "vector_of"]


def picture_of(number: int, size: tuple[int, int] = (24, 32)) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (*size, 3), dtype=np.uint8)


def event(number: int = 1, state: str = "ended", **changes: Any) -> Event:
    rule = changes.get("rule", "person")
    start = changes.pop("start", NOON + timedelta(minutes=number))
    given: dict[str, Any] = {
        "id": f"door-{rule}-{number:06}",
        "camera": "door",
        "rule": rule,
        "state": state,
        "start": start,
        "peak": start + timedelta(seconds=2),
        "end": start + timedelta(seconds=5) if state == "ended" else None,
        "duration_s": 5.0 if state == "ended" else 0.5,
        "score": 0.8,
        "threshold": 0.5,
        "box": (0.0, 0.25, 0.5, 1.0),
        "clock_set": True,
        "picture": picture_of(number),
        "vector": vector_of(number, DIM),
    }
    return Event(**given | changes)


def left_open(use: Callable[[], object], times: int = 10) -> None:
    """Check that something used many times leaves no files and no threads behind."""

    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir())) + threading.active_count()

    use()
    before = count()
    for _ in range(times):
        use()
    until(lambda: count() <= before)  # the other side of a connection ends a moment later
