"""Item: what an index keeps, and what it refuses to keep."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgeclip.errors import InvalidItem
from edgeclip.vectors import Vector

MAX_KEY_BYTES = 4096
MAX_METADATA_BYTES = 65_536
_MAX_DEPTH = 32
_HASH_BYTES = range(16, 65)
# Vectors of fp16 graphs are off by 1e-3; what is further off was never normalised.
_LEAST_NORM, _MOST_NORM = 0.98, 1.02


@dataclass(frozen=True, slots=True)
class Item:
    """A vector with its name and what is known about it."""

    key: str
    """Its name, unique in the index: up to 4,096 bytes, no NUL.  Names of files that are no UTF-8
    come as Python gives them (``surrogateescape``)."""
    vector: Vector
    """``(dim,)`` float32 of unit length; it is kept in 16 bits a number."""
    metadata: Mapping[str, Any] | None = None
    """What JSON can hold, up to 64 KB; a ``datetime`` becomes its ISO text."""
    content_hash: bytes | None = None
    """Hash of the file's content, 16 to 64 bytes; a renamed file is recognised by it."""
    stamp: str | None = None
    """The folder's mark of an unchanged file; None for what is not kept true to a folder."""


def key_bytes(key: str) -> bytes:
    """Return a key as the bytes that are stored.

    Raises:
        InvalidItem: it is no text, empty, too long, or has a NUL.
    """
    if not isinstance(key, str):
        raise InvalidItem(f"a key must be a str, not {type(key).__name__}. Give a name.")
    try:
        data = key.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise InvalidItem(f"the key {key!r} is no Unicode text. Give another name.") from error
    if not key.isascii() and data.decode("utf-8", "surrogateescape") != key:
        raise InvalidItem(f"the key {key!r} hides text in single bytes. Give it as text.")
    if not data or b"\0" in data or len(data) > MAX_KEY_BYTES:
        what = "is empty" if not data else "has a NUL" if b"\0" in data else "is too long"
        raise InvalidItem(
            f"the key {key[:40]!r} {what}. Give 1 to {MAX_KEY_BYTES:,} bytes without NUL."
        )
    return data


def unit_vector(vector: ArrayLike, dim: int | None = None) -> Vector:
    """Return one vector as float32, if it is one that can be compared.

    Args:
        vector: ``(dim,)`` numbers.
        dim: how many are wanted; None: any number.

    Raises:
        InvalidItem: another shape, not finite, or not of unit length.
    """
    only: Vector = unit_vectors([vector], dim)[0]
    return only


def unit_vectors(vectors: ArrayLike | Sequence[ArrayLike], dim: int | None = None) -> Vector:
    """Return ``(n, dim)`` vectors as float32; see `unit_vector`."""
    try:
        array: NDArray[Any] = np.asarray(vectors)
        if np.iscomplexobj(array):
            raise TypeError("complex numbers")
        with np.errstate(over="ignore"):  # what becomes infinite has no unit length
            rows = np.ascontiguousarray(array, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidItem(f"a vector must hold numbers ({error}). Give (dim,) float32.") from error
    if rows.ndim != 2 or rows.shape[1] == 0 or (dim is not None and rows.shape[1] != dim):
        wanted = "(dim,)" if dim is None else f"({dim},)"
        raise InvalidItem(f"a vector has shape {rows.shape[1:]}, not {wanted}. Use one model.")
    norms = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    # NaN compares false with everything, so it fails here, too.
    if not np.all((norms >= _LEAST_NORM) & (norms <= _MOST_NORM)):
        bad = norms[~((norms >= _LEAST_NORM) & (norms <= _MOST_NORM))][0]
        raise InvalidItem(
            f"a vector has length {bad:.4g}, not 1. Scale it with edgeclip.vectors.unit, or embed "
            "with normalize=True."
        )
    return rows


def metadata_text(metadata: Mapping[str, Any] | None) -> str:
    """Return metadata as the JSON text that is stored; empty for None.

    Raises:
        InvalidItem: it is no object, holds what JSON cannot, or is too long.
    """
    if metadata is None:
        return ""
    if not isinstance(metadata, Mapping):
        kind = type(metadata).__name__
        raise InvalidItem(f"metadata must be a mapping, not {kind}. Give a dict.")
    _check_names(metadata, _MAX_DEPTH)
    try:
        text = json.dumps(
            dict(metadata), allow_nan=False, separators=(",", ":"), default=_plain, sort_keys=False
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidItem(f"metadata cannot be kept as JSON ({error}). Use plain values.") from None
    if len(text) > MAX_METADATA_BYTES:
        raise InvalidItem(
            f"metadata takes {len(text):,} bytes, more than {MAX_METADATA_BYTES:,}. Keep less."
        )
    return text


def content_hash_bytes(content_hash: bytes | None) -> bytes | None:
    """Check a content hash.

    Raises:
        InvalidItem: it is not bytes, or of an odd length.
    """
    if content_hash is None:
        return None
    if not isinstance(content_hash, bytes) or len(content_hash) not in _HASH_BYTES:
        raise InvalidItem("a content hash must be 16 to 64 bytes. Give hashlib's digest().")
    return content_hash


def _check_names(value: Any, depth: int) -> None:
    """Refuse names that JSON would turn into text unasked, and what nests too deep to be read."""
    if depth < 0:
        raise InvalidItem(f"metadata nests deeper than {_MAX_DEPTH} levels. Keep it flatter.")
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise InvalidItem("the names in metadata must be str. Give a dict with str keys.")
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            _check_names(each, depth - 1)


def _plain(value: Any) -> Any:
    """Turn what users keep most often into what JSON can hold."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")
