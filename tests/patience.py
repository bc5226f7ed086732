"""Patience: how long tests wait for what must come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 120.0
"""Far more than anything takes that comes at all: a busy machine may stand still for seconds."""
PROMPT_S = 10.0
"""What comes at once comes within this; what it must not wait for would take far longer."""


def until(
    condition: Callable[[], T],
    told: Callable[[], object] = lambda: "it has not come",
    *,
    pause_s: float = 0.005,
) -> T:
    """Wait for what another thread or process does, and return what is found then."""
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < end, told()
        time.sleep(pause_s)
    return found
