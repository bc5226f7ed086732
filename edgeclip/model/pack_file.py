"""The bytes of a prompt pack: a JSON header, half-precision vectors, a hash.

=============  =================================================================================
bytes          what they are (all numbers little-endian)
=============  =================================================================================
8              ``EDGEPACK``
4              uint32: length of the header, ``h``
``h``          the header, JSON in UTF-8
2 · rows · dim the vectors, float16, row by row; scale each to length 1 after reading
32             SHA-256 of everything before
=============  =================================================================================

The header has ``format`` (1), ``model`` (name), ``space`` (space id of the model and its options),
``logit_scale``, ``dim``, ``rows``, ``dtype`` (``float16``), ``none`` (a name or null), ``settings``
(the file's other keys), ``negatives`` (texts) and ``labels``: each with ``name``, ``prompts``,
``negatives``, ``settings``, and ``lesson`` (what `edgeclip teach` found out, or null).

Where vectors are meant, a name ending in ``vectors`` has ``[first row, number of rows]``:
``negative_vectors`` and ``background_vectors`` of all labels (who reads these leaves out what means
a label, see `edgeclip.model.nothing`); of each label ``vectors`` (the best cosine counts),
``negative_vectors``, and, when it was taught, ``text_vectors`` and ``text_negative_vectors``: those
of its words, to teach it again.

No code is ever run from a pack, and nothing in it is believed before the hash is right.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

import numpy as np

from edgeclip.errors import PackError
from edgeclip.vectors import Vector, unit

MAGIC = b"EDGEPACK"
FORMAT = 1
MOST_BYTES = 1 << 26
"""64 MB: room for 60,000 vectors."""
_HASH = 32
_START = len(MAGIC) + 4
_VECTORS = np.dtype("<f2")


class Writer:
    """Collect vectors while the header is made."""

    def __init__(self) -> None:
        self._rows: list[Vector] = []
        self._count = 0

    def put(self, vectors: Vector) -> list[int]:
        """Take in ``(k, dim)`` vectors; return what the header says of them."""
        place = [self._count, len(vectors)]
        self._rows.append(vectors)
        self._count += len(vectors)
        return place

    def finish(self, header: Mapping[str, Any], dim: int) -> bytes:
        """Return the whole file.

        Raises:
            PackError: the header holds what JSON cannot.
        """
        fixed = {"format": FORMAT, "dim": dim, "rows": self._count, "dtype": "float16"}
        try:
            text = json.dumps({**fixed, **header}, allow_nan=False, default=_plain)
        except (TypeError, ValueError) as error:
            raise PackError(f"a setting cannot be kept: {error}. Change or remove it.") from error
        rows = np.concatenate([np.zeros((0, dim), np.float32), *self._rows])
        head = text.encode("utf-8")
        body = MAGIC + struct.pack("<I", len(head)) + head + rows.astype(_VECTORS).tobytes()
        return body + hashlib.sha256(body).digest()


class Reader:
    """Check the bytes of a pack and hand out its parts.

    Raises:
        PackError: the bytes are no pack, or are damaged.
    """

    def __init__(self, data: bytes) -> None:
        if data[: len(MAGIC)] != MAGIC:
            raise PackError("is no prompt pack")
        if len(data) < _START + _HASH or hashlib.sha256(data[:-_HASH]).digest() != data[-_HASH:]:
            raise PackError("is damaged: its SHA-256 differs")
        (length,) = struct.unpack_from("<I", data, len(MAGIC))
        try:
            self.header = json.loads(data[_START:-_HASH][:length].decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise PackError("is damaged: its header cannot be read") from error
        if not isinstance(self.header, dict) or self.header.get("format") != FORMAT:
            raise PackError("was written by another version")
        self._vectors = self._read(data[_START + length : -_HASH])

    def vectors(self, part: Mapping[str, Any], name: str) -> Vector:
        """Return the vectors that ``part`` of the header speaks of: ``(k, dim)`` float32."""
        place = part.get(name)
        if not isinstance(place, list) or len(place) != 2 or not all(map(is_count, place)):
            raise PackError(f"is damaged: {name} is no place of vectors")
        first, count = place
        if first + count > len(self._vectors):
            raise PackError(f"is damaged: {name} lies outside")
        return self._vectors[first : first + count]

    def _read(self, data: bytes) -> Vector:
        rows, dim = self.header.get("rows"), self.header.get("dim")
        if self.header.get("dtype") != "float16" or not (is_count(rows) and is_count(dim) and dim):
            raise PackError("is damaged: its vectors are of an unknown kind")
        if len(data) != rows * dim * _VECTORS.itemsize:
            raise PackError("is damaged: it has not as many vectors as it says")
        try:
            return unit(np.frombuffer(data, _VECTORS).reshape(rows, dim))
        except ValueError as error:
            raise PackError("is damaged: a vector has no direction") from error


def is_count(value: Any) -> bool:
    """Tell whether a value of a header is a whole number from 0 on."""
    return type(value) is int and value >= 0


def texts(part: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a list of texts of the header.

    Raises:
        PackError: it is something else.
    """
    value = part.get(name)
    if not isinstance(value, Sequence) or not all(isinstance(text, str) for text in value):
        raise PackError(f"is damaged: {name} is no list of texts")
    if isinstance(value, str):
        raise PackError(f"is damaged: {name} is no list of texts")
    return tuple(value)


def mapping(part: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object of the header.

    Raises:
        PackError: it is something else.
    """
    value = part.get(name)
    if not isinstance(value, dict):
        raise PackError(f"is damaged: {name} is no object")
    return value


def _plain(value: Any) -> Any:
    """Return what JSON takes for a date or time of TOML."""
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no value of JSON")
