"""Pieces: rows of an index that are sent together; the next one is read meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Self

from edgeclip.index.outbox import Outbox
from edgeclip.index.rows import Row


class Piece(NamedTuple):
    """Rows of an index that are sent together."""

    rows: Sequence[Row]
    marks: Mapping[int, int]
    """Id → `Outbox.mark`."""
    seq: int
    """Number of the last change to an older item, after they were read,"""
    writer: str
    """and `Outbox.writer`."""

    @classmethod
    def of(cls, source: Outbox, rows: Sequence[Row]) -> Self:
        """Return rows that have just been read, with what is to be known of them."""
        marks = {row.id: source.mark(row) for row in rows}
        return cls(rows, marks, source.state()[1], source.writer())


class Ahead(Iterator[Piece]):
    """The pieces of what is new, of which the next may be read before it is asked for.

    On the same thread, while the server works: another one would fight for the interpreter's lock
    with the sending.
    """

    def __init__(self, source: Outbox, after: int) -> None:
        """Begin behind an id."""
        self._pieces = (Piece.of(source, rows) for rows in source.pieces(after))
        self._read: list[Piece] = []

    def fetch(self) -> None:
        """Read the next one, if it has not been read yet."""
        self._read += itertools.islice(self._pieces, not self._read)

    def __next__(self) -> Piece:
        """Return the next one."""
        self.fetch()
        if not self._read:
            raise StopIteration
        return self._read.pop()
