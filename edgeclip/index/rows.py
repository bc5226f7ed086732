"""An item ↔ the bytes of its row: a vector in 16 bits a number, and a checksum over all of it.

SQLite does not notice when a byte of a stored vector rots (its own check found 1 of 200 such
changes), so every row carries a CRC-32 over everything that an answer is made of.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeclip.errors import InvalidItem
from edgeclip.index.items import Item, content_hash_bytes, key_bytes, metadata_text, unit_vector
from edgeclip.vectors import Vector

VECTOR_DTYPE = np.dtype("<f2")
"""fp16 keeps recall@10 at 1.000 against float32 and halves what is written."""
_BYTES = ("utf-8", "surrogateescape")
_LENGTHS = struct.Struct("<7q")


@dataclass(frozen=True, slots=True)
class Row:
    """An item as it is stored."""

    id: int
    """Never used twice: a changed vector gets a new one."""
    key: str
    vector: bytes
    """``dim`` little-endian fp16 numbers."""
    content_hash: bytes | None
    stamp: str | None
    metadata: str
    """JSON text, or empty."""


def row_of(item: Item, dim: int | None) -> Row:
    """Check an item and return its row, still without an id (0).

    Raises:
        InvalidItem: something in it cannot be kept.
    """
    key_bytes(item.key)
    if item.stamp is not None and not (isinstance(item.stamp, str) and item.stamp.isascii()):
        raise InvalidItem(f"the stamp {item.stamp!r} must be ASCII text. Give another.")
    vector = unit_vector(item.vector, dim)
    return Row(
        id=0,
        key=item.key,
        vector=vector.astype(VECTOR_DTYPE).tobytes(),
        content_hash=content_hash_bytes(item.content_hash),
        stamp=item.stamp,
        metadata=metadata_text(item.metadata),
    )


def item_of(row: Row) -> Item:
    """Return the item that a row holds."""
    vector: Vector = np.frombuffer(row.vector, VECTOR_DTYPE).astype(np.float32)
    return Item(row.key, vector, metadata_of(row.metadata), row.content_hash, row.stamp)


def vectors_of(rows: Sequence[Row], dim: int) -> Vector:
    """Return the vectors of rows, ``(n, dim)`` float32."""
    data = b"".join(row.vector for row in rows)
    return np.frombuffer(data, VECTOR_DTYPE).reshape(-1, dim).astype(np.float32)


def metadata_of(text: str) -> Mapping[str, Any] | None:
    """Return metadata from its JSON text."""
    return json.loads(text) if text else None


def checksum(row: Row, space: str) -> int:
    """Return the CRC-32 of a row as it stands in the database.

    The space id is part of it: a row belongs to the vectors that it can be compared with.  So are
    the lengths, because bytes must not move from one field to the next unseen.
    """
    # What rotted is text of any kind; the checksum must come out, and not fit.
    name, key, metadata = space.encode(), row.key.encode(*_BYTES), row.metadata.encode(*_BYTES)
    stamp = row.stamp.encode(*_BYTES) if row.stamp else b""
    digest, vector = row.content_hash or b"", row.vector
    lengths = _LENGTHS.pack(
        row.id, len(name), len(key), len(digest), len(stamp), len(metadata), len(vector)
    )
    head = b"".join((lengths, name, key, digest, stamp, metadata))
    return zlib.crc32(vector, zlib.crc32(head))
