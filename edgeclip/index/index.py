"""Index: keys, vectors and what is known about them; durable, and searched exactly or nearly so."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from numpy.typing import ArrayLike

from edgeclip import errors
from edgeclip.index import opening
from edgeclip.index.changes import Amend, Change, Outcome, Put, Remove
from edgeclip.index.commits import MOST_ROWS, MOST_SECONDS
from edgeclip.index.contents import Contents
from edgeclip.index.exact import Precision
from edgeclip.index.items import Item, metadata_text
from edgeclip.index.opening import Wanted
from edgeclip.index.rows import row_of
from edgeclip.index.view import View
from edgeclip.vectors import Vector

_BULK_SHARE = 0.01
"""What is removed at once, from this share on, may be all pictures of a person or a camera."""


class Index(View):
    """Keep vectors under keys, and find the nearest ones.

    Open it with `Index.open`.  Any thread may call any method; a process that was forked off must
    open the index itself.
    """

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        space: str | None = None,
        *,
        model: str = "",
        read_only: bool = False,
        precision: Precision | None = None,
        hnsw: bool | None = None,
        force: bool = False,
    ) -> Index:
        """Open an index, or make one.

        Args:
            path: its folder.
            space: space id of the vectors (`Model.space`); None: an existing index's own.
            model: the model's name, remembered by a new index.
            read_only: beside a process that writes; any number of these.
            precision: of the vectors in RAM, ``fp32`` or ``int8`` (a quarter of the memory, and the
                best are ranked again by what is stored); None: by the memory of this board.
            hnsw: whether searches use hnswlib's graph; None: when exact search takes too long on
                this board.  Without hnswlib every search is exact.
            force: accept a network or FAT file system, at your own risk.

        Raises:
            StoreNotFound: there is none, and it was opened for reading or without a space.
            StoreLocked: another process writes to it.
            SpaceMismatch: it holds vectors of another model.
            StoreReadOnly: its folder cannot be written.
            StoreDamaged: it is damaged, and was opened for reading only.
            StoreError: it cannot be used, for another reason that the message tells.
        """
        if precision not in (None, "fp32", "int8"):
            raise ValueError(f"precision must be 'fp32' or 'int8', not {precision!r}")
        if space is not None and (not isinstance(space, str) or not space):
            raise TypeError(f"space must be a space id such as model.space, not {space!r}")
        wanted = Wanted(Path(path), space, model, precision, force)
        opened = opening.for_reading(wanted) if read_only else opening.for_writing(wanted)
        return cls(wanted.folder, Contents(wanted, opened, hnsw))

    def add(
        self,
        key: str,
        vector: ArrayLike,
        metadata: Mapping[str, Any] | None = None,
        *,
        content_hash: bytes | None = None,
    ) -> Outcome:
        """Keep a vector under a key; it is durable when this returns.

        Adding the same again changes nothing, so whoever was not told may try again.

        Args:
            key: its name, 1 to 4,096 bytes.
            vector: ``(dim,)`` of unit length; kept in 16 bits a number.
            metadata: what JSON can hold, up to 64 KB; a ``datetime`` becomes its ISO text.
            content_hash: of the file that it was made of, 16 to 64 bytes.

        Returns:
            ``added``, ``updated`` or ``unchanged``.

        Raises:
            InvalidItem: something cannot be kept.
            StoreFull, StoreReadOnly, StoreError: it was not kept.
        """
        item = Item(key, cast(Vector, vector), metadata, content_hash)
        return self.write([self.put(item)])[0]

    def add_many(self, items: Iterable[Item | tuple[Any, ...]]) -> int:
        """Keep many; each 64 of them, or what 300 ms brought, share one commit.

        Args:
            items: `Item` or ``(key, vector)`` or ``(key, vector, metadata)``; read one by one.

        Returns:
            How many were taken, all of them durable.

        Raises:
            InvalidItem, StoreError: as `add`; the items before are kept.
        """
        count, since = 0, time.monotonic()
        waiting: list[Change] = []
        try:
            for item in items:
                waiting.append(self.put(item if isinstance(item, Item) else Item(*item)))
                if len(waiting) >= MOST_ROWS or time.monotonic() - since >= MOST_SECONDS:
                    batch, waiting = waiting, []
                    count += len(self.write(batch))
                    since = time.monotonic()
        finally:
            count += len(self.write(waiting)) if waiting else 0
        return count

    def update(
        self,
        key: str,
        metadata: Mapping[str, Any] | None = None,
        *,
        new_key: str | None = None,
    ) -> Outcome:
        """Change what is known about an item, or its key; its vector stays.

        Args:
            key: which one.
            metadata: replaces what was there; None leaves it.
            new_key: renames it; an item that had this key is replaced.

        Returns:
            ``updated`` or ``unchanged``.

        Raises:
            KeyError: there is no such item.
            InvalidItem, StoreError: as `add`.
        """
        text = None if metadata is None else metadata_text(metadata)
        outcome = self.write([Amend(key, text, new_key)])[0]
        if outcome == "missing":
            raise KeyError(key)
        return outcome

    def remove(self, key: str) -> bool:
        """Forget an item, for good; tell whether it was there."""
        return self.remove_many([key]) == 1

    def remove_many(self, keys: Iterable[str]) -> int:
        """Forget items, for good; return how many were there."""
        if isinstance(keys, str):
            raise TypeError("remove_many takes many keys. Use remove for one.")
        wanted = [Remove(key) for key in keys]
        bulk = len(wanted) > max(MOST_ROWS, _BULK_SHARE * len(self))
        removed = 0
        for start in range(0, len(wanted), MOST_ROWS):
            removed += self.write(wanted[start : start + MOST_ROWS]).count("removed")
            if bulk:
                self._contents.erased()
        return removed

    def learn(self, embed_texts: Callable[[Sequence[str]], Iterable[Vector]]) -> bool:
        """Learn what unrelated words get on these pictures, for `judge`; once for an index.

        Args:
            embed_texts: `Model.embed_texts` of the model that the vectors come from; it is given
                some hundred texts.

        Returns:
            Whether there was anything to learn.
        """
        return self._contents.learn(embed_texts)

    def needs_graph(self) -> bool:
        """Tell whether exact search is slow on this board, and no saved graph covers the items.

        An index that is open for writing builds it in the background (`View.search_by`); a program
        that ends soon, or has it open with ``hnsw=False``, may want to `build_graph`.  A saved
        graph is read and hashed for the answer.  Without hnswlib it is False.
        """
        self._contents.memory()
        return not self.read_only and self._contents.near.is_due()

    def build_graph(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Build and save the graph for fast search, and wait until it is there.

        For where it `needs_graph`; elsewhere the saved one is loaded, and stays.  `View.notes`
        tells when that fails; searches are exact, then.

        Args:
            stop: tells whether to wait no longer; the graph is given up.
        """
        self._contents.memory()
        if not self.read_only:
            self._contents.near.build(stop)

    def compact(self) -> None:
        """Give unused space back, on disk and in RAM."""
        self._contents.compact()

    def put(self, item: Item) -> Put:
        """Check an item and return the change that keeps it, for `write`.

        Raises:
            InvalidItem: something in it cannot be kept.
        """
        if self.read_only:
            raise errors.StoreReadOnly(
                f"{self.path} is open for reading only. Open it without read_only=True."
            )
        row = row_of(item, self.dim)
        if self.dim is None:
            self._contents.settle(len(row.vector) // 2)
            row = row_of(item, self.dim)
        return Put(row)

    def write(self, changes: Sequence[Change]) -> list[Outcome]:
        """Make changes in one commit, durable when this returns; what `add` and the others do.

        Raises:
            StoreError: none of them was made.
        """
        return self._contents.write(changes)
