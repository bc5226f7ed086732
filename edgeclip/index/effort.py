"""How hard a graph must search, measured on the vectors that it holds.

How hard the ten nearest vectors are to find depends on the score of the tenth: where it is high,
they are neighbours of one another, and one leads to the next; where it is low, as for words that
fit nothing, or for a vector that stands alone, they lie apart in all directions.  The score of the
best tells nothing: beside it the other nine may be anywhere.

So queries of all kinds are compared with exact search, in the order of the score of the tenth; a
graph answers down to the lowest score at which it was seen to find enough, and as hard as that
needed.  Below, exact search answers.  A search that has lost its way ends with low scores, and so
is repeated harder or exactly.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeclip.index.exact import Found
from edgeclip.vectors import Vector, unit

Search = Callable[[Vector, int], Sequence[Found]]
Still = Callable[[Sequence[Found]], Sequence[Found]]

SEEDS = 64
"""How many vectors stand for all."""
COUNT = 10
"""How many answers are compared."""
LADDER = (100, 150, 200, 300, 400, 600, 800, 1200, 2000, 3000)
"""Candidates to keep; beyond these exact search is not much slower."""
RECALL = 0.99
"""The share of the ten best that must be found."""
LEAST_RECALL = 0.8
"""The same for each single query."""
_PART = 16
"""Queries of about the same score that are judged together."""
_LOST = 0.1
"""The share of these that may end below their score, and be repeated harder."""
# Each query of a batch takes 4 bytes a vector for its scores.
_QUERIES = 4
# A cosine is computed in float32, in another order by each: both sides of this are equal.
_EQUAL = 1e-5
# Lengths of the noise: cosines of 0.86, 0.64 and 0.38 to the vector that a query is made of.
_NOISE = (0.6, 1.2, 2.4)
_MUCH = 0.02
_SEED = 7_401_926_355  # one that nobody makes test vectors with: noise must not be one of them


@dataclass(frozen=True, slots=True)
class Tier:
    """Down to which score it is enough to search how hard."""

    least: float
    """The score of the tenth answer, see `tenth`."""
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

    def queries(self, dim: int) -> Vector:
        """Return what was asked, if it was enough, and what was lost; it is not new any more."""
        if self._new_asked >= self._enough:
            self._enough *= 2  # what people ask changes slowly, and measuring takes time
            self._new_asked = 0
        self._new_lost = 0
        asked, lost = list(self._asked.copy()), list(self._lost.copy())
        all_ = [*asked, *lost] if len(asked) == SEEDS else lost
        return np.array(all_, np.float32).reshape(-1, dim)


def tiers(
    queries: Vector, exact: Search, graph: Callable[[int], Search], still: Still = list
) -> list[Tier]:
    """Measure how hard a graph must search.

    Args:
        queries: ``(q, dim)`` of all kinds.
        exact: the truth.
        graph: candidates to keep → the search that keeps so many.
        still: true answers → those that the graph can still find, as all may change meanwhile.

    Returns:
        By falling score and rising effort; nothing when it finds too little for half of them.
    """
    if not len(queries):
        return []
    truth = _asked(exact, queries)
    scores = np.array([tenth(found) for found in truth])
    order = np.argsort(-scores, kind="stable")
    found: list[Tier] = []
    step, good, strayed = 0, 0, order[:0]
    for part in np.array_split(order, max(1, len(order) // _PART)):
        least = float(scores[part].min()) - _EQUAL
        both = np.union1d(part, strayed)  # what strayed is searched as those to which it came
        told = _step(queries[both], [truth[i] for i in both], least, step, graph, still)
        if told is None:
            break
        step, here = told
        good, strayed = good + len(part), both[~here]
        if found and found[-1].ef == LADDER[step]:
            found.pop()
        # The lower of them are as near to the next part, which may need much more.
        found.append(Tier(float(np.median(scores[part])) - _EQUAL, LADDER[step]))
    return found if 2 * good >= len(order) else []


def tenth(found: Found) -> float:
    """Return the score of the tenth answer, or of the last if there are fewer; -1: none."""
    scores = found[1][:COUNT]
    return float(scores[-1]) if len(scores) else -1.0


def likely_queries(vectors: Vector) -> Vector:
    """Make ``(2 n, dim)`` queries that are like what is there, half of them very, half a little.

    Args:
        vectors: ``(n, dim)`` that are there.
    """
    noise = unit(np.random.default_rng(_SEED).standard_normal(vectors.shape))
    near, *far = (unit(vectors + length * noise) for length in _NOISE)
    return np.concatenate([near, *(queries[::2] for queries in far)])


def recalls(truth: Sequence[Found], found: Sequence[Found]) -> Vector:
    """Return the share of the true answers that was found for each query, ``(q,)``, in [0, 1].

    By score, not by id: of equal vectors any may be found.
    """
    shares = [
        min(1.0, np.count_nonzero(scores >= best[-1] - _EQUAL) / len(best)) if len(best) else 1.0
        for (_, best), (_, scores) in zip(truth, found, strict=True)
    ]
    return np.array(shares, np.float32)


def _asked(search: Search, queries: Vector) -> list[Found]:
    return [
        found
        for start in range(0, len(queries), _QUERIES)
        for found in search(queries[start : start + _QUERIES], COUNT)
    ]


def _step(
    queries: Vector,
    truth: list[Found],
    least: float,
    first: int,
    graph: Callable[[int], Search],
    still: Still,
) -> tuple[int, NDArray[np.bool_]] | None:
    """Return the least step of the ladder that finds enough down to a score.

    Returns:
        The step, and for which queries it ended at that score or above; None: no step does.
    """
    for step in range(first, len(LADDER)):
        found = _asked(graph(LADDER[step]), queries)
        left = still(truth)
        here = np.array([_reaches(own, all_, least) for own, all_ in zip(found, left, strict=True)])
        shares = recalls(left, found)[here]
        if here.mean() < 1 - _LOST:
            continue
        if shares.mean() >= RECALL and shares.min() >= LEAST_RECALL:
            return step, here
    return None


def _reaches(found: Found, truth: Found, least: float) -> bool:
    """Tell whether as many answers as are true (some may be gone) have that score."""
    count = len(truth[1])
    return int(np.count_nonzero(found[1] >= least)) >= count
