"""The write-ahead log as it stands on the disk, before SQLite takes it over.

SQLite stops at the first frame whose checksum does not fit and drops the rest without a word, for
a torn end is what a power cut leaves.  A frame that rotted in the middle looks the same to it, and
costs all commits behind it; here they are told apart
(https://www.sqlite.org/fileformat2.html#the_write_ahead_log).
"""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PAGE = 4096
_HEADER, _FRAME_HEADER = 32, 24
_FRAME = _FRAME_HEADER + PAGE
_MAGIC = 0x377F0682
# The commit in progress may be torn; a second one was only begun when the first was durable.
_TORN_COMMITS = 1
_NATIVE = "<" if sys.byteorder == "little" else ">"
_NOTHING = np.empty(0, np.int64)

Words = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Log:
    """What a log holds."""

    newer: dict[int, bytes] = field(default_factory=dict)
    """The last committed version of each page."""
    pages: int | None = None
    """Pages of the database after the last commit; None: no commit."""
    damaged: bool = False
    """Whether commits that were durable once have rotted."""


def read(path: Path) -> Log:
    """Read a log; no file is an empty one.

    Frames behind a damaged one are used as far as they can be: whether the rows in them are right,
    their own checksums tell.
    """
    data = path.read_bytes() if path.is_file() else b""
    frames = np.frombuffer(data, np.uint8, offset=min(_HEADER, len(data)))
    frames = frames[: len(frames) // _FRAME * _FRAME].reshape(-1, _FRAME)
    if not len(frames):
        return Log(damaged=bool(data.strip(b"\0")) and not _order(data))
    order = _order(data)
    salts = np.frombuffer(data[16:24], np.uint8) if order else _salts(frames)
    frames = frames[: _run(frames, salts)]
    fits = _fits(data, frames, salts, order or _NATIVE)
    right = int(np.argmin(np.append(fits, False))) if order else 0
    commits = np.flatnonzero(_numbers(frames[:, 4:8])) if order or fits.any() else _NOTHING
    lost = int((commits >= right).sum())
    if order and lost <= _TORN_COMMITS:
        commits = commits[commits < right]
    if not len(commits):
        return Log(damaged=not order)
    numbers = _numbers(frames[:, :4])
    last = {int(numbers[at]): at for at in range(commits[-1] + 1)}
    newer = {number: frames[at, _FRAME_HEADER:].tobytes() for number, at in last.items()}
    size = int(_numbers(frames[commits[-1:], 4:8])[0])
    return Log(newer, size, damaged=not order or lost > _TORN_COMMITS)


def _order(data: bytes) -> str:
    """Return the byte order of the checksums; empty when the header is damaged."""
    if len(data) < _HEADER:
        return ""
    magic, _, size = struct.unpack(">3L", data[:12])
    order = ">" if magic & 1 else "<"
    words = np.frombuffer(data[:24], f"{order}u4").astype(np.uint32)[None]
    fits = _sums(words, np.zeros((1, 2), np.uint32)) == _words(data[24:32])
    return order if magic & ~1 == _MAGIC and size == PAGE and fits.all() else ""


def _salts(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what marks the frames of this log, where its header is lost.

    The first frame has gone with it when all of their sector was lost; it reads as zeros or ones.
    """
    marks: NDArray[np.uint8] = frames[:2, 8:16]
    is_lost = len(np.unique(marks[0])) == 1
    found: NDArray[np.uint8] = marks[-1 if is_lost else 0]
    return found


def _run(frames: NDArray[np.uint8], salts: NDArray[np.uint8]) -> int:
    """Return how many frames may belong to this log: up to the last one with its salts."""
    own = np.flatnonzero((frames[:, 8:16] == salts).all(axis=1))
    return int(own[-1]) + 1 if len(own) else 0


def _fits(
    data: bytes, frames: NDArray[np.uint8], salts: NDArray[np.uint8], order: str
) -> NDArray[np.bool_]:
    """Tell which frames fit the checksum that they carry, given the one of the frame before."""
    stored = _numbers(frames[:, 16:24].reshape(-1, 4)).reshape(-1, 2)
    before = np.concatenate([_words(data[24:32]), stored])[:-1]
    covered = np.concatenate([frames[:, :8], frames[:, _FRAME_HEADER:]], axis=1)
    sums = _sums(covered.view(f"{order}u4").astype(np.uint32), before)
    fits: NDArray[np.bool_] = (sums == stored).all(axis=1)
    fits &= (frames[:, 8:16] == salts).all(axis=1)
    return fits


def _sums(words: Words, before: Words) -> Words:
    """Return SQLite's checksum of each row of words, all rows at once."""
    first, second = before[:, 0].copy(), before[:, 1].copy()
    for at in range(0, words.shape[1], 2):
        first += words[:, at] + second
        second += words[:, at + 1] + first
    return np.stack([first, second], axis=1)


def _numbers(data: NDArray[np.uint8]) -> Words:
    """Return big-endian numbers of 4 bytes."""
    found: Words = np.ascontiguousarray(data).view(">u4").astype(np.uint32)[:, 0]
    return found


def _words(data: bytes) -> Words:
    return np.frombuffer(data, ">u4").astype(np.uint32)[None]
