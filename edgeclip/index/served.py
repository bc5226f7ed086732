"""Served: a graph in step with exact search.

The graph only proposes: what it finds is ranked again by the exact vectors, so scores are true and
what was removed cannot come back, whatever the graph holds.  What the graph does not have yet is
compared exactly.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeclip.index.build import capacity_for
from edgeclip.index.effort import COUNT, SEEDS, Tier, likely_queries, tenth, tiers
from edgeclip.index.exact import Exact, Found
from edgeclip.index.hnsw import Graph, Ids, version
from edgeclip.index.saved import Manifest, Refused
from edgeclip.index.store import Identity
from edgeclip.index.tiers import NOTHING, Measured
from edgeclip.vectors import Vector

Allowed = Callable[[int], bool]

MOST_TOMBS = 0.2
"""The share of deleted ids above which a graph is worn."""
DRAIN_ROWS = 64
"""How many rows are brought into a graph at once."""
_GROWTH, _LEAST_GROWTH = 1.2, 256
_OUTGROWN = 1.1
_SAME = 0.999


class Worn(Exception):
    """A graph that is undamaged, and yet not good enough."""


@dataclass(frozen=True, slots=True)
class Served:
    """What answers; replaced as a whole, never changed (but the graph inside is)."""

    graph: Graph
    base: int
    """How many ids were in the saved file."""
    pending: Ids
    """Ids that exact search has and the graph does not have yet, rising."""
    measured: Measured = NOTHING
    """What it may answer, and how hard it must search for that."""

    @property
    def tombs(self) -> float:
        """The share of the graph that is marked as deleted."""
        return self.graph.deleted / max(1, self.graph.deleted + len(self.graph))

    @property
    def worn(self) -> bool:
        """Whether another should be built: too much was added or removed since."""
        count = len(self.graph) + len(self.pending)
        return self.graph.full(DRAIN_ROWS) or is_worn(self.base, count, self.tombs)

    @property
    def outgrown(self) -> bool:
        """Whether the graph has grown too much since it was measured."""
        return len(self.graph) > _OUTGROWN * self.measured.size

    def answer(
        self, exact: Exact, queries: Vector, count: int, allowed: Allowed | None = None
    ) -> dict[int, Found]:
        """Return the nearest vectors for queries; see `Graph.search`.

        Returns:
            Place of the query → answer; without those for which the graph was not found to be
            good.

        Raises:
            TooFew: the graph does not reach as many.
            GraphError: the graph failed.
        """
        found: dict[int, Found] = {}
        left = {0: [] if self.outgrown else list(range(len(queries)))}
        for number, tier in enumerate(self.measured.tiers):
            places = left.get(number, [])
            if not places:
                continue
            wanted = max(count, COUNT)
            told = self.ranked(exact, queries[places], wanted, allowed, ef=tier.ef)
            for place, (ids, scores) in zip(places, told, strict=True):
                needed = self._tier(tenth((ids, scores)))
                if needed <= number:
                    found[place] = ids[:count], scores[:count]
                else:
                    left.setdefault(needed, []).append(place)
        return found

    def _tier(self, score: float) -> int:
        """Return the place of the tier for a score; behind the last one if there is none."""
        places = (i for i, tier in enumerate(self.measured.tiers) if score >= tier.least)
        return next(places, len(self.measured.tiers))

    def ranked(
        self,
        exact: Exact,
        queries: Vector,
        count: int,
        allowed: Allowed | None = None,
        *,
        ef: int,
    ) -> list[Found]:
        """Let the graph propose, and rank its proposals and what is pending."""
        ids, _ = self.graph.search(queries, count, allowed, ef=ef)
        pending = self.pending
        if allowed is not None:
            pending = np.array([i for i in pending.tolist() if allowed(i)], np.int64)
        return [
            exact.search(query[None], count, np.union1d(row, pending))[0]
            for query, row in zip(queries, ids, strict=True)
        ]


def is_worn(base: int, count: int, tombs: float) -> bool:
    """Tell whether another graph should be built: too much was added or removed.

    Args:
        base: how many ids were in the saved file.
        count: how many there are now.
        tombs: the share of the graph's ids that are gone.
    """
    return count > _GROWTH * base + _LEAST_GROWTH or tombs > MOST_TOMBS


class Slot:
    """The place of what is served, and of the truth beside it; any thread may change it."""

    def __init__(self, identity: Identity, exact: Exact) -> None:
        self.identity, self.exact = identity, exact
        self._lock = threading.Lock()  # never held for longer than a removal takes
        self.served: Served | None = None
        self.erasures = 0
        """How often it was cleared."""

    def clear(self) -> None:
        """Serve nothing, and nothing that was begun before."""
        with self._lock:
            self.erasures += 1
            self.served = None

    def drop(self, graph: Graph) -> None:
        """Serve this graph no more."""
        with self._lock:
            if self.served is not None and self.served.graph is graph:
                self.served = None

    def fill(self, served: Served, exact: Exact, erasures: int) -> None:
        """Serve a graph, in step from this moment on.

        Raises:
            Worn: it was cleared since ``erasures`` was read.
        """
        with self._lock:
            if erasures != self.erasures:
                raise Worn("much was removed meanwhile")
            again, _ = in_step(served.graph, exact, served.base)
            self.served = replace(again, measured=served.measured)

    def judged(self, graph: Graph, measured: Measured) -> None:
        """Note how hard a graph must search now."""
        with self._lock:
            if self.served is not None and self.served.graph is graph:
                self.served = replace(self.served, measured=measured)

    def added(self, ids: Ids) -> None:
        """Note what the graph lacks."""
        with self._lock:
            if self.served is not None:
                pending = np.union1d(self.served.pending, ids)
                self.served = replace(self.served, pending=pending)

    def brought_in(self, graph: Graph, ids: Ids) -> None:
        """Note what the graph lacks no more."""
        with self._lock:
            if self.served is not None and self.served.graph is graph:
                pending = np.setdiff1d(self.served.pending, ids)
                self.served = replace(self.served, pending=pending)


def in_step(graph: Graph, exact: Exact, base: int) -> tuple[Served, Vector]:
    """Remove from a graph what is gone, and note what it lacks.

    Returns:
        What can be served, and some of the vectors that were removed now.
    """
    live = exact.ids()
    lost = graph.remove(np.setdiff1d(graph.ids(), live), keep=SEEDS)
    return Served(graph, base, np.setdiff1d(live, graph.ids())), lost


def bring_in(graph: Graph, exact: Exact, ids: Ids) -> None:
    """Add ids to a graph, but those that go meanwhile.

    Raises:
        GraphError: the graph failed, or they do not fit.
    """
    vectors = exact.vectors(ids)
    # No id comes back: one that is there after its vector was read was there then.
    live = np.isin(ids, exact.ids())
    graph.add(ids[live], vectors[live])
    graph.remove(ids[~np.isin(ids, exact.ids())])


def loaded(file: Path, manifest: Manifest, exact: Exact) -> Graph:
    """Return the graph of a file that was checked.

    Raises:
        Refused: another version of hnswlib made it, or from other vectors (an old database was
            brought back).
        GraphError: hnswlib refuses it.
    """
    if manifest.hnswlib != version():
        raise Refused(f"hnswlib {manifest.hnswlib} made it, and {version()} is here")
    capacity = max(manifest.capacity, capacity_for(len(exact)))
    graph = Graph.load(file, exact.dim, capacity)
    both = np.intersect1d(graph.ids(), exact.ids())
    ids = np.union1d(_some(both), both[-SEEDS:])  # the newest are the likeliest to differ
    cosines = np.einsum("nd,nd->n", graph.vectors(ids), exact.vectors(ids))
    if np.count_nonzero(cosines < _SAME) > 2:  # one may have gone meanwhile
        raise Refused("it was built from other vectors")
    return graph


def measured(
    served: Served, exact: Exact, evidence: Vector, stop: Callable[[], bool]
) -> tuple[Tier, ...]:
    """Return how hard a graph must search to find what exact search finds.

    Args:
        served: the graph.
        exact: the truth.
        evidence: ``(q, dim)`` to measure beside what is likely: what people asked, and vectors
            that were removed (there a graph may have a hole).
        stop: tells whether the answer is not wanted any more.

    Raises:
        Worn: it finds too little; or it was stopped.
        GraphError: the graph failed.
    """
    ids = _some(np.intersect1d(served.graph.ids(), exact.ids()))
    vectors = exact.vectors(ids)
    vectors = vectors[np.isin(ids, exact.ids())]  # the others went meanwhile
    if not len(vectors):
        raise Worn("nothing is left of it")

    def truth(queries: Vector, count: int) -> Sequence[Found]:
        if stop():
            raise Worn("the index is closed")
        return exact.search(queries, count)

    def graph(ef: int) -> Callable[[Vector, int], Sequence[Found]]:
        in_step(served.graph, exact, served.base)  # what went meanwhile must take no place
        return lambda queries, count: served.ranked(exact, queries, count, ef=ef)

    known = np.union1d(served.graph.ids(), served.pending)

    def still(found: Sequence[Found]) -> Sequence[Found]:
        here = np.intersect1d(known, exact.ids(), assume_unique=True)
        kept = [_within(here, each) for each, _ in found]
        return [(ids[k], scores[k]) for (ids, scores), k in zip(found, kept, strict=True)]

    queries = np.concatenate([likely_queries(vectors), evidence])
    good = tiers(queries, truth, graph, still)
    if not good:
        raise Worn("it finds too little")
    return tuple(good)


def _within(rising: Ids, ids: Ids) -> NDArray[np.bool_]:
    """Tell for each id whether it is among the others."""
    if not len(rising):
        return np.zeros(len(ids), np.bool_)
    places = np.minimum(np.searchsorted(rising, ids), len(rising) - 1)
    found: NDArray[np.bool_] = rising[places] == ids
    return found


def _some(ids: Ids) -> Ids:
    """Return some ids, evenly from the first to the last."""
    if not len(ids):
        return ids
    places = np.unique(np.linspace(0, len(ids) - 1, SEEDS).astype(np.int64))
    some: Ids = ids[places]
    return some
