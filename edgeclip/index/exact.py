"""Exact search in RAM: every vector is compared with the query."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgeclip.index.blocks import ROWS, Block, Fp32Block, Ids, Int8Block
from edgeclip.vectors import Vector

Precision = Literal["fp32", "int8"]
Found = tuple[Ids, Vector]
"""Ids and their cosines, best first."""

_NONE: Found = (np.empty(0, np.int64), np.empty(0, np.float32))
_LEAST_CANDIDATES = 100
# Above this share of all rows it is cheaper to compare all of them than to gather some.
_GATHER_SHARE = 0.1
_DEAD_SHARE = 0.2
_QUERIES = 64
_FEW = 128


@dataclass(frozen=True, slots=True)
class _Part:
    """A block and how many of its rows count; replaced as a whole, never changed."""

    block: Block
    count: int


class Exact:
    """Vectors by id, in rising order of ids.

    One thread at a time may change it; any number may search meanwhile, without a lock: they see
    the rows that were there when they began.
    """

    def __init__(
        self,
        dim: int,
        precision: Precision = "fp32",
        fetch: Callable[[Ids], Vector] | None = None,
    ) -> None:
        """Make it empty.

        Args:
            dim: numbers in a vector.
            precision: ``int8`` takes a quarter of the memory, and ranks the best again with
                ``fetch``.
            fetch: ids → vectors as they are stored, for ``int8``.
        """
        self.dim = dim
        self.precision: Precision = precision
        self._fetch = fetch
        self._parts: list[_Part] = []
        self._dead = 0
        self._live = 0

    def __len__(self) -> int:
        """Return how many vectors there are."""
        return self._live

    def add(self, ids: Ids, vectors: Vector) -> None:
        """Add vectors with ids above all that were ever added.

        Args:
            ids: ``(n,)``, rising.
            vectors: ``(n, dim)`` float32 of unit length.
        """
        start = 0
        while start < len(ids):
            start += self._fill(ids[start:], vectors[start:])
        self._live += len(ids)

    def _fill(self, ids: Ids, vectors: Vector) -> int:
        """Write as many rows as the last block takes, and only then let searches see them."""
        if not self._parts or self._parts[-1].count == ROWS:
            block = Fp32Block(self.dim) if self.precision == "fp32" else Int8Block(self.dim)
            self._parts = [*self._parts, _Part(block, 0)]
        *before, last = self._parts
        taken = min(ROWS - last.count, len(ids))
        rows = slice(last.count, last.count + taken)
        last.block.ids[rows] = ids[:taken]
        last.block.alive[rows] = True
        last.block.write(last.count, vectors[:taken])
        self._parts = [*before, _Part(last.block, last.count + taken)]
        return taken

    def remove(self, ids: Ids) -> int:
        """Forget vectors; return how many were there."""
        removed = 0
        for part, rows, _ in self._located(np.sort(ids)):
            removed += int(part.block.alive[rows].sum())
            part.block.alive[rows] = False
        self._live -= removed
        self._dead += removed
        if self._dead > ROWS // 16 and self._dead > _DEAD_SHARE * (self._dead + self._live):
            self.compact()
        return removed

    def compact(self) -> None:
        """Free the memory of what was removed, one block at a time."""
        for place in range(len(self._parts)):
            self._parts = [
                *self._parts[:place],
                self._without_dead(self._parts[place]),
                *self._parts[place + 1 :],
            ]
        self._parts = [part for part in self._parts if part.count]
        self._dead = 0

    def _without_dead(self, part: _Part) -> _Part:
        live = np.flatnonzero(part.block.alive[: part.count])
        if len(live) == part.count:
            return part
        block: Block = Fp32Block(self.dim) if self.precision == "fp32" else Int8Block(self.dim)
        block.ids[: len(live)] = part.block.ids[live]
        block.alive[: len(live)] = True
        block.write(0, part.block.read(live))
        return _Part(block, len(live))

    def ids(self) -> Ids:
        """Return the ids of all vectors, rising."""
        found = [p.block.ids[: p.count][p.block.alive[: p.count]] for p in self._parts]
        return np.concatenate(found) if found else _NONE[0]

    def vectors(self, ids: Ids) -> Vector:
        """Return the vectors of ids, ``(n, dim)``, in the order given; zeros for what has gone."""
        if self.precision == "int8" and self._fetch is not None:
            return self._fetch(ids)
        order = np.argsort(ids, kind="stable")
        found = np.zeros((len(ids), self.dim), np.float32)
        for part, rows, places in self._located(ids[order]):
            found[order[places]] = part.block.read(rows)
        return found

    def all_vectors(self) -> Iterator[tuple[Ids, Vector]]:
        """Yield ids and vectors, block by block."""
        for part in self._parts:
            rows = np.flatnonzero(part.block.alive[: part.count])
            ids = part.block.ids[rows]
            if self.precision == "int8" and self._fetch is not None:
                yield ids, self._fetch(ids)
            else:
                yield ids, part.block.read(rows)

    def search(self, queries: Vector, count: int, among: Ids | None = None) -> list[Found]:
        """Return the nearest vectors for each query.

        Args:
            queries: ``(q, dim)`` float32 of unit length.
            count: how many for each, at most.
            among: only these ids, rising; None: all.
        """
        if count < 1 or not self._live or (among is not None and not len(among)):
            return [_NONE] * len(queries)
        found: list[Found] = []
        for start in range(0, len(queries), _QUERIES):
            found += self._search(queries[start : start + _QUERIES], count, among)
        return found

    def _search(self, queries: Vector, count: int, among: Ids | None) -> list[Found]:
        wanted = count if self.precision == "fp32" else max(_LEAST_CANDIDATES, 4 * count)
        if among is not None and len(among) <= _GATHER_SHARE * self._live:
            found = self._among_few(queries, wanted, among)
        else:
            found = self._among_all(queries, wanted, among)
        if self.precision == "int8" and self._fetch is not None:
            found = [self._ranked_again(q, f) for q, f in zip(queries, found, strict=True)]
        return [(ids[:count], scores[:count]) for ids, scores in found]

    def _among_all(self, queries: Vector, count: int, among: Ids | None) -> list[Found]:
        # All of one moment: or an item whose vector changes could be missed, old and new.
        parts = [(part, part.block.alive[: part.count].copy()) for part in self._parts]
        if not parts:  # all were removed a moment ago
            return [_NONE] * len(queries)
        stops = np.cumsum([len(alive) for _, alive in parts])
        scores = np.empty((len(queries), stops[-1]), np.float32)
        for (part, shown), stop in zip(parts, stops, strict=True):
            here = scores[:, stop - len(shown) : stop]
            part.block.score(queries, here)
            if among is not None:
                own = part.block.ids[: len(shown)]
                shown = shown & np.isin(own, among, assume_unique=True)
            if not shown.all():
                here[:, ~shown] = -np.inf

        def ids_of(rows: Ids) -> Ids:
            held = np.searchsorted(stops, rows, "right")
            places = zip(held.tolist(), (rows - stops[held]).tolist(), strict=True)
            found = [parts[i][0].block.ids[len(parts[i][1]) + row] for i, row in places]
            return np.array(found, np.int64)

        found = []
        for row in scores:
            best = _best_rows(row, count)
            found.append((ids_of(best), row[best]))
        return found

    def _among_few(self, queries: Vector, count: int, among: Ids) -> list[Found]:
        ids, vectors = [_NONE[0]], [np.empty((0, self.dim), np.float32)]
        for part, rows, _ in self._located(among):
            live = rows[part.block.alive[rows]]
            ids.append(part.block.ids[live])
            vectors.append(part.block.read(live))
        found, table = np.concatenate(ids), np.concatenate(vectors)
        return [_best(found, row, count) for row in queries @ table.T]

    def _ranked_again(self, query: Vector, found: Found) -> Found:
        """Rank the candidates of int8 by the vectors that are stored."""
        assert self._fetch is not None
        ids = found[0]
        if not len(ids):
            return found
        vectors = self._fetch(ids)
        scores = np.where(vectors.any(axis=1), vectors @ query, np.float32(-np.inf))
        return _best(ids, scores, len(ids))

    def _located(self, ids: Ids) -> Iterator[tuple[_Part, Ids, Sequence[int] | Ids]]:
        """Yield the part, the rows in it and the places in ``ids`` (rising) of those it holds."""
        parts = [part for part in self._parts if part.count]
        firsts = [int(part.block.ids[0]) for part in parts]
        start = 0
        while start < len(ids):
            place = bisect_right(firsts, int(ids[start])) - 1
            stop = len(ids)
            if place + 1 < len(firsts):
                stop = int(np.searchsorted(ids, firsts[place + 1]))
            if place >= 0:
                yield _rows_in(parts[place], ids, start, stop)
            start = stop


def _rows_in(part: _Part, ids: Ids, start: int, stop: int) -> tuple[_Part, Ids, Ids]:
    own = part.block.ids[: part.count]
    rows = np.searchsorted(own, ids[start:stop])
    held = np.flatnonzero(
        (rows < part.count) & (own[np.minimum(rows, part.count - 1)] == ids[start:stop])
    )
    return part, rows[held], held + start


def _best(ids: Ids, scores: NDArray[np.float32], count: int) -> Found:
    """Return the best, by falling score and then by rising id; -inf is no answer."""
    order = np.argsort(ids)
    picked = order[_best_rows(scores[order], count)]
    return ids[picked], scores[picked]


def _best_rows(scores: NDArray[np.float32], count: int) -> Ids:
    """Return the rows of the best scores, the best first, then by rising row; -inf is no answer."""
    # What the best of each few reach, as many as are wanted, the best of all reach, too; that is
    # found in one pass, and few others are as good.
    maxima = scores[: len(scores) // _FEW * _FEW].reshape(-1, _FEW).max(axis=1, initial=-np.inf)
    chosen = np.flatnonzero(scores >= _nth_best(maxima, count))
    chosen = chosen[scores[chosen] != -np.inf]
    # All that are as good as the last one: which of them is picked must not be left to chance.
    chosen = chosen[scores[chosen] >= _nth_best(scores[chosen], count)]
    rows: Ids = chosen[np.lexsort((chosen, -scores[chosen]))[:count]]
    return rows


def _nth_best(scores: NDArray[np.float32], count: int) -> np.float32:
    """Return the least of the best ``count`` scores, or -inf where there are no more."""
    if count >= len(scores):
        return np.float32(-np.inf)
    least: np.float32 = np.partition(scores, len(scores) - count)[len(scores) - count]
    return least
