"""Pictures that show the same: equal files, and copies that were re-encoded, resized or trimmed.

Nothing is deleted here.  Each group names the picture that is best kept; what happens to the others
is up to the reader.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from edgeclip.index.components import Numbers, components, numbered, rows_of, unite
from edgeclip.vectors import Vector, unit

THRESHOLD = 0.95
"""The least cosine of near-duplicates.

Measured on five photographs with the starter model: saving one again as JPEG at quality 90,
trimming 5 % or making it a tenth brighter leaves cosines from 0.975 on; quality 50 or half the
size, 0.894 to 0.97, the lower ones for pictures that were small already.  Different photographs
stayed below 0.35.  Lower the threshold to find strongly reduced copies, and look at what it finds.
"""

Metadata = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Pictures that show what the keeper shows, each compared with the keeper itself.

    A long series, in which each picture is like the next and the last is not like the first, makes
    several groups.
    """

    keys: tuple[str, ...]
    """The keeper first, then the others, those most like the keeper first."""
    keeper: str
    """The one with the most pixels, of those the most bytes, then the earliest, then the shortest
    key, then the first key."""
    cosines: Mapping[str, float]
    """Every other key → its cosine to the keeper."""
    exact: frozenset[str]
    """The other keys whose content is the keeper's, byte for byte."""


def duplicates(
    keys: Sequence[str],
    vectors: Vector,
    metadata: Sequence[Metadata | None],
    hashes: Sequence[bytes | None],
    threshold: float = THRESHOLD,
) -> list[Duplicates]:
    """Find groups of pictures that show the same.

    Args:
        keys: ``n`` names, each once.
        vectors: ``(n, dim)`` float32 of about unit length.
        metadata: ``n`` mappings or None; ``width`` and ``height`` (pixels), ``bytes`` (of the file)
            and ``time`` (ISO text or ``datetime``) are read, as far as they are there and sensible.
        hashes: ``n`` hashes of the files' contents, or None where unknown.
        threshold: a cosine in [-1, 1].

    Returns:
        Groups of two or more, the largest first; equal ones by the keeper's key.

    Raises:
        ValueError: the lengths or the threshold are wrong, or a vector has no direction.
    """
    counts = (len(keys), len(vectors), len(metadata), len(hashes))
    if len(set(counts)) != 1:
        raise ValueError(f"keys, vectors, metadata and hashes are {counts}; give one of each a row")
    found = [
        _group(rows, keys, vectors, metadata, hashes)
        for connected in rows_of(_connected(vectors, hashes, threshold))
        if len(connected) > 1
        for rows in _around_keepers(connected, keys, vectors, metadata, hashes, threshold)
    ]
    return sorted(found, key=lambda group: (-len(group.keys), group.keeper))


def _connected(vectors: Vector, hashes: Sequence[bytes | None], threshold: float) -> Numbers:
    """Return the components of "near or equal", ``(n,)``."""
    near = components(vectors, threshold)
    first: dict[bytes, int] = {}
    same = [(row, first.setdefault(h, row)) for row, h in enumerate(hashes) if h is not None]
    if not same:
        return near
    # Between components, which are numbered like rows: fewer of them than rows.
    parent = np.arange(len(vectors), dtype=np.int64)
    ends = near[np.array(same, np.int64)]
    unite(parent, ends[:, 0], ends[:, 1])
    return numbered(parent[near])


def _around_keepers(
    connected: Numbers,
    keys: Sequence[str],
    vectors: Vector,
    metadata: Sequence[Metadata | None],
    hashes: Sequence[bytes | None],
    threshold: float,
) -> Iterator[Numbers]:
    """Yield the best picture with all that is like it, then the best of what is left, and so on."""
    left = np.array(sorted(connected.tolist(), key=lambda r: _rank(keys[r], metadata[r] or {})))
    while len(left) > 1:
        best = hashes[left[0]]
        like = unit(vectors[left]) @ unit(vectors[left[0]]) >= threshold
        like |= np.array([best is not None and hashes[row] == best for row in left.tolist()])
        like[0] = True
        if like.sum() > 1:
            yield left[like]
        left = left[~like]


def _group(
    rows: Numbers,
    keys: Sequence[str],
    vectors: Vector,
    metadata: Sequence[Metadata | None],
    hashes: Sequence[bytes | None],
) -> Duplicates:
    best = min(rows.tolist(), key=lambda row: _rank(keys[row], metadata[row] or {}))
    values = np.clip(unit(vectors[rows]) @ unit(vectors[best]), -1, 1).tolist()
    cosines = {keys[row]: value for row, value in zip(rows, values, strict=True) if row != best}
    others = sorted(cosines, key=lambda key: (-cosines[key], key))
    content = hashes[best]
    exact = [keys[r] for r in rows if r != best and content is not None and hashes[r] == content]
    return Duplicates(
        keys=(keys[best], *others),
        keeper=keys[best],
        cosines={key: cosines[key] for key in others},
        exact=frozenset(exact),
    )


def _rank(key: str, metadata: Metadata) -> tuple[float, float, float, int, str]:
    """Return what sorts the best picture first."""
    pixels = _size(metadata.get("width")) * _size(metadata.get("height"))
    return -pixels, -_size(metadata.get("bytes")), _when(metadata.get("time")), len(key), key


def _size(value: Any) -> float:
    """Return a size as a number; 0 for what is none."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        return 0.0
    return float(min(value, 1e18))


def _when(value: Any) -> float:
    """Return a time in seconds (one without a zone is taken for UTC); without a time, the end."""
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return math.inf
