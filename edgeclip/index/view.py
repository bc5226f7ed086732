"""View: all that can be asked of an index; nothing here changes it."""

from __future__ import annotations

import operator
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from numpy.typing import ArrayLike

from edgeclip.index import checks, copies, grouping, header, opening, place, records
from edgeclip.index.background import Judgement
from edgeclip.index.checks import Health
from edgeclip.index.contents import Contents
from edgeclip.index.duplicates import Duplicates, duplicates
from edgeclip.index.exact import Found
from edgeclip.index.groups import Cluster
from edgeclip.index.items import Item, unit_vector, unit_vectors
from edgeclip.index.records import Records
from edgeclip.index.rows import item_of
from edgeclip.index.table import Table
from edgeclip.index.where import Where
from edgeclip.vectors import Match, Vector

_TRIES, _MOMENT_S = 4, 0.002
"""A search is repeated when what it found has changed meanwhile."""


class View:
    """What an index holds, and what is nearest.  Any thread may call any method."""

    def __init__(self, folder: Path, contents: Contents) -> None:
        self.path = folder
        self._contents = contents

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
        self.close()

    def __len__(self) -> int:
        """Return how many items there are."""
        return len(self._contents.memory().table)

    def __contains__(self, key: object) -> bool:
        """Tell whether a key is there."""
        return isinstance(key, str) and self._contents.memory().table.id(key) is not None

    def __iter__(self) -> Iterator[str]:
        """Yield the keys, oldest first."""
        return iter(self._contents.memory().table.keys())

    def __repr__(self) -> str:
        """Name the folder."""
        return f"<Index {self.path}>"

    @property
    def space(self) -> str:
        """Space id of the vectors."""
        return self._contents.store().identity.space

    @property
    def model(self) -> str:
        """Name of the model, if it was told."""
        return self._contents.store().identity.model

    @property
    def dim(self) -> int | None:
        """Numbers in a vector; None until there is one."""
        return self._contents.store().identity.dim

    @property
    def read_only(self) -> bool:
        """Whether it was opened for reading only."""
        return self._contents.read_only

    @property
    def notes(self) -> list[str]:
        """What was found and mended since it was opened; sentences for people."""
        return self._contents.notes

    @property
    def root(self) -> Path | None:
        """The folder that it is kept true to, if there is one; keys are paths relative to it."""
        return records.root_of(self._contents.store(), self.path)

    @property
    def search_by(self) -> str:
        """How searches are answered now: ``exact``, ``building`` (exact, too) or ``hnsw``."""
        return self._contents.near.state

    def setting(self, name: str) -> Any:
        """Return a value that `changes.Setting` kept under a name, or None."""
        return self._contents.store().setting(name)

    def get(self, key: str) -> Item | None:
        """Return an item with all that is stored of it, or None.

        Raises:
            StoreDamaged: the item is there, but the store does not find it.
        """
        number, gone = self._contents.memory().table.id(key), None
        while number is not None and number != gone:
            row = self._contents.store().row(number)
            if row is not None and row.key == key:
                return item_of(row)
            # Renamed, gone, or another vector by now: look again when whoever does that is done.
            gone = number if row is None else None
            number = self._contents.memory(settled=True).table.id(key)
        if number is None:
            return None
        opening.mark_damaged(self.path)
        raise header.damaged(self.path / place.DATABASE, f"{key} is not where it should be")

    def items(self) -> Iterator[Item]:
        """Yield all items, oldest first, a few at a time in memory."""
        return map(item_of, self._contents.store().rows())

    def records(self) -> Records:
        """Return what is known of the files of the folder that the index is kept true to."""
        return records.read(self._contents.store(), self.path)

    def vectors(self) -> tuple[list[str], Vector]:
        """Return all keys and ``(n, dim)`` float32, oldest first."""
        found = self._contents.all()
        return [key for key, _ in found.known], found.vectors

    def count(self, where: Where | None = None) -> int:
        """Return how many items a filter lets through; see `edgeclip.index.where`.

        Raises:
            FilterError: the filter makes no sense.
        """
        found = self._contents.memory().table.matching(where)
        return len(self) if found is None else len(found)

    def search(
        self,
        vector: ArrayLike,
        *,
        count: int = 10,
        where: Where | None = None,
        min_score: float = -1.0,
    ) -> list[Match]:
        """Return the nearest items, best first.

        Args:
            vector: ``(dim,)`` of unit length, from the model that the index holds.
            count: how many, at most.
            where: conditions on metadata and keys; see `edgeclip.index.where`.
            min_score: least cosine.

        Raises:
            InvalidItem: the vector cannot be compared.
            FilterError: the filter makes no sense.
        """
        return self.search_many([vector], count=count, where=where, min_score=min_score)[0]

    def search_many(
        self,
        vectors: ArrayLike | Sequence[ArrayLike],
        *,
        count: int = 10,
        where: Where | None = None,
        min_score: float = -1.0,
    ) -> list[list[Match]]:
        """Return the nearest items for each of ``(q, dim)`` vectors; see `search`."""
        if operator.index(count) < 1:
            raise ValueError(f"count must be at least 1, not {count}")
        if not -1 <= min_score <= 1:
            raise ValueError(f"min_score must be from -1 to 1, not {min_score}")
        if not len(vectors):  # type: ignore[arg-type]
            return []
        named: list[dict[str, Match]] = []
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(attempt * _MOMENT_S)
            memory = self._contents.memory()
            queries = unit_vectors(vectors, self.dim)
            found = self._contents.search(memory, queries, count, memory.table.matching(where))
            named = [_named(memory.table, each) for each in found]
            if all(len(n) == len(ids) for n, (ids, _) in zip(named, found, strict=True)):
                break
        return [[m for m in each.values() if m.score >= min_score] for each in named]

    def judge(
        self, vector: ArrayLike, score: float, *, where: Where | None = None
    ) -> Judgement | None:
        """Say whether the best match of some words is a good one, or only the best of bad ones.

        Args:
            vector: ``(dim,)`` the query: words, or a weighted sum of words.  Two pictures have
                cosines of another range, so a query with a picture in it cannot be judged.
            score: cosine of its best match.
            where: the filter of the search.

        Returns:
            None where the index knows no background (see `Index.learn`), or has no pictures.
        """
        among = self._contents.memory().table.matching(where)
        return self._contents.judge(unit_vector(vector, self.dim), score, among)

    def similar(
        self,
        key: str,
        *,
        count: int = 10,
        where: Where | None = None,
        min_score: float = -1.0,
    ) -> list[Match]:
        """Return the items nearest to one of them, without itself; see `search`.

        Raises:
            KeyError: there is no such item.
        """
        item = self.get(key)
        if item is None:
            raise KeyError(key)
        found = self.search(item.vector, count=count + 1, where=where, min_score=min_score)
        return [match for match in found if match.key != key][:count]

    def duplicates(self, threshold: float | None = None) -> list[Duplicates]:
        """Return groups of pictures that show the same, each with the one that is best kept.

        Args:
            threshold: least cosine of near-duplicates; None: what fits the model and the pictures,
                see `edgeclip.index.duplicates.fitting`.  Equal content hashes count in any case.
        """
        found = self._contents.all()
        hashes = self._contents.store().content_hashes()
        return duplicates(
            [key for key, _ in found.known],
            found.vectors,
            [metadata for _, metadata in found.known],
            [hashes.get(number) for number in found.ids.tolist()],
            threshold,
        )

    @property
    def groups_threshold(self) -> float:
        """The threshold of the groups that are kept, or were, or else 0.82."""
        return grouping.threshold_of(self._contents.store())

    def groups(self, threshold: float | None = None, *, anew: bool = False) -> list[Cluster]:
        """Return groups of alike pictures, by average linkage on the cosine; the largest first.

        Groups are kept with an index that is open for writing, and new pictures join them as they
        arrive: the one whose centroid has the greatest cosine, from ``threshold`` on, or a new one.

        Args:
            threshold: least mean cosine of two groups that are taken for one; None: that of the
                groups that are kept, or 0.82.
            anew: make them anew, even where some with this threshold are kept.
        """
        return self._contents.groups(threshold, anew=anew)

    def verify(self) -> Health:
        """Read everything and compare it with its checksums; takes seconds for 100,000 items."""
        store, memory = self._contents.store(), self._contents.memory()
        health = checks.check(store, memory, self.search_by)
        if not health.ok and not self.read_only:
            opening.mark_damaged(self.path)
        return health

    def backup(self, target: str | os.PathLike[str]) -> None:
        """Copy the index, as it is now, to a new folder, while it is in use.

        Raises:
            StoreError: the folder exists, or cannot be written; nothing is left of it then.
        """
        copies.backup(self._contents.store(), Path(target))

    def close(self) -> None:
        """Close it; what was acknowledged is on the disk already."""
        self._contents.close()


def _named(table: Table, found: Found) -> dict[str, Match]:
    """Return matches by key: fewer than were found, where something changes at this moment."""
    matches: dict[str, Match] = {}
    for number, score in zip(*(part.tolist() for part in found), strict=True):
        known = table.known(number)  # None when it was removed
        if known is not None:  # the better one of an old and a new vector of one key
            matches.setdefault(known[0], Match(known[0], max(-1.0, min(1.0, score)), known[1]))
    return matches
