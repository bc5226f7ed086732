"""Lineage: the writings an index has gone through, by which a copy is told from what it is of.

A writing is all that one writer commits, from its first change to its end.  Each gets a random
token, and is kept with where it began: two numbers, as in `Store.state`.  Whoever copies an index
elsewhere notes how far it has come, and the token of the writing in which it was there.  An index
that was put back from a backup, or one card image in two boards, goes on with writings of its own:
then either the token is unknown, or the writing after it began before that point.
"""

from __future__ import annotations

import secrets
import struct
import zlib
from typing import NamedTuple

NAME = "lineage"
"""Of the setting that keeps it."""
_MOST = 128
"""Writings that are kept, the latest; older ones are as unknown as another index's."""
_CRC, _WRITING = struct.Struct("<I"), struct.Struct("<8sqq")

State = tuple[int, int]


class _Writing(NamedTuple):
    token: bytes
    last_id: int
    """The highest id when it began,"""
    seq: int
    """and the number of the last change."""


def extended(kept: object, state: State) -> bytes:
    """Return what to keep when a writing begins.

    Args:
        kept: what is kept already; None or damaged: nothing.
        state: where it begins.
    """
    writings = [*_unpacked(kept), _Writing(secrets.token_bytes(8), *state)]
    packed = b"".join(_WRITING.pack(*each) for each in writings[-_MOST:])
    return _CRC.pack(zlib.crc32(packed)) + packed


def latest(kept: object) -> str:
    """Return the token of the latest writing; empty where none is known."""
    writings = _unpacked(kept)
    return writings[-1].token.hex() if writings else ""


def was_at(point: State, token: str, kept: object, state: State) -> bool:
    """Tell whether an index has been at a point.

    Args:
        point: where somebody has seen it,
        token: and `latest` of that moment, or of one soon after.
        kept: what is kept now.
        state: where the index is now.
    """
    writings = _unpacked(kept)
    tokens = [each.token.hex() for each in writings] or [""]  # it was never written to
    ends = [*((each.last_id, each.seq) for each in writings[1:]), state]
    end = dict(zip(tokens, ends, strict=True)).get(token)
    return end is not None and point[0] <= end[0] and point[1] <= end[1]


def _unpacked(kept: object) -> list[_Writing]:
    if not isinstance(kept, bytes) or (len(kept) - _CRC.size) % _WRITING.size:
        return []
    packed = kept[_CRC.size :]
    if kept[: _CRC.size] != _CRC.pack(zlib.crc32(packed)):
        return []
    return [_Writing(*fields) for fields in _WRITING.iter_unpack(packed)]
