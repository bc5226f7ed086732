"""Keeper: loads, builds, renews and gives up the graph of an index, in a thread of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from edgeclip.errors import EdgeclipError
from edgeclip.index.build import Child, too_big
from edgeclip.index.cache import manifests, set_aside
from edgeclip.index.effort import Evidence
from edgeclip.index.hnsw import Graph, GraphError
from edgeclip.index.saved import Manifest, Refused, opened
from edgeclip.index.served import (
    DRAIN_ROWS,
    MOST_TOMBS,
    Served,
    Slot,
    Worn,
    bring_in,
    in_step,
    loaded,
    measured,
)
from edgeclip.index.tiers import Measured, keep, kept
from edgeclip.index.worth import Patience, Worth
from edgeclip.vectors import Vector

# The searches that wait get the lock of the graph between two turns.
_TURN_ROWS, _TURN_S = 8, 0.001
_FEW = 0.05
_POLL_S, _QUIET_S, _READER_S = 0.05, 1.0, 30.0


class Keeper:
    """Fills a slot and keeps it in step; nothing waits for it."""

    def __init__(
        self,
        folder: Path,
        slot: Slot,
        *,
        when: bool | None,
        may_build: bool,
        note: Callable[[str], None],
    ) -> None:
        """Prepare it; `start` begins.  See `Approximate` for what it is given."""
        self._folder, self._slot = folder, slot
        self._may_build, self._note = may_build, note
        self.evidence = Evidence()
        self.busy = False
        """Whether a first graph is being loaded or built."""
        self._resting = False
        self._tried: set[Any] = set()
        self._noted: set[str] = set()
        self._worth, self._patience = Worth(when), Patience()
        # Not an Event: a thread that is interrupted within its set() would keep its lock for ever.
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="edgeclip-graph", daemon=True)

    @property
    def settled(self) -> bool:
        """Whether there is nothing to do for now."""
        if not self._thread.is_alive():
            return True
        soon = 0 < self._patience.left_s <= _QUIET_S and self._idle_s() is not None
        return self._resting and self._wake.empty() and not soon

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Look whether there is something to do."""
        if self._wake.empty():
            self._wake.put(None)

    def begin_anew(self, *, retry: bool) -> None:
        """Give up what is served, and build again when no more has changed for a moment.

        Args:
            retry: try saved graphs again, too.
        """
        if retry:
            self._tried = set()
        self._slot.clear()
        # More may be removed in a moment, and a build would begin again each time.
        self._patience.at_least(_QUIET_S)
        self.wake()

    def fail(self, graph: Graph, reason: str) -> None:
        """Give a graph up that has failed."""
        self._slot.drop(graph)
        self._back_off(reason)
        self.wake()

    def close(self) -> None:
        """Stop the thread and the child process."""
        self._closing.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join()
        self._slot.clear()

    def _work(self) -> None:
        try:
            while True:
                with contextlib.suppress(Empty):
                    self._wake.get_nowait()
                # In this order: who closes does not wake again what somebody else has woken, and
                # that word may just have been taken.
                if self._closing.is_set():
                    break
                if not self._turn():
                    self._resting = True
                    with contextlib.suppress(Empty):
                        self._wake.get(timeout=self._idle_s())
                    self._resting = False
        except EdgeclipError as error:  # the extra is missing
            self._tell(f"{error} Exact search serves.")
        except Exception as error:  # a cache must never take the index with it
            self._tell(f"fast search failed ({error!r}). Exact search serves.")
        self._slot.clear()

    def _turn(self) -> bool:
        """Do one thing; return False when there is nothing to do for now."""
        served = self._slot.served
        if served is None:
            return self._worth.now(self._slot.exact) and self._begin()
        known = len(served.graph)
        # What is pending is compared exactly, so with much of it any graph would seem good.
        if served.outgrown and len(served.pending) < _FEW * known and not served.worn:
            return self._judge(served)
        if self._drain():
            return True
        if served.worn:
            return self._renew(served)
        return self.evidence.is_new(known) and self._judge(served)

    def _idle_s(self) -> float | None:
        """Return how long there is nothing to do, unless something happens; None: for ever."""
        served = self._slot.served
        if (served is None and not self._worth.slow) or (served and not served.worn):
            return None
        if not self._may_build:
            return _READER_S
        return max(_POLL_S, self._patience.left_s)

    def _begin(self) -> bool:
        """Load a saved graph, or build one."""
        self.busy = True
        try:
            return self._load() or self._build()
        finally:
            self.busy = False

    def _renew(self, served: Served) -> bool:
        """Build the next graph; who may not build looks for one that another has built."""
        if self._may_build:
            return self._build()
        if served.tombs > MOST_TOMBS:
            self._slot.drop(served.graph)
        return self._load()

    def _load(self) -> bool:
        """Serve the newest saved graph that is good and was not tried before."""
        tried = self._tried
        for path in manifests(self._folder):
            mark = _mark(path)
            if mark in tried or self._closing.is_set():
                continue
            tried.add(mark)
            try:
                self._take(path)
                return True
            except Worn:
                continue
            except (Refused, GraphError) as error:
                self._refuse(path, error)
        return False

    def _take(self, path: Path) -> None:
        """Read a saved graph, bring it in step and serve it."""
        erasures, exact = self._slot.erasures, self._slot.exact
        with opened(path, replace(self._slot.identity, dim=exact.dim)) as (file, manifest):
            self._make_room(manifest)
            graph = loaded(file, manifest, exact)
        served, lost = in_step(graph, exact, manifest.count)
        secret = self._slot.identity.secret
        good = kept(path, manifest, secret)
        if good is None or not good.fits(len(graph)):
            good = self._measured(served, lost)
            if self._may_build:
                keep(path, manifest, secret, good)
        self._slot.fill(replace(served, measured=good), exact, erasures)
        self._patience.succeeded()

    def _make_room(self, manifest: Manifest) -> None:
        """Give the old graph up where two do not fit: exact search serves while one is loaded."""
        if too_big(manifest.count, manifest.dim) and self._slot.served is not None:
            self._slot.drop(self._slot.served.graph)
        if problem := too_big(manifest.count, manifest.dim):
            raise Worn(self._back_off(problem))

    def _build(self) -> bool:
        """Let a child process build a graph, then serve that; keep in step meanwhile."""
        if not self._may_build or self._patience.left_s:
            return False
        if problem := too_big(len(self._slot.exact), self._slot.exact.dim):
            self._back_off(problem)
            return True
        erasures, child = self._slot.erasures, Child(self._folder)
        while child.running():
            if self._closing.is_set() or erasures != self._slot.erasures:
                child.stop()
                return True
            if not self._drain():
                self._closing.wait(_POLL_S)
        problem = child.problem()
        if problem is None and not self._load() and erasures == self._slot.erasures:
            problem = "a new graph finds too little"
        if problem is not None:
            self._back_off(problem)
        elif (served := self._slot.served) is not None and served.worn:
            self._patience.failed()  # things change faster than a graph is built
        return True

    def _drain(self) -> bool:
        """Bring some of what is pending into the graph, a few rows at a time."""
        served, exact = self._slot.served, self._slot.exact
        if served is None or not len(served.pending) or served.graph.full(DRAIN_ROWS):
            return False
        ids = served.pending[:DRAIN_ROWS]
        try:
            for start in range(0, len(ids), _TURN_ROWS):
                bring_in(served.graph, exact, ids[start : start + _TURN_ROWS])
                self._closing.wait(_TURN_S)
        except GraphError as error:
            self.fail(served.graph, str(error))
            return False
        self._slot.brought_in(served.graph, ids)
        return True

    def _judge(self, served: Served) -> bool:
        """Measure again how hard the graph must search, as it or the queries have changed."""
        try:
            self._slot.judged(served.graph, self._measured(served))
        except Worn:
            self._slot.drop(served.graph)
        except GraphError as error:
            self.fail(served.graph, str(error))
        return True

    def _measured(self, served: Served, lost: Vector | None = None) -> Measured:
        exact, size = self._slot.exact, len(served.graph)
        queries = self.evidence.queries(exact.dim)
        queries = queries if lost is None else np.concatenate([queries, lost])
        return Measured(measured(served, exact, queries, self._closing.is_set), size)

    def _refuse(self, path: Path, error: Exception) -> None:
        self._tell(f"the saved graph {path.stem} is not used: {error}. Exact search serves.")
        if self._may_build:
            set_aside(self._folder, path)

    def _back_off(self, reason: str) -> str:
        self._patience.failed()
        self._tell(f"there is no graph for fast search: {reason.rstrip('.')}. Exact search serves.")
        return reason

    def _tell(self, sentence: str) -> None:
        if sentence not in self._noted:
            self._noted.add(sentence)
            self._note(sentence)


def _mark(path: Path) -> Any:
    """Tell one file from another that takes its name later."""
    try:
        known = path.lstat()
    except OSError:
        return path.name
    return path.name, known.st_ino, known.st_mtime_ns
