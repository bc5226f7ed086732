"""What is made of the vectors and kept with them: the groups, and the background of a search.

All of it can be made again from the items, so it is written beside other changes or when the index
is closed, and what was not written is caught up with when the index is opened again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from edgeclip import errors
from edgeclip.index import grouping
from edgeclip.index.background import Judgement
from edgeclip.index.blocks import Ids
from edgeclip.index.changes import Change
from edgeclip.index.grouping import Grouping
from edgeclip.index.judging import Judging
from edgeclip.index.memory import Memory
from edgeclip.index.store import Store
from edgeclip.vectors import Vector


class Derived:
    """Groups and background of one state of an index.  One thread at a time may use it."""

    def __init__(self, store: Store, memory: Memory) -> None:
        self._store, self._memory = store, memory
        self._grouping: Grouping | None = None
        self._judging: Judging | None = None
        self._looked = False
        """Whether a background was looked for, in what the store holds now."""
        self._grouped = grouping.are_kept(store)

    def pending(self) -> list[Change]:
        """Return what has to be written together with the next change."""
        return self._grouping.pending() if self._grouping is not None else []

    def written(self) -> None:
        """Take notice that what was pending is written."""
        if self._grouping is not None:
            self._grouping.written()

    def follow(self, new: Ids, gone: Iterable[int]) -> None:
        """Take notice of items that came and of ids that went, and of whatever else was written."""
        self._looked = False
        if self._grouping is not None:
            self._grouping.leave(gone)
            self._grouping.join(new)
        elif self._grouped and len(new) and not self._store.read_only:
            self._groups()  # whoever is in no group joins one

    def last(self) -> list[Change]:
        """Return what has to be written when the index is closed."""
        changes = self.pending()
        if self._judging is not None:
            self._judging.background(self._memory.exact)
            changes += [self._judging.scores()] if self._judging.changed else []
        return changes

    def threshold(self) -> float:
        """Return the threshold of the groups that are kept; see `grouping.threshold_of`."""
        return grouping.threshold_of(self._store)

    def groups(self, threshold: float) -> dict[int, int] | None:
        """Return the number of the group of each id; None when no such groups are kept."""
        kept = self._grouping is not None or grouping.are_kept(self._store)
        if not kept or self.threshold() != threshold:
            return None
        return self._groups().numbers()

    def keep(self, ids: Ids, labels: Ids, threshold: float) -> dict[int, int]:
        """Keep groups that were made anew, and return the number of the group of each id.

        Whoever went meanwhile is left out, and whoever came joins.  A reader keeps nothing, and
        what does not fit on the disk is made anew the next time.

        Args:
            ids: ``(n,)``, rising.
            labels: ``(n,)``, from 0 on.
            threshold: least mean cosine of two groups that are taken for one.
        """
        held = np.isin(ids, self._memory.table.ids())
        ids, labels = ids[held], labels[held]
        unkept = dict(zip(ids.tolist(), labels.tolist(), strict=True))
        if self._store.read_only:
            return unkept
        labels = labels + self._highest() + 1
        try:
            self._store.write(grouping.replacing(ids, labels, threshold))
        except errors.StoreFull:
            return unkept
        self._grouped, self._grouping = True, None
        return self._groups().numbers()

    def judge(self, query: Vector, score: float, among: Ids | None) -> Judgement | None:
        """Compare the best score of a query with what unrelated words get; see `Index.judge`."""
        judging = self._known_background()
        background = judging.background(self._memory.exact, among) if judging else None
        return background.judge(query, score) if background else None

    def has_background(self) -> bool:
        """Tell whether a background is kept with the index."""
        return self._known_background() is not None

    def learn(self, embed_texts: Callable[[Sequence[str]], Iterable[Vector]]) -> Change:
        """Make the background, and return what has to be written of it."""
        self._judging = Judging.learned(embed_texts, self._store.identity.dim)
        return self._judging.texts()

    def _known_background(self) -> Judging | None:
        if self._judging is None and not self._looked:
            self._judging = Judging.stored(self._store)
            self._looked = True
        return self._judging

    def _highest(self) -> int:
        stored = grouping.highest_number(self._store)
        return stored if self._grouping is None else max(stored, self._grouping.highest)

    def _groups(self) -> Grouping:
        """Return the groups that are kept; a reader looks at them anew each time."""
        if self._grouping is not None:
            return self._grouping
        found = Grouping(self._store, self._memory, self.threshold())
        if not self._store.read_only:
            self._grouping = found
        return found
