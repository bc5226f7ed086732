"""Pictures that show the same: equal files, and copies that were re-encoded, resized or trimmed.

Nothing is deleted here.  Each group names the picture that is best kept; what happens to the others
is up to the reader.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from edgeclip.index.components import Numbers, components, numbered, rows_of, unite
from edgeclip.index.items import Item
from edgeclip.vectors import Vector, unit

THRESHOLD = 0.95
"""The least cosine of near-duplicates where different pictures have low cosines.

What a cosine means depends on the model and on the pictures; `fitting` looks at both.  Measured
with the starter model, and copies that were saved as JPEG of quality 90 to 30, shrunk to a half and
a quarter, trimmed by 2 and 5 %, made a tenth brighter and darker:

- Of 24 pictures that are all different (`benchmarks/duplicates.py`), 0.95 finds 78 % of the
  copies, 0.98 57 %, 0.99 44 %, and none takes a picture for a copy of another.
- Of 60 of 372 photographs of garments, which the model sees as a few kinds, 0.95 finds 93 % of the
  copies, 0.985 84 %, 0.99 80 %, 0.995 68 %, and they take 79, 39, 24 and 10 % of the garments for
  copies of another.  `fitting` chooses 0.992 there, and 0.995 with three copies each.
"""
HIGHEST = 0.995
"""What `fitting` goes up to: beyond it, copies that were saved again as JPEG are lost."""
_FEW, _CROWD, _SHARE, _SAMPLE = 50, 5, 0.05, 1000
_MOST_ALIKE, _ALIKE = 12, 0.9
"""With the starter, none of 24 different pictures in 2 to 8 copies each, and three of four of 372
garments, have twelve others with 0.9 or more: that is what parts many copies from a crowd."""
_BLOCK = 64

Metadata = Mapping[str, Any]
Rank = tuple[float, float, float, int, str]
"""Sorts the best picture first; the key comes last."""


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


def fitting(vectors: Vector, hashes: Sequence[bytes | None]) -> float:
    """Return the threshold that fits a model and its pictures.

    Where twelve others are alike, and five of them as near as a copy would be, they are different
    pictures that the model sees as alike: a picture rarely has twelve copies, and beyond its copies
    there is a gap.  The threshold is the least, from `THRESHOLD` to `HIGHEST`, that at most one
    picture in twenty reaches with five others of such a crowd.

    Args:
        vectors: ``(n, dim)`` float32 of about unit length; a thousand of them, evenly spaced, are
            compared with all.  Fewer than 50 do not tell.
        hashes: ``n`` hashes of the files' contents, or None where unknown; equal files count once.

    Returns:
        A cosine with three digits.

    Raises:
        ValueError: a vector has no direction.
    """
    different = {row if content is None else content: row for row, content in enumerate(hashes)}
    if len(different) < _FEW:
        return THRESHOLD
    if len(different) < len(vectors):
        vectors = vectors[list(different.values())]
    lengths = np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)
    rows = np.unique(np.linspace(0, len(vectors) - 1, _SAMPLE).astype(np.int64))
    # One more than that many: each picture is its own nearest.
    near, far = -_CROWD - 1, -_MOST_ALIKE - 1
    fifth = []
    for start in range(0, len(rows), _BLOCK):
        cosines = unit(vectors[rows[start : start + _BLOCK]]) @ vectors.T
        cosines /= lengths
        cosines.partition((far, near), axis=1)
        fifth.append(np.where(cosines[:, far] >= _ALIKE, cosines[:, near], -1))
    reached = float(np.quantile(np.concatenate(fifth), 1 - _SHARE))
    return round(min(HIGHEST, max(THRESHOLD, reached)), 3)


def equal_files(items: Iterable[Item]) -> list[Duplicates]:
    """Find groups of pictures whose files are equal, byte for byte; no vector is looked at.

    Args:
        items: read one by one; those without a content hash are left out.

    Returns:
        As `duplicates`; the cosines are 1.
    """
    ranks: dict[bytes, list[Rank]] = defaultdict(list)
    for item in items:
        if item.content_hash is not None:
            ranks[item.content_hash].append(_rank(item.key, item.metadata or {}))
    found = []
    for same in ranks.values():
        keeper, *others = (rank[-1] for rank in sorted(same))
        if others:
            cosines = dict.fromkeys(others, 1.0)
            found.append(Duplicates((keeper, *others), keeper, cosines, frozenset(others)))
    return _in_order(found)


def duplicates(
    keys: Sequence[str],
    vectors: Vector,
    metadata: Sequence[Metadata | None],
    hashes: Sequence[bytes | None],
    threshold: float | None = None,
) -> list[Duplicates]:
    """Find groups of pictures that show the same.

    Args:
        keys: ``n`` names, each once.
        vectors: ``(n, dim)`` float32 of about unit length.
        metadata: ``n`` mappings or None; ``width`` and ``height`` (pixels), ``bytes`` (of the file)
            and ``time`` (ISO text or ``datetime``) are read, as far as they are there and sensible.
        hashes: ``n`` hashes of the files' contents, or None where unknown.
        threshold: a cosine in [-1, 1]; None: what is `fitting`.

    Returns:
        Groups of two or more, the largest first; equal ones by the keeper's key.

    Raises:
        ValueError: the lengths or the threshold are wrong, or a vector has no direction.
    """
    counts = (len(keys), len(vectors), len(metadata), len(hashes))
    if len(set(counts)) != 1:
        raise ValueError(f"keys, vectors, metadata and hashes are {counts}; give one of each a row")
    if threshold is None:
        threshold = fitting(vectors, hashes)
    found = [
        _group(rows, keys, vectors, metadata, hashes)
        for connected in rows_of(_connected(vectors, hashes, threshold))
        if len(connected) > 1
        for rows in _around_keepers(connected, keys, vectors, metadata, hashes, threshold)
    ]
    return _in_order(found)


def _in_order(found: list[Duplicates]) -> list[Duplicates]:
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


def _rank(key: str, metadata: Metadata) -> Rank:
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
