"""What a store holds, in RAM: loaded when an index is opened, and kept in step with it since.

Writers and readers learn what happened in the same way, from the store.  So what is searched is
always what is stored, whoever wrote it, and whatever went wrong between a commit and its thread.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice

import numpy as np

from edgeclip.index.blocks import Ids
from edgeclip.index.exact import Exact, Precision
from edgeclip.index.header import damaged
from edgeclip.index.rows import Row, vectors_of
from edgeclip.index.store import News, Store
from edgeclip.index.table import Table
from edgeclip.vectors import Vector

_CHUNK = 4096
_SMALL_BOARD_BYTES = 5 << 29
"""Up to 2.5 GB of RAM (boards that are sold as 2 GB) vectors are kept in int8."""
_MOST_OF_RAM = 0.25


class Memory:
    """The items of a store.  One thread at a time may catch up; any number may read."""

    def __init__(self, store: Store, precision: Precision | None = None) -> None:
        """Load everything.

        Args:
            store: where from; its dim is known, or it is empty.
            precision: see `Exact`; None: by the memory of this board.

        Raises:
            StoreDamaged: pages of the store are damaged.
        """
        self._store = store
        self.dim = store.identity.dim or 0
        count = int(store.select("SELECT count(*) FROM item")[0][0])
        self.table = Table()
        self.exact = Exact(
            self.dim, precision or precision_for(4 * count * self.dim), self.stored_vectors
        )
        self.bad: list[Row] = []
        """Rows whose checksum does not fit; they are not served."""
        self._last_id, self._seq = store.state()
        self._torn = False
        for chunk in _chunks(store.all_rows()):
            good = [row for row, fits in chunk if fits and self._belongs(row)]
            self.bad += [row for row, fits in chunk if not (fits and self._belongs(row))]
            self._last_id = max(self._last_id, chunk[-1][0].id)
            self._take(good)

    @property
    def state(self) -> tuple[int, int]:
        """What `Store.state` was when it was looked at last."""
        return self._last_id, self._seq

    def check_keys(self) -> None:
        """Check that the store finds by its key each row that was loaded, and no other.

        Raises:
            StoreDamaged: it does not.
        """
        if not self._store.whole(self.table.id, len(self.table), len(self.bad)):
            raise damaged(self._store.path, "its index on the keys")

    def catch_up(self) -> tuple[list[Row], list[int]] | None:
        """Learn what happened in the store since the last time.

        Returns:
            The rows that came and the ids that went, or None when all has to be loaded anew.
        """
        news = None if self._torn else self._store.news(self._last_id, self._seq)
        if news is None:
            return None
        # Whoever is interrupted here leaves half of it behind; then all is loaded anew.
        self._torn = True
        try:
            good = [row for row in news.new if self._belongs(row)]
            # What is new comes first: a key whose vector changed is there at every moment.
            self._take(good)
            gone = self._amend(news)
            self._last_id, self._seq = news.state
            self._torn = False
        finally:
            if self._torn:
                self._store.look_again()
        return good, gone

    def stored_vectors(self, ids: Ids) -> Vector:
        """Return the vectors of ids as they are stored, ``(n, dim)``; zeros for what has gone."""
        found = np.zeros((len(ids), self.dim), np.float32)
        for place, number in enumerate(ids):
            row = self._store.row(int(number))
            if row is not None:
                found[place] = vectors_of([row], self.dim)[0]
        return found

    def _take(self, rows: list[Row]) -> None:
        if not rows:
            return
        # Known by name first: a search may find a vector as soon as it is there.
        self.table.put(rows)
        ids = np.fromiter((row.id for row in rows), np.int64, len(rows))
        self.exact.add(ids, vectors_of(rows, self.dim))

    def _amend(self, news: News) -> list[int]:
        """Apply changes to older items and return the ids that are gone."""
        held = [(number, row) for number, row in news.changed if number in self.table]
        gone = [number for number, row in held if row is None]
        self.table.put([row for _, row in held if row is not None])
        self.table.drop(gone)
        if gone:
            self.exact.remove(np.array(gone, np.int64))
        return gone

    def _belongs(self, row: Row) -> bool:
        return len(row.vector) == 2 * self.dim


def precision_for(needed: int) -> Precision:
    """Choose how exactly vectors are kept in RAM.

    Args:
        needed: bytes that they take in float32.
    """
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):  # a system that does not say
        return "fp32"
    small = total <= _SMALL_BOARD_BYTES or needed > _MOST_OF_RAM * total
    return "int8" if small else "fp32"


def _chunks(rows: Iterator[tuple[Row, bool]]) -> Iterator[list[tuple[Row, bool]]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk
