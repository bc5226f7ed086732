"""Keep glibc from scattering a model's weights over the heap while a graph is opened.

glibc raises the size from which it asks the kernel for memory of its own (``M_MMAP_THRESHOLD``) up
to 32 MB whenever a large block is freed, and a decoded picture is one.  Weights then land on the
heap between blocks that come and go, and what is freed there is not handed back: a process with
the image tower of MobileCLIP-S2 held 300 MB instead of 245.  With the size fixed all the time it is
206, but every layer's output then costs a trip to the kernel: 4 % of the time of MobileCLIP-S2,
28 % of the starter's.  So it is low while a graph is opened, and as high as glibc itself would go
after.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Iterator

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_LOW, _HIGH, _TRIM = 128 << 10, 32 << 20, 64 << 20
# Whoever has set these knows better: a board of 512 MB is best off with the size always low.
_OWN = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES", "LD_PRELOAD")
_lock = threading.Lock()
_open = 0


@contextlib.contextmanager
def weights_apart() -> Iterator[None]:
    """Give large blocks memory of their own while the block runs; nothing without glibc."""
    mallopt = None if any(os.environ.get(name) for name in _OWN) else _mallopt()
    if mallopt is None:
        yield
        return
    _count(+1, mallopt)
    try:
        yield
    finally:
        _count(-1, mallopt)


def _count(change: int, mallopt: Callable[[int, int], object]) -> None:
    """Count the graphs that are being opened: another thread may still be at it."""
    global _open
    with _lock:
        _open += change
        mallopt(_M_MMAP_THRESHOLD, _LOW if _open else _HIGH)
        if not _open:
            mallopt(_M_TRIM_THRESHOLD, _TRIM)


def _mallopt() -> ctypes._NamedFuncPointer | None:
    try:
        return ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, another system
        return None
