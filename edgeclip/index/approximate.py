"""Approximate: fast search in many vectors, or None: then exact search serves.

All that takes time happens in a thread and in a child process; neither a search nor a write waits
for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgeclip.index.build import too_big
from edgeclip.index.cache import manifests
from edgeclip.index.exact import Exact, Found
from edgeclip.index.hnsw import GraphError, Ids, TooFew, is_installed, version
from edgeclip.index.keeper import Keeper
from edgeclip.index.saved import Refused, opened
from edgeclip.index.served import Allowed, Slot, is_worn
from edgeclip.index.store import Identity
from edgeclip.index.worth import Worth
from edgeclip.vectors import Vector

_BULK_SHARE, _LEAST_BULK = 0.02, 256
_POLL_S = 0.05
# Exact search gathers rows up to this share; beyond it, comparing all is as fast.
_MOST_SHARE = 0.1


class Approximate:
    """The graph of an index.  Any thread may call any method."""

    def __init__(
        self,
        folder: Path,
        identity: Identity,
        exact: Exact,
        *,
        when: bool | None,
        may_build: bool,
        note: Callable[[str], None],
    ) -> None:
        """Begin to load or build in the background; nothing here waits.

        Args:
            folder: of the index.
            identity: of its store.
            exact: the truth that answers are ranked by.
            when: None: where exact search is slow on this board; True: always; False: never.
            may_build: build and delete files; a reader only loads.
            note: takes a sentence for people, from any thread.
        """
        self._folder, self._when, self._note = folder, when, note
        self._slot = Slot(identity, exact)
        self._keeper = Keeper(folder, self._slot, when=when, may_build=may_build, note=note)
        if when is not False:
            self._keeper.start()

    @property
    def state(self) -> str:
        """``hnsw``, ``building`` (exact search serves meanwhile) or ``exact``."""
        if self._slot.served is not None:
            return "hnsw"
        return "building" if self._keeper.busy else "exact"

    def search(
        self, queries: Vector, count: int, allowed: Allowed | None = None
    ) -> list[Found] | None:
        """Return the nearest vectors for each query, or None: ask exact search.

        Args:
            queries: ``(q, dim)`` float32 of unit length, finite.
            count: how many for each, at most.
            allowed: tells of an id whether it may be found; see `Graph.search`.  Worth it where
                many are allowed; for few, exact search among them is faster.
        """
        served, exact = self._slot.served, self._slot.exact
        if allowed is None and self._keeper.evidence.asked(queries):
            self._keeper.wake()
        if served is None or count + len(served.pending) > _MOST_SHARE * len(exact):
            return None
        try:
            found = served.answer(exact, queries, count, allowed)
        except TooFew:
            return None
        except GraphError as error:
            self._keeper.fail(served.graph, str(error))
            return None
        # What was removed during this search has left a gap.
        good = {place: each for place, each in found.items() if len(each[0]) == count}
        rest = [place for place in range(len(queries)) if place not in good]
        if rest and (allowed is not None or not good):
            return None
        good.update(zip(rest, exact.search(queries[rest], count), strict=True))
        return [good[place] for place in range(len(queries))]

    def is_due(self) -> bool:
        """Tell whether a graph is worth it on this board, and no saved one covers what is there.

        A saved graph is read to its end and hashed, about a second for 1 GB.
        """
        served, exact, identity = self._slot.served, self._slot.exact, self._slot.identity
        if served is not None:
            return served.worn
        if not is_installed() or not Worth(self._when or None).now(exact):
            return False
        if too_big(len(exact), exact.dim):
            return False
        return not any(
            self._covers(path, replace(identity, dim=exact.dim)) for path in manifests(self._folder)
        )

    def _covers(self, path: Path, identity: Identity) -> bool:
        """Tell whether a saved graph is good, and does not lack too much."""
        try:
            with opened(path, identity) as (_, saved):
                ids = self._slot.exact.ids()
                held = int(np.count_nonzero(ids <= saved.last_id))
                worn = is_worn(saved.count, len(ids), 1 - held / saved.count)
                return saved.hnswlib == version() and not worn
        except Refused:
            return False

    def build(self, stop: Callable[[], bool]) -> None:
        """Wait until there is a graph that covers what is there, or no hope of one.

        Args:
            stop: tells whether to wait no longer.
        """
        near, slot = self, self._slot
        if self._when is False:  # nobody searches by it here; its file is wanted
            near = Approximate(
                self._folder, slot.identity, slot.exact, when=None, may_build=True, note=self._note
            )
        try:
            while not (near._is_ready() or stop()):
                time.sleep(_POLL_S)
        finally:
            if near is not self:
                near.close()

    def _is_ready(self) -> bool:
        served = self._slot.served
        return self._keeper.settled or (served is not None and not served.worn)

    def added(self, ids: Ids) -> None:
        """Take notice of ids, after exact search has them."""
        self._slot.added(ids)
        self._keeper.wake()

    def removed(self, ids: Ids, bulk: bool = False) -> None:
        """Take notice of ids that are gone, after exact search has forgotten them.

        Args:
            ids: ``(n,)``.
            bulk: they belong together (a person, a camera), so that the graph has a hole where
                they were; exact search serves until another is built.  Many ids are taken so, too.
        """
        served = self._slot.served
        if bulk or len(ids) >= max(_LEAST_BULK, _BULK_SHARE * len(self._slot.exact)):
            self._keeper.begin_anew(retry=False)
        elif served is not None:
            try:
                self._keeper.evidence.lost(len(ids), served.graph.remove(ids, keep=8))
            except GraphError as error:
                self._keeper.fail(served.graph, str(error))
        self._keeper.wake()

    def replaced(self, identity: Identity, exact: Exact) -> None:
        """Go on with another truth of the same index, after everything was read anew."""
        self._slot.identity, self._slot.exact = identity, exact
        self._keeper.begin_anew(retry=True)

    def close(self) -> None:
        """Stop the thread and the child process."""
        self._keeper.close()
