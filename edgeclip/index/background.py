"""Background: whether the best match of some words is better than what unrelated words get.

A cosine says little by itself: a picture that nobody could mistake for a giraffe still has some
cosine with "giraffe", the best of many pictures has a greater one, and every model has a scale of
its own.  So a fixed list of texts about everything (`edgeclip.model.background_texts`) is scored
on the same pictures:

1. A text that fits some picture better than all other texts do is taken for present; the others
   are unrelated (at least the lowest third, since a rich index has pictures of nearly everything).
2. The best scores of the unrelated texts say what chance gives here.  A good match is above 92 %
   of them, after a straight line through them has taken out that texts of a popular subject
   (a high mean cosine to the nearest tenth of the list) get more than others.

Only ranks and a fitted line are used, no cosine of a certain model.  The numbers 92 %, third and
tenth were chosen on photographs and queries that are not those of the tests and benchmarks.

Words and weighted sums of words can be judged.  Two pictures have cosines of another range than a
picture and words, so a query with a picture in it gets no verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeclip.vectors import Vector

_QUANTILE = 0.92
_LEAST_UNRELATED = 1 / 3
_NEAR = 1 / 10
_LEAST_TEXTS = 20
_CHUNK = 1024  # pictures at a time: 2 MB of scores
_STALE = 1 / 10


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether the best match is a good one."""

    good: bool
    """Whether ``score`` is above ``threshold``."""
    score: float
    """The cosine of the best match."""
    threshold: float
    """The cosine that unrelated words reach on these pictures, for this query."""

    def __str__(self) -> str:
        """Say it in one line."""
        if self.good:
            return f"the best score {self.score:.2f} is above {self.threshold:.2f}"
        return (
            f"no good match: the best score {self.score:.2f} is not above what unrelated words "
            f"get here ({self.threshold:.2f})"
        )


class Background:
    """Know what unrelated words get on a set of pictures.

    Made once for an index, kept as ``arrays()`` and brought up to date picture by picture.  Not
    safe for use from several threads at once.

    Args:
        vectors: ``(b, dim)`` float32 unit vectors of the background texts, ``b`` ≥ 20.
        arrays: what `arrays` returned for the same texts; None: no pictures yet.

    Raises:
        ValueError: too few texts, or arrays of another list of texts.
    """

    def __init__(
        self, vectors: Vector, arrays: Mapping[str, NDArray[np.generic]] | None = None
    ) -> None:
        if vectors.ndim != 2 or len(vectors) < _LEAST_TEXTS:
            raise ValueError(
                f"a background has at least {_LEAST_TEXTS} texts, not shape {vectors.shape}"
            )
        self.vectors = vectors
        self.pictures = 0
        self.removed = 0
        self._best = np.full(len(vectors), -np.inf, np.float32)
        self._first = np.zeros(len(vectors), np.bool_)
        if arrays is not None:
            self._restore(arrays)
        self._near = self._nearness(vectors)
        self._line: tuple[float, float] | None = None

    def add(self, pictures: Vector) -> None:
        """Take in the vectors of new pictures.

        Args:
            pictures: ``(n, dim)`` float32 unit vectors.  Costs ``n · b · dim`` multiplications and
                2 MB, however many there are.
        """
        for start in range(0, len(pictures), _CHUNK):
            scores = pictures[start : start + _CHUNK] @ self.vectors.T
            np.maximum(self._best, scores.max(axis=0), out=self._best)
            self._first[scores.argmax(axis=1)] = True
        self.pictures += len(pictures)
        self._line = None

    def remove(self, count: int = 1) -> None:
        """Note that pictures were removed; see `stale`."""
        self.removed += count

    @property
    def stale(self) -> bool:
        """Whether so many pictures were removed that a new `Background` should be made.

        Until then the removed pictures still count, which changes little.
        """
        return self.removed > _STALE * self.pictures

    def judge(self, query: Vector, score: float) -> Judgement:
        """Compare the best score of a query with what unrelated words get.

        Args:
            query: ``(dim,)`` float32 unit vector of words, or of a weighted sum of words.
            score: its greatest cosine with the pictures.

        Raises:
            ValueError: no pictures were added.
        """
        slope, offset = self._fitted()
        threshold = offset + slope * float(self._nearness(query[None])[0])
        return Judgement(score > threshold, score, threshold)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what to keep beside the texts' vectors: a few kilobytes.

        Returns:
            ``best`` ``(b,)`` float32, ``first`` ``(b,)`` bool, ``counts`` ``(2,)`` int64.
        """
        counts = np.array([self.pictures, self.removed], np.int64)
        return {"best": self._best.copy(), "first": self._first.copy(), "counts": counts}

    def _restore(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        best, first, counts = arrays["best"], arrays["first"], arrays["counts"]
        shape = (len(self.vectors),)
        if best.shape != shape or first.shape != shape or counts.shape != (2,):
            raise ValueError("these arrays belong to another list of texts. Make the background.")
        self._best = best.astype(np.float32)
        self._first = first.astype(np.bool_)
        self.pictures, self.removed = (int(count) for count in counts)

    def _nearness(self, texts: Vector) -> NDArray[np.float64]:
        """Return the mean cosine of each text to the nearest tenth of the list: ``(n,)``.

        The very nearest is left out: for a text of the list that is the text itself, and for a
        query it may be a text with the same meaning.
        """
        count = max(1, round(_NEAR * len(self.vectors)))
        cosines = (texts @ self.vectors.T).astype(np.float64)
        nearest = -np.sort(-cosines, axis=1)[:, : count + 1]
        near: NDArray[np.float64] = nearest[:, 1:].mean(axis=1)
        return near

    def _fitted(self) -> tuple[float, float]:
        """Return slope and offset of the threshold as a function of the nearness."""
        if self.pictures == 0:
            raise ValueError("there are no pictures to judge a match by")
        if self._line is None:
            unrelated = self._unrelated()
            near, best = self._near[unrelated], self._best[unrelated].astype(np.float64)
            apart = near - near.mean()
            # Texts near many others get more, never less; a negative slope is noise.
            slope = max(0.0, float(apart @ best) / max(float(apart @ apart), 1e-12))
            self._line = slope, float(np.quantile(best - slope * near, _QUANTILE))
        return self._line

    def _unrelated(self) -> NDArray[np.bool_]:
        """Return which texts count as unrelated: ``(b,)``."""
        unrelated = ~self._first
        least = int(np.ceil(_LEAST_UNRELATED * len(self._best)))
        if np.count_nonzero(unrelated) < least:
            unrelated = np.zeros_like(self._first)
            unrelated[np.argsort(self._best, kind="stable")[:least]] = True
        return unrelated
