"""Outbox: what is new and what has changed in an index, in pieces, for whoever copies it."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Self

from edgeclip.index import lineage, place
from edgeclip.index.identity import Identity
from edgeclip.index.lineage import Lineage, State
from edgeclip.index.rows import Row
from edgeclip.index.store import Store

LEAST_ROWS, MOST_ROWS, MOST_BYTES = 250, 8000, 8 << 20
"""Of a piece: at first, and at most."""


class Outbox:
    """An index, read beside whoever writes to it, without its vectors in memory.

    ``rows`` since the highest id that was read, then ``changes`` since the last number that was
    read, come to all that an index holds; ``state`` is where to begin the next time.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._space = store.identity.space.encode()
        self.rows_a_piece = LEAST_ROWS
        """Whoever sends the pieces may change it, as fast as they go."""

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open an index for reading.

        Raises:
            StoreNotFound: there is none.
            StoreDamaged, StoreError: it cannot be read.
        """
        return cls(Store.open(folder / place.DATABASE, read_only=True))

    def __enter__(self) -> Self:
        """Use it as a context manager; it is closed at the end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self._store.close()

    def identity(self) -> Identity:
        """Return what tells this index from others, as it is now: the first item sets the dim."""
        self._store.read_identity()
        return self._store.identity

    def state(self) -> tuple[int, int]:
        """Return the highest id that was given, and the number of the last change."""
        return self._store.state()

    def writer(self) -> str:
        """Return the token of a writer in whose time all that was read until now was there."""
        return self._lineage().latest

    def leads_from(self, point: State, writer: str) -> bool:
        """Tell whether what is new since then comes to all that the index holds.

        Not where the changes are forgotten, nor where this index, put back from a copy, has never
        been there.

        Args:
            point: the id and the number of the change up to which all was read.
            writer: `writer`, as it was then.
        """
        state, known = self.state(), int(self._store.setting("horizon") or 0) <= point[1]
        return known and self._lineage().was_at(point, writer, state)

    def pieces(self, after: int) -> Iterator[list[Row]]:
        """Yield the rows with a higher id, by id, some at a time; damaged ones are left out."""
        piece: list[Row] = []
        size = 0
        for row in self._store.rows(after):
            piece.append(row)
            size += len(row.vector) + len(row.metadata) + len(row.key)
            if len(piece) >= self.rows_a_piece or size >= MOST_BYTES:
                yield _last_of_each_key(piece)
                piece, size = [], 0
        if piece:
            yield _last_of_each_key(piece)

    def changes(self, seq: int) -> list[tuple[int, int]]:
        """Return the next changes to older items, by number: number and id; some at a time.

        An empty list where some are forgotten.
        """
        # One statement: whoever forgets them does it between two.
        sql = (
            "SELECT seq, id FROM change WHERE seq > ?1 AND NOT EXISTS "
            "(SELECT 1 FROM setting WHERE name = 'horizon' AND value > ?1) ORDER BY seq LIMIT ?2"
        )
        found = self._store.select(sql, (seq, self.rows_a_piece))
        return [(number, item) for number, item in found]

    def rows(self, ids: Sequence[int]) -> list[Row]:
        """Return the rows with these ids that are still there."""
        found = (self._store.row(number) for number in sorted(ids))
        return _last_of_each_key(row for row in found if row is not None)

    def _lineage(self) -> Lineage:
        return Lineage(self._store.setting(lineage.NAME))

    def mark(self, row: Row) -> int:
        """Return a hash of all that a copy keeps, of 64 bits: another one if anything has changed.

        The stamp is left out: a file that was only touched is the same elsewhere.
        """
        known = (row.key.encode("utf-8", "surrogateescape"), row.metadata.encode(), self._space)
        # The vector by its CRC-32: one that has changed has another id, but for copies of an index
        # that went apart.
        vector = zlib.crc32(row.vector).to_bytes(4, "big")
        whole = b"\0".join((*known, row.content_hash or b"", vector))
        return int.from_bytes(hashlib.blake2b(whole, digest_size=8).digest(), "big", signed=True)


def _last_of_each_key(rows: Iterable[Row]) -> list[Row]:
    """Return rows by id, and of those with one key the last.

    Rows that are read one after another are of several moments: a key may have gone to another.
    """
    given = list(rows)
    found = {row.key: row for row in given}
    return given if len(found) == len(given) else sorted(found.values(), key=attrgetter("id"))
