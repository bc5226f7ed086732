"""Intake: vectors from Parquet → an index, in bounded memory, durably, and again without harm."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

from edgeclip.errors import EdgeclipError, InvalidItem, SpaceMismatch
from edgeclip.grow import parquet, parts, tables
from edgeclip.grow.tables import Head, Row
from edgeclip.index.commits import MOST_ROWS
from edgeclip.index.index import Index
from edgeclip.index.items import Item
from edgeclip.index.rows import metadata_of
from edgeclip.model.headers import printable


class Intake:
    """Parquet files that an index shall take in."""

    def __init__(self, where: str | os.PathLike[str]) -> None:
        """Look at what all the files say of themselves; no row is read.

        Args:
            where: a folder of Parquet files or one of them, a path or an address.

        Raises:
            EdgeclipError: there are none, or other ones.
            SpaceMismatch: they are of different models.
        """
        tables.arrow()
        self._place, self._names = parts.files_of(where)
        name = self._place.name
        if not self._names:
            raise EdgeclipError(
                f"there are no vectors in {name}: no file there ends in {parts.SUFFIX}. Give what "
                "edgeclip embed --engine ray or edgeclip index --dump parquet wrote."
            )
        heads = [self._head(each) for each in self._names]
        self.head: Head = next((each for each in heads if each.space), heads[0])
        for each in heads:
            if each.space and each.space != self.head.space:
                raise SpaceMismatch(_two(f"{name} holds", self.head, each))

    def into(self, index: Index) -> Iterator[Counter[str]]:
        """Put all vectors into an index; yield what became of some rows, after their commit.

        Counted are ``added``, ``updated`` and ``unchanged``, and ``failed`` rows, which have an
        error and no vector: an item of theirs that the index has stays.  What the index knows under
        a key is replaced, its metadata, too.

        Args:
            index: open for writing.

        Raises:
            SpaceMismatch: a vector is of another model than the index.
            InvalidItem: a row cannot be kept; those before are.
            StoreError: the index cannot be written; what was yielded is kept.
        """
        for name in self._names:
            title = f"{self._place.name}/{name}"
            own = self._head(name)
            with self._place.open(name) as file:
                for rows in parquet.read(file, title):
                    for start in range(0, len(rows), MOST_ROWS):
                        yield self._put(index, rows[start : start + MOST_ROWS], own, title)

    def _put(self, index: Index, rows: list[Row], own: Head, title: str) -> Counter[str]:
        changes = []
        for row in rows:
            space = row.space or own.space
            if not space:
                raise SpaceMismatch(
                    f"{title} does not say of which model its vectors are. Write the space id into "
                    "its column space."
                )
            if space != index.space:
                told = Head(index.space, 0, index.model), Head(space, 0, self.head.model)
                raise SpaceMismatch(_two(f"{index.path} and {title} hold", *told))
            if row.vector is not None:
                try:
                    changes.append(index.put(_item(row)))
                except (InvalidItem, ValueError) as error:
                    raise InvalidItem(f"{title}, {printable(row.key)}: {error}") from error
        counts = Counter(index.write(changes) if changes else ())
        return counts + Counter(failed=len(rows) - len(changes))

    def _head(self, name: str) -> Head:
        with self._place.open(name) as file:
            return parquet.head_of(file, f"{self._place.name}/{name}")


def _item(row: Row) -> Item:
    assert row.vector is not None
    return Item(row.key, row.vector, metadata_of(row.metadata), row.content_hash, row.stamp)


def _two(what: str, one: Head, other: Head) -> str:
    names = [
        f"{printable(each.model) or 'another model'} (space {each.space[:12]}…)"
        for each in (one, other)
    ]
    return (
        f"{what} vectors of two models, {names[0]} and {names[1]}, which cannot be compared. Give "
        "each an index of its own: edgeclip index --from DIR --index NEW"
    )
