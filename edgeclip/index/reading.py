"""Reading: an ordinary file → its bytes, their hash and a stamp, or why it cannot be had."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from edgeclip.index.scan import UNSETTLED, is_settled, stamp_of

MAX_BYTES = 256 << 20
"""Larger files are no photographs, and would fill a board's memory."""
_AHEAD_BYTES = 64 << 20
_HASH_BYTES = 32


@dataclass(slots=True)
class Reading:
    """What was read of a file."""

    key: str
    stamp: str
    """Of exactly these bytes."""
    content_hash: bytes
    """BLAKE2b, 32 bytes: it needs no special instructions, which the Raspberry Pi 4 lacks."""
    data: bytes = field(repr=False)
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unread:
    """Why a file could not be read."""

    key: str
    reason: str
    """One sentence, and what to do."""
    stamp: str | None = None
    """Given when only a change of the file can help."""
    passing: bool = False
    """Whether the file was in motion, so that nothing is wrong with it."""


class Budget:
    """Bytes that may be in memory at once; one file may always be."""

    def __init__(self, limit: int = _AHEAD_BYTES) -> None:
        self._limit = limit
        self._used = 0
        self._closed = False
        self._changed = threading.Condition()

    def take(self, count: int) -> None:
        """Wait until so many bytes are free."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or not self._used or self._used + count <= self._limit
            )
            self._used += count

    def give(self, count: int) -> None:
        """Give bytes back."""
        with self._changed:
            self._used -= count
            self._changed.notify_all()

    def close(self) -> None:
        """Let everybody pass: nothing is read any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def reader(
    root: Path, describe: Callable[[bytes, os.stat_result], dict[str, Any]], follow: bool
) -> tuple[Callable[[str], Reading | Unread], Budget]:
    """Return a function that reads the file of a key, and what bounds its memory.

    Args:
        root: the folder.
        describe: makes the metadata.
        follow: whether a file may be a link.
    """
    budget = Budget()

    def read(key: str) -> Reading | Unread:
        try:
            return _read(root / key, key, follow, budget, describe)
        except FileNotFoundError:
            return Unread(key, "it has vanished. Index the folder again.", passing=True)
        except OSError as error:
            return Unread(
                key, f"it cannot be read: {error.strerror}. Check its permissions and the disk."
            )

    return read, budget


def _read(
    path: Path,
    key: str,
    follow: bool,
    budget: Budget,
    describe: Callable[[bytes, os.stat_result], dict[str, Any]],
) -> Reading | Unread:
    # A pipe would block and a device has side effects, should one have taken the file's place.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    try:
        now_ns, before = time.time_ns(), os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            return Unread(key, "it is no ordinary file any more.", passing=True)
        size = before.st_size
        if size > MAX_BYTES:
            limit = f"{MAX_BYTES >> 20} MB"
            reason = f"it has {size >> 20} MB, more than the limit of {limit}. Make it smaller."
            return Unread(key, reason, stamp_of(before))
        budget.take(size)
        data = _bytes(descriptor, size)
        if len(data) != size or stamp_of(os.fstat(descriptor)) != stamp_of(before):
            budget.give(size)
            return Unread(key, "it changed while it was read. Index again.", passing=True)
    finally:
        os.close(descriptor)
    mark = "" if is_settled(before, now_ns) else UNSETTLED
    described = describe(data, before)
    return Reading(key, stamp_of(before) + mark, content_hash(data), data, described)


def content_hash(data: bytes) -> bytes:
    """Return what a file is recognised by when it is renamed or copied (BLAKE2b)."""
    return blake2b(data, digest_size=_HASH_BYTES).digest()


def _bytes(descriptor: int, size: int) -> bytes:
    """Read one byte more than there should be: a growing file is noticed."""
    parts, left = [], size + 1
    while left and (part := os.read(descriptor, left)):
        parts.append(part)
        left -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
