"""What is made of the vectors and kept with them: the groups, and the background of a search.

All of it can be made again from the items, so it is written beside other changes or when the index
is closed, and what was not written is caught up with when the index is opened again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

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
        self._grouped = grouping.stored_threshold(store) is not None

    def pending(self) -> list[Change]:
        """Return what has to be written together with the next change."""
        return self._groups().pending() if self._grouped else []

    def written(self) -> None:
        """Take notice that what was pending is written."""
        if self._grouping is not None:
            self._grouping.written()

    def follow(self, new: Ids, gone: Iterable[int]) -> None:
        """Take notice of items that came and of ids that went."""
        if self._grouping is not None:
            self._grouping.leave(gone)
            self._grouping.join(new)

    def last(self) -> list[Change]:
        """Return what has to be written when the index is closed."""
        changes = self._grouping.sums() if self._grouping is not None else []
        if self._judging is not None:
            self._judging.background(self._memory.exact)
            changes += [self._judging.scores()] if self._judging.changed else []
        return changes

    def groups(self, threshold: float | None, *, anew: bool) -> dict[int, int]:
        """Return the number of the group of each id; see `Index.groups`.

        Whoever may write keeps groups that were made anew.
        """
        kept = grouping.stored_threshold(self._store)
        if threshold is None:
            threshold = grouping.THRESHOLD if kept is None else kept
        if not anew and kept == threshold:
            return self._groups().numbers()
        ids, labels = grouping.made_anew(self._memory, threshold)
        if not self._store.read_only:
            live = self._grouping.highest if self._grouping else -1
            labels = labels + max(live, grouping.highest_number(self._store)) + 1
            self._store.write(grouping.replacing(ids, labels, threshold))
            self._grouped, self._grouping = True, None
            self._groups()  # their centroids are kept when the index is closed
        return dict(zip(ids.tolist(), labels.tolist(), strict=True))

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
        if self._judging is None:
            self._judging = Judging.stored(self._store)
        return self._judging

    def _groups(self) -> Grouping:
        """Return the groups; a reader looks at them anew each time."""
        if self._grouping is not None:
            return self._grouping
        threshold = grouping.stored_threshold(self._store)
        assert threshold is not None
        found = Grouping(self._store, self._memory, threshold)
        if not self._store.read_only:
            self._grouping = found
        return found
