"""Rows of an index → the bytes of PostgreSQL's binary COPY, without an adapter for each value.

The format: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format".  A ``halfvec``
is its dim and an unused number, 16 bits each, then its fp16 numbers, all of them big-endian.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from edgeclip.grow.fleet import texts
from edgeclip.index.rows import VECTOR_DTYPE, Row, metadata_of
from edgeclip.index.where import moment

COLUMNS = "device, id, key, space, metadata, times, content_hash, mark, vector"
KEY_TIME = "\1key"
"""Where `times` keeps the key's own time: no field has this name, as it is no escaped text."""
_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_JSONB = b"\1"
_NULL = b"\xff\xff\xff\xff"
_LENGTH, _ID, _MARK = struct.Struct(">i"), struct.Struct(">iqi"), struct.Struct(">iq")
_YEAR = re.compile(r'"\d{4}[-\dW]')
_BEGINNING = re.compile(r"\d{4}[-\dW]")
"""Of each ISO time, and of few other texts; in `_YEAR` with the quote of JSON before it."""
_ROWS_A_BLOCK = 64
_LONGEST_TIME = 64
"""Letters; no ISO time has more, and long captions are not worth the attempt."""


def blocks(
    device: str, space: str, rows: Sequence[Row], marks: Mapping[int, int]
) -> Iterator[bytes]:
    """Yield what a binary COPY of `COLUMNS` is fed with.

    Args:
        device: whose rows they are.
        space: of their vectors.
        rows: with ``dim`` little-endian fp16 numbers each.
        marks: by id, what tells whether a row has changed; see `Outbox.mark`.
    """
    head = struct.pack(">h", COLUMNS.count(",") + 1) + _field(texts.encoded(device).encode())
    place = _field(texts.encoded(space).encode())
    yield _HEAD
    for start in range(0, len(rows), _ROWS_A_BLOCK):
        some = rows[start : start + _ROWS_A_BLOCK]
        parts: list[bytes] = []
        for row, vector in zip(some, _vectors(some), strict=True):
            parts += (head, *_packed(row, place, marks[row.id]), vector)
        yield b"".join(parts)
    yield _END


def key_of(key: str) -> bytes:
    """Return the bytes of a key as the server keeps it."""
    return texts.encoded(key).encode()


def times_of(key: str, metadata: str) -> dict[str, Any]:
    """Return what in JSON metadata is a time, in the same places, as this board's clock shows it.

    Only Python reads ISO times as `edgeclip.index.where` does, and only the board knows its zone.
    """
    times = _times(metadata_of(metadata) or {}) if _YEAR.search(metadata) else {}
    own = _time(key)
    return {KEY_TIME: own, **times} if own else times


def wall_clock(value: Any) -> str | None:
    """Return a time as a text that sorts as times do, or None for what is no time."""
    found = moment(value)
    if found is None:
        return None
    return found.isoformat() if found.microsecond else f"{found.isoformat()}.000000"


def _times(value: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, each in value.items():
        time = _times(each) if isinstance(each, dict) else _time(each)
        if time:
            found[texts.encoded(name)] = time
    return found


def _time(value: Any) -> str | None:
    """Return the wall clock's time of an ISO text; what does not begin as one is not even tried."""
    may_be = isinstance(value, str) and len(value) <= _LONGEST_TIME and _BEGINNING.match(value)
    return wall_clock(value) if may_be else None


def _packed(row: Row, space: bytes, mark: int) -> tuple[bytes, ...]:
    """Return the fields of a row from its id to its mark."""
    key, times = key_of(row.key), times_of(row.key, row.metadata)
    return (
        _ID.pack(8, row.id, len(key)),
        key,
        space,
        _field(_JSONB + texts.jsonb(row.metadata).encode()) if row.metadata else _NULL,
        _field(_JSONB + json.dumps(times).encode()) if times else _NULL,
        _NULL if row.content_hash is None else _field(row.content_hash),
        _MARK.pack(8, mark),
    )


def _vectors(rows: Sequence[Row]) -> Iterator[bytes]:
    """Yield the fields of the vectors; all of one length."""
    size = len(rows[0].vector)
    head = struct.pack(">iHH", 4 + size, size // 2, 0)
    data = np.frombuffer(b"".join(row.vector for row in rows), VECTOR_DTYPE).byteswap().tobytes()
    return (head + data[start : start + size] for start in range(0, len(data), size))


def _field(data: bytes) -> bytes:
    return _LENGTH.pack(len(data)) + data
