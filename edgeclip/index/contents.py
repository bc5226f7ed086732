"""What an open index holds: the store, what of it is in RAM, and the graph, in step."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgeclip import errors
from edgeclip.index import grouping, opening, place
from edgeclip.index.approximate import Approximate
from edgeclip.index.background import Judgement
from edgeclip.index.blocks import Ids
from edgeclip.index.changes import Change, Outcome, Remove, Setting
from edgeclip.index.commits import Commits
from edgeclip.index.derived import Derived
from edgeclip.index.exact import Found
from edgeclip.index.groups import Cluster
from edgeclip.index.memory import Memory
from edgeclip.index.opening import Opened, Wanted
from edgeclip.index.store import Store
from edgeclip.vectors import Vector

# Fewer items than this share are compared one by one instead of being looked for in the graph.
_FEW_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Everything:
    """All items, oldest first."""

    ids: Ids
    vectors: Vector
    """``(n, dim)`` float32."""
    known: list[tuple[str, Mapping[str, Any] | None]]
    """Key and metadata."""


class Contents:
    """Store, memory and graph.  Safe to use from several threads, not across a fork."""

    def __init__(self, wanted: Wanted, opened: Opened, hnsw: bool | None) -> None:
        self.notes = opened.notes
        # From now on it is this space, also where the opener did not say which.
        self._wanted = replace(wanted, space=opened.store.identity.space)
        self._lock = opened.lock
        self._reads = opened.lock is None
        self._pid = os.getpid()
        self._closed = False
        self._behind = False
        self._commits = Commits(self._write)
        self._store, self._memory = opened.store, opened.memory
        self._near = Approximate(
            wanted.folder,
            self._store.identity,
            self._memory.exact,
            when=hnsw,
            may_build=not self.read_only,
            note=self.notes.append,
        )
        self._file = self._inode()
        self._derived = Derived(self._store, self._memory)

    @property
    def read_only(self) -> bool:
        """Whether another process may write."""
        return self._reads

    @property
    def near(self) -> Approximate:
        """The graph, if there is one."""
        return self._near

    def store(self) -> Store:
        """Return the store.

        Raises:
            StoreError: the index is closed, or this process is a fork of the one that opened it.
        """
        if self._closed:
            raise errors.StoreError(f"{self._wanted.folder} is closed. Open it again.")
        if os.getpid() != self._pid:
            raise errors.StoreError(
                f"{self._wanted.folder} was opened before this process was forked off. Open it "
                "here."
            )
        return self._store

    def memory(self, *, settled: bool = False) -> Memory:
        """Return what is in RAM, with all that was committed before this call.

        Args:
            settled: wait until no other thread is between its commit and what is in RAM.
        """
        self.store()
        if settled or self.read_only or self._behind:
            with self._commits.turn:
                self._follow()
                self._behind = False
        return self._memory

    def erased(self) -> None:
        """Take notice that much was removed at once, perhaps a whole neighbourhood of the graph."""
        self._near.removed(np.empty(0, np.int64), bulk=True)

    def write(self, changes: Sequence[Change]) -> list[Outcome]:
        """Write changes and return, when they are durable, what came of each.

        Raises:
            StoreError: none of them was written.
        """
        self.store()
        return self._commits.submit(changes)

    def settle(self, dim: int) -> None:
        """Fix how many numbers a vector has; the first one says it."""
        with self._commits.turn:
            if self.store().identity.dim is None:
                self._store.write([Setting("dim", dim)])
                self._load()

    def search(self, memory: Memory, queries: Vector, count: int, among: Ids | None) -> list[Found]:
        """Return the nearest items for each query, by the graph where that pays.

        Args:
            memory: what `memory` returned.
            queries: ``(q, dim)`` float32 of unit length.
            count: how many, at most.
            among: ids that may be found, rising; None: all.
        """
        if among is None or len(among) > _FEW_SHARE * len(memory.exact):
            allowed = None if among is None else set(among.tolist()).__contains__
            found = self._near.search(queries, count, allowed)
            if found is not None:
                return found
        return memory.exact.search(queries, count, among)

    def all(self) -> Everything:
        """Return all items, oldest first."""
        memory = self.memory()
        ids, vectors = grouping.stacked(memory)
        known = [memory.table.known(number) for number in ids.tolist()]
        held = np.array([pair is not None for pair in known], np.bool_)
        return Everything(ids[held], vectors[held], [pair for pair in known if pair is not None])

    def groups(self, threshold: float | None, *, anew: bool) -> list[Cluster]:
        """Return the groups, and keep those that are made anew; see `Index.groups`."""
        memory = self.memory()
        with self._commits.turn:
            wanted = self._derived.threshold() if threshold is None else threshold
            numbers = None if anew else self._derived.groups(wanted)
        # Without the turn: others search and write while this takes seconds, or minutes.
        made = grouping.made_anew(memory, wanted) if numbers is None else None
        with self._commits.turn:
            memory = self.memory()
            if made is not None:
                numbers = self._derived.keep(*made, wanted)
            ids, keys = memory.table.ids(), memory.table.keys()
        return grouping.clusters(memory, dict(zip(ids.tolist(), keys, strict=True)), numbers or {})

    def judge(self, query: Vector, score: float, among: Ids | None) -> Judgement | None:
        """Compare the best score of a query with what unrelated words get; see `Index.judge`."""
        self.memory()
        with self._commits.turn:
            return self._derived.judge(query, score, among)

    def learn(self, embed_texts: Callable[[Sequence[str]], Iterable[Vector]]) -> bool:
        """Make the background and keep it, unless there is one; return whether it was made."""
        with self._commits.turn:
            if self._derived.has_background():
                return False
        # Without the turn: others write while hundreds of texts are embedded.
        texts = self._derived.learn(embed_texts)
        self.write([texts])
        return True

    def compact(self) -> None:
        """Give unused space back, on disk and in RAM."""
        with self._commits.turn:
            self.store().compact()
            if self._memory.catch_up() is None:
                self._load()
            self._memory.exact.compact()

    def close(self) -> None:
        """Close all; nothing happens the second time, or in a process that was forked off."""
        if os.getpid() != self._pid:
            return
        with self._commits.turn, contextlib.ExitStack() as steps:
            # Each is done, whatever becomes of the others; the last one first.
            steps.callback(opening.close, self._store, self._lock)
            self._lock = None
            steps.callback(self._near.close)
            if not self._closed:
                self._closed = True
                self._write_derived()

    def _write(self, changes: Sequence[Change]) -> list[Outcome]:
        """Write and then learn from the store what is there now; runs with the turn held."""
        try:
            return self._written(changes)
        except errors.EdgeclipError:
            raise
        except BaseException:
            # Interrupted, and perhaps committed all the same: whoever reads next looks.
            self._store.look_again()
            self._behind = True
            raise

    def _written(self, changes: Sequence[Change]) -> list[Outcome]:
        joined = self._derived.pending()
        try:
            outcomes = self._store.write([*changes, *joined])
        except errors.StoreFull:
            frees = all(isinstance(change, Remove) for change in changes)
            if not frees or not place.free_ballast(self._wanted.folder):
                raise
            outcomes = self._store.write(changes)
        except errors.StoreDamaged:
            opening.mark_damaged(self._wanted.folder)
            raise
        else:
            self._derived.written()
        self._catch_up()
        if self._inode() != self._file:
            raise errors.StoreError(
                f"{self._wanted.folder} was deleted or replaced while it was open; what is written "
                "now is lost. Open it again."
            )
        return outcomes[: len(changes)]

    def _write_derived(self) -> None:
        """Keep what was derived from the vectors; what cannot be written is derived again."""
        with contextlib.suppress(errors.EdgeclipError):
            changes = [] if self.read_only else self._derived.last()
            if changes:
                self._store.write(changes)

    def _catch_up(self) -> None:
        known = self._memory.catch_up()
        if known is None:
            self._load()
            return
        rows, gone = known
        new = np.array([row.id for row in rows], np.int64)
        if gone:
            self._near.removed(np.array(gone, np.int64))
        if rows:
            self._near.added(new)
        self._derived.follow(new, gone)

    def _follow(self) -> None:
        """Learn what the writer did: usually nothing, now and then something new or a new file."""
        inode = self._inode()
        if inode != self._file:
            with contextlib.suppress(errors.StoreNotFound):  # between two names for a moment
                self._reopen()
                self._file = inode
        elif self._store.moved():
            self._store.read_identity()
            if self._store.identity.dim != (self._memory.dim or None):
                self._load()
            else:
                self._catch_up()

    def _reopen(self) -> None:
        """Open the file that has taken the place of the one that is open."""
        opened = opening.for_reading(self._wanted)
        old, self._store = self._store, opened.store
        self._store.look_again()
        old.close()
        self._serve(opened.memory)

    def _load(self) -> None:
        """Load everything anew, beside what serves meanwhile."""
        memory = Memory(self._store, self._wanted.precision)
        # What another process writes while it is read would be there half.
        while memory.catch_up() is None:
            memory = Memory(self._store, self._wanted.precision)
        self._serve(memory)

    def _serve(self, memory: Memory) -> None:
        """Answer from another memory of the store, and derive everything anew."""
        self._memory = memory
        self._near.replaced(self._store.identity, memory.exact)
        self._derived = Derived(self._store, memory)

    def _inode(self) -> int | None:
        try:
            return (self._wanted.folder / place.DATABASE).stat().st_ino
        except OSError:
            return None
