"""Say that something takes long while it does: TensorRT compiles for minutes without a word."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator

_log = logging.getLogger("edgeclip")
FIRST_S, NEXT_S = 5.0, 30.0


@contextlib.contextmanager
def told(what: str, *, first_s: float = FIRST_S, next_s: float = NEXT_S) -> Iterator[None]:
    """Log a warning of the logger ``edgeclip`` while the block runs, again and again.

    Args:
        what: a sentence without a full stop.
        first_s: seconds until the first word; a quick block says nothing.
        next_s: seconds between the others.
    """
    done = threading.Event()
    thread = threading.Thread(target=_tell, args=(what, done, first_s, next_s), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _tell(what: str, done: threading.Event, first_s: float, next_s: float) -> None:
    started, pause = time.monotonic(), first_s
    while not done.wait(pause):
        _log.warning("%s (%.0f s so far).", what, time.monotonic() - started)
        pause = next_s
