"""How hard a graph must search, measured on the vectors that it holds.

A graph finds pictures easily and words with more effort: the vector of a text points mostly where
no picture does (cosines of right pairs are about 0.3), so its nearest pictures are far from it and
from one another.  And where many neighbours were removed, the links end.  So a graph answers only
queries of a kind for which it was compared with exact search, as hard as that showed to be needed.
The kinds are told apart by the score of the best answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgeclip.index.exact import Found
from edgeclip.vectors import Vector, unit

Search = Callable[[Vector, int], Sequence[Found]]
Still = Callable[[Sequence[Found]], Sequence[Found]]

SEEDS = 64
"""How many vectors stand for all."""
LADDER = (100, 150, 200, 300, 400, 600, 800, 1200, 2000, 3000)
"""Candidates to keep; beyond these exact search is not much slower."""
RECALL = 0.99
"""The share of the ten best that must be found."""
_COUNT = 10
# Each query of a batch takes 4 bytes a vector for its scores.
_QUERIES = 4
# A cosine is computed in float32, in another order by each: both sides of this are equal.
_EQUAL = 1e-5
# Lengths of the noise: cosines of 0.86, 0.64 and 0.38 to the vector that a query is made of.
_NOISE = (0.6, 1.2, 2.4)
_MUCH = 0.02
_ROOM = 0.5
_SEED = 7_401_926_355  # one that nobody makes test vectors with: noise must not be one of them


@dataclass(frozen=True, slots=True)
class Tier:
    """A kind of queries, and how hard a graph must search for them."""

    least: float
    """The score that the best answer of such a query has; below it is of another kind."""
    ef: int
    """Candidates to keep."""


class Evidence:
    """What shows how hard a graph must search: what people ask, and what was removed."""

    def __init__(self) -> None:
        self._asked: deque[Vector] = deque(maxlen=SEEDS)
        self._lost: deque[Vector] = deque(maxlen=SEEDS)
        self._new_asked, self._new_lost = 0, 0
        self._enough = SEEDS

    def asked(self, queries: Vector) -> bool:
        """Remember the last of ``(q, dim)`` queries; tell whether there is enough to measure."""
        self._asked.extend(queries[-1:].copy())
        self._new_asked += 1
        return self._new_asked == self._enough

    def lost(self, count: int, vectors: Vector) -> None:
        """Remember that so many vectors were removed, and some of them."""
        self._new_lost += count
        self._lost.extend(vectors)

    def is_new(self, count: int) -> bool:
        """Tell whether a graph of ``count`` vectors should be measured again."""
        return self._new_asked >= self._enough or self._new_lost > max(SEEDS, _MUCH * count)

    def queries(self, dim: int) -> tuple[Vector, Vector]:
        """Return what was asked, if it was enough, and what was lost; it is not new any more."""
        if self._new_asked >= self._enough:
            self._enough *= 2  # what people ask changes slowly, and measuring takes time
            self._new_asked = 0
        self._new_lost = 0
        asked = self._asked.copy() if len(self._asked) == SEEDS else ()
        kinds = [np.array(kind, np.float32) for kind in (list(asked), list(self._lost.copy()))]
        return kinds[0].reshape(-1, dim), kinds[1].reshape(-1, dim)


def tiers(
    kinds: Sequence[tuple[Vector, Vector]],
    exact: Search,
    graph: Callable[[int], Search],
    still: Still = list,
) -> list[Tier]:
    """Measure how hard a graph must search for each kind of queries.

    Args:
        kinds: queries of each kind, ``(q, dim)``, and more that are as important as those.
        exact: the truth.
        graph: candidates to keep → the search that keeps so many.
        still: true answers → those that the graph can still find, as all may change meanwhile.

    Returns:
        By falling score; kinds for which it finds too little are left out.
    """
    found = []
    for queries, more in kinds:
        truth = _asked(exact, queries)
        both = [(queries, truth), (more, _asked(exact, more))]
        ef = _least_effort(both, graph, still)
        best = [scores[0] for _, scores in truth if len(scores)]
        if ef is not None and best:
            # Of 64 the least is no limit yet: some room, or 1 of 50 more would be left out.
            found.append(Tier(float(np.min(best) - _ROOM * np.std(best)), ef))
    return sorted(found, key=lambda tier: -tier.least)


def likely_queries(vectors: Vector) -> list[Vector]:
    """Make queries that are like what is there, from very to little.

    Args:
        vectors: ``(n, dim)`` that are there.
    """
    if not len(vectors):
        return []
    noise = unit(np.random.default_rng(_SEED).standard_normal(vectors.shape))
    near, *far = (unit(vectors + length * noise) for length in _NOISE)
    return [near, *(queries[::2] for queries in far)]


def recall(truth: Sequence[Found], found: Sequence[Found]) -> float:
    """Return the share of the true answers that was found, in [0, 1].

    By score, not by id: of equal vectors any may be found.
    """
    wanted = sum(len(ids) for ids, _ in truth)
    right = sum(
        min(len(best), int(np.count_nonzero(scores >= best[-1] - _EQUAL)))
        for (_, best), (_, scores) in zip(truth, found, strict=True)
        if len(best)
    )
    return right / wanted if wanted else 1.0


def _asked(search: Search, queries: Vector) -> list[Found]:
    return [
        found
        for start in range(0, len(queries), _QUERIES)
        for found in search(queries[start : start + _QUERIES], _COUNT)
    ]


def _least_effort(
    kinds: Sequence[tuple[Vector, list[Found]]], graph: Callable[[int], Search], still: Still
) -> int | None:
    """Return the least step of the ladder that finds enough; None: even the last does not."""
    step = 0
    for queries, truth in kinds:
        while True:
            found = _asked(graph(LADDER[step]), queries)
            if recall(still(truth), found) >= RECALL:
                break
            step += 1
            if step == len(LADDER):
                return None
    return LADDER[step]
