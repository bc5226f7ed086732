"""Lineage: the writers that an index has had, by which a copy is told from what it is of.

Each opening for writing that changes something is a writer.  It gets a random token, which is kept
with where it began: two numbers, as in `Store.state`.  Whoever copies an index elsewhere notes how
far it has come, and the token of its latest writer.  An index that was put back from a backup, or
one card image in two boards, goes on with writers of its own: then either the token is unknown, or
the writer after it began before that point.
"""

from __future__ import annotations

import secrets
import struct
import zlib
from typing import NamedTuple

NAME = "lineage"
"""Of the setting that keeps it."""
MOST = 512
"""Writers that are kept, the latest; older ones are as unknown as another index's."""
_CRC, _WRITER = struct.Struct("<I"), struct.Struct("<8sqq")

State = tuple[int, int]


class _Writer(NamedTuple):
    token: bytes
    last_id: int
    """The highest id when it began,"""
    seq: int
    """and the number of the last change."""


class Lineage:
    """The latest writers of an index."""

    def __init__(self, kept: object) -> None:
        """Take what is kept under `NAME`; None or damaged: no writer is known."""
        self._writers = _unpacked(kept)

    def begun(self, state: State) -> bytes:
        """Return what to keep when a writer begins at this state."""
        writers = [*self._writers, _Writer(secrets.token_bytes(8), *state)]
        packed = b"".join(_WRITER.pack(*each) for each in writers[-MOST:])
        return _CRC.pack(zlib.crc32(packed)) + packed

    @property
    def latest(self) -> str:
        """The token of the latest writer; empty where none is known."""
        return self._writers[-1].token.hex() if self._writers else ""

    def was_at(self, point: State, writer: str, state: State) -> bool:
        """Tell whether the index has been at a point.

        Args:
            point: where somebody has seen it,
            writer: and the `latest` of that moment, or of one soon after.
            state: where the index is now.
        """
        if point == (0, 0):  # every index begins there
            return True
        tokens = [each.token.hex() for each in self._writers] or [""]  # it was never written to
        ends = [*((each.last_id, each.seq) for each in self._writers[1:]), state]
        end = dict(zip(tokens, ends, strict=True)).get(writer)
        return end is not None and point[0] <= end[0] and point[1] <= end[1]


def _unpacked(kept: object) -> list[_Writer]:
    if not isinstance(kept, bytes) or (len(kept) - _CRC.size) % _WRITER.size:
        return []
    packed = kept[_CRC.size :]
    if kept[: _CRC.size] != _CRC.pack(zlib.crc32(packed)):
        return []
    return [_Writer(*fields) for fields in _WRITER.iter_unpack(packed)]
