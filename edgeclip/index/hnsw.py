"""Graph: approximate search, a cache that can be thrown away; the only importer of hnswlib.

What hnswlib 0.8.0 does on its own, and what is done about it here:

* A search beside an insertion fails now and then, beside a resize it crashes: one lock around every
  call, and a graph is never resized (a bigger one is built and swapped in).
* Loading a bad file into a graph that holds something frees memory twice: always a fresh object.
* It reads as many numbers of a query as it wants, and NaN spoils the graph: both are refused here.
* Saving and loading hold Python's lock (searching and adding do not), and saving succeeds when
  nothing was written: only a child process saves, and the caller compares the sizes.
* Labels are ids, which are never used twice, and ``replace_deleted`` is not used: it answers with
  the same label twice.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclip.errors import ExtraMissing
from edgeclip.model.cpus import usable_cpus
from edgeclip.vectors import Vector

Ids = NDArray[np.int64]

M = 16
"""Links of a node; twice as many on the lowest level."""
EF_CONSTRUCTION = 200
EF = 200
"""Candidates that a search keeps unless it is told how many."""
_SEED = 20
_EFFORTS = (1, 4)
"""A search that finds too little is repeated with so many times the candidates."""


class GraphError(RuntimeError):
    """Report that a graph cannot answer or take something; exact search can."""


class TooFew(GraphError):
    """Report that a graph does not reach as many items as were asked for; it is still good."""


def is_installed() -> bool:
    """Tell whether hnswlib is there."""
    return importlib.util.find_spec("hnswlib") is not None


def version() -> str:
    """Return hnswlib's version.

    Raises:
        ExtraMissing: hnswlib is not installed.
    """
    _library()
    return importlib.metadata.version("hnswlib")


class Graph:
    """Ids and unit vectors, linked to their neighbours.

    Any thread may call any method.  Scores are cosines.
    """

    def __init__(self, index: Any, dim: int, ids: set[int]) -> None:
        self._index = index  # hnswlib.Index
        self._dim = dim
        self._live = ids
        self._dead: set[int] = set()
        self._lock = threading.Lock()
        self._threads = usable_cpus()
        self.capacity = int(index.get_max_elements())
        """How many ids it can take, deleted ones included."""

    @classmethod
    def empty(cls, dim: int, capacity: int) -> Graph:
        """Return a graph that holds nothing.

        Raises:
            ExtraMissing: hnswlib is not installed.
            GraphError: there is not enough memory.
        """
        index = _library().Index("ip", dim)
        _called(index.init_index, capacity, M, EF_CONSTRUCTION, _SEED)
        return cls(index, dim, set())

    @classmethod
    def load(cls, path: Path | str, dim: int, capacity: int) -> Graph:
        """Return a saved graph; **only** from a file that `edgeclip.index.cache` has checked.

        Raises:
            ExtraMissing: hnswlib is not installed.
            GraphError: hnswlib refuses the file.
        """
        index = _library().Index("ip", dim)
        _called(index.load_index, os.fsencode(path), capacity)
        return cls(index, dim, set(index.get_ids_list()))

    def __len__(self) -> int:
        """Return how many ids a search can find."""
        return len(self._live)

    @property
    def deleted(self) -> int:
        """How many ids are marked as deleted; they still take space and time."""
        return int(self._index.get_current_count()) - len(self._live)

    def full(self, more: int = 1) -> bool:
        """Say whether ``more`` ids would not fit."""
        return int(self._index.get_current_count()) + more > self.capacity

    def ids(self) -> Ids:
        """Return the ids that a search can find, in no order."""
        with self._lock:
            return np.fromiter(self._live, np.int64, len(self._live))

    def vectors(self, ids: Ids) -> Vector:
        """Return what the graph holds for ids that a search can find, ``(n, dim)``."""
        with self._lock:
            items = _called(self._index.get_items, ids)
        return np.asarray(items, np.float32).reshape(-1, self._dim)

    def add(self, ids: Ids, vectors: Vector, *, threads: int = 1) -> None:
        """Add ids with their vectors; searches wait meanwhile (about 1 ms a row).

        Args:
            ids: ``(n,)``; those that were ever added are passed over.
            vectors: ``(n, dim)`` float32, unit length.
            threads: of hnswlib.

        Raises:
            GraphError: they do not fit.
            ValueError: the shapes or values are wrong.
        """
        rows = self._checked(vectors)
        if len(ids) != len(rows):
            raise ValueError(f"{len(ids)} ids need {len(ids)} vectors, not {len(rows)}")
        with self._lock:
            # hnswlib would take a known id for a change of its vector, which damages the links.
            new = [i for i, id_ in enumerate(ids.tolist()) if not self._known(id_)]
            if self.full(len(new)):
                raise GraphError(f"the graph is full ({self.capacity:,} ids)")
            if new:
                _called(self._index.add_items, rows[new], ids[new], threads)
                self._live.update(ids[new].tolist())

    def remove(self, ids: Ids, *, keep: int = 0) -> Vector:
        """Mark ids as deleted; those that a search cannot find are passed over.

        Args:
            ids: ``(n,)``.
            keep: how many of their vectors are wanted.

        Returns:
            Vectors of some of them, ``(up to keep, dim)``.
        """
        with self._lock:
            here = [id_ for id_ in ids.tolist() if id_ in self._live]
            kept = here[:: max(1, len(here) // keep)][:keep] if keep else []
            vectors = _called(self._index.get_items, kept) if kept else []
            for id_ in here:
                _called(self._index.mark_deleted, id_)
            self._live.difference_update(here)
            self._dead.update(here)
        return np.asarray(vectors, np.float32).reshape(-1, self._dim)

    def search(
        self,
        queries: Vector,
        count: int,
        allowed: Callable[[int], bool] | None = None,
        *,
        ef: int = EF,
    ) -> tuple[Ids, Vector]:
        """Return the ids nearest to each query.

        Args:
            queries: ``(q, dim)`` float32, unit length.
            count: how many are wanted, at least 1; the result has at most as many as there are.
            allowed: tells of an id whether it may be found.  It must not wait for a lock that
                somebody holds who waits for this graph, and costs about 1 µs a call and more.
            ef: candidates to keep: more find more and take longer.

        Returns:
            ids and scores, both ``(q, k)``, best first.

        Raises:
            TooFew: fewer than ``k`` are allowed or reached.
            GraphError: hnswlib failed.
            ValueError: the queries have another shape, or are not finite.
        """
        rows = self._checked(queries)
        with self._lock:
            k = min(count, len(self._live))
            if k < 1 or len(rows) == 0:
                return np.empty((len(rows), 0), np.int64), np.empty((len(rows), 0), np.float32)
            labels, distances = self._nearest(rows, k, max(ef, 2 * k), allowed)
        return labels.astype(np.int64), (1.0 - distances).astype(np.float32)

    def save(self, path: Path) -> int:
        """Write the graph to a file; Python stands still meanwhile.

        Returns:
            How many bytes the file must have.  hnswlib says nothing when it cannot write them.
        """
        with self._lock:
            _called(self._index.save_index, os.fsencode(path))
            return int(self._index.index_file_size())

    def _nearest(self, rows: Vector, k: int, ef: int, allowed: Callable[[int], bool] | None) -> Any:
        """Search under the lock, with more effort where hnswlib finds too little."""
        # A filter runs Python code, which several threads of hnswlib would only fight over.
        threads = 1 if allowed is not None else self._threads
        for effort in _EFFORTS:
            self._index.set_ef(ef * effort)
            try:
                return self._index.knn_query(rows, k, threads, allowed)
            except RuntimeError as error:
                if "contiguous 2D array" not in str(error):
                    raise GraphError(f"hnswlib failed ({error})") from error
        raise TooFew(f"fewer than {k} items were reached")

    def _known(self, id_: int) -> bool:
        return id_ in self._live or id_ in self._dead

    def _checked(self, vectors: Vector) -> Vector:
        rows = np.ascontiguousarray(vectors, np.float32)
        if rows.ndim != 2 or rows.shape[1] != self._dim:
            raise ValueError(f"vectors must be (n, {self._dim}), not {rows.shape}")
        if not np.isfinite(rows).all():
            raise ValueError("vectors must be finite")
        return rows


def _called(call: Callable[..., Any], *args: Any) -> Any:
    try:
        return call(*args)
    except (RuntimeError, MemoryError, OverflowError) as error:
        raise GraphError(f"hnswlib failed ({error or type(error).__name__})") from error


def _library() -> Any:
    try:
        import hnswlib  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise ExtraMissing(
            "fast search in many vectors needs hnswlib. Install it: pip install 'edgeclip[hnsw]'"
        ) from error
    return hnswlib
