"""Rank: how a cosine stands among those that texts about everything get on the same picture.

A cosine alone says little: each model has a range of its own, and each picture lifts or lowers all
texts together.  What unrelated texts get on the same picture is the scale that is needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgeclip.model.background_texts import TEXTS
from edgeclip.vectors import Vector

COUNT = 100
"""Background texts: at 0.08 s a text, as MobileCLIP-S2 takes on a board, that is 8 s."""
DOUBTFUL = 0.9
"""Share of the background; a match beats all of it: on a photograph of a cat "a dog", "a giraffe"
and "a wolf" beat 99 of 100."""
Verdict = Literal["match", "doubtful", "no match"]
Scale = Literal["texts", "index"]
_BEST = 5
_LEAST_SPREAD = 1e-6  # a picture on which all texts score the same gives nobody a lead
_PLAIN = re.compile(r"\s*(?:text:\s*)?(?:(?:an?|the)\s+)?(.*?)[\s.]*", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Scored:
    """A text and its cosine with the picture."""

    text: str
    cosine: float


@dataclass(frozen=True, slots=True)
class Standing:
    """A cosine, and how it stands among those of the background texts."""

    cosine: float
    """In [-1, 1]."""
    better_than: int
    """How many background texts get less."""
    of: int
    """How many background texts there are."""
    lead: float
    """How far it is above their mean, in their standard deviations."""

    @property
    def share(self) -> float:
        """The part of the background texts that get less, in [0, 1]."""
        return self.better_than / self.of

    @property
    def verdict(self) -> Verdict:
        """Whether the model sees in the picture what the text says."""
        if self.better_than == self.of:
            return "match"
        return "doubtful" if self.share >= DOUBTFUL else "no match"


@dataclass(frozen=True, slots=True)
class Score:
    """The score that is to be explained."""

    standing: Standing
    verdict: Verdict
    best: tuple[Scored, ...]
    """The background texts that fit the picture best: what the model thinks that it sees."""
    scale: Scale = "texts"
    """What the verdict rests on: the background texts, or what unrelated words get on an index."""
    threshold: float | None = None
    """With the scale of an index: the cosine that a match is above, as in a search."""


@dataclass(frozen=True, slots=True)
class Background:
    """The texts to compare with, embedded."""

    texts: tuple[str, ...]
    vectors: Vector
    """``(n, dim)`` of unit length."""

    def standing(self, wanted: Vector, pictures: Vector) -> Standing:
        """Compare a text with the background on a picture, or on the best of several.

        Args:
            wanted: ``(dim,)`` of unit length.
            pictures: ``(dim,)``, or ``(n, dim)``: each text has its best of these, so that many
                tries help the query no more than they help the background.
        """
        rows = np.atleast_2d(pictures)
        cosine = float((rows @ wanted).max())
        others = (rows @ self.vectors.T).max(axis=0).astype(np.float64)
        lead = (cosine - float(others.mean())) / max(float(others.std()), _LEAST_SPREAD)
        below = int(np.count_nonzero(others < cosine))
        return Standing(max(-1.0, min(1.0, cosine)), below, len(others), lead)

    def best(self, picture: Vector, count: int = _BEST) -> tuple[Scored, ...]:
        """Return the texts that fit a picture best, best first."""
        cosines = self.vectors @ picture
        order = np.argsort(-cosines, kind="stable")[:count]
        return tuple(Scored(self.texts[i], float(cosines[i])) for i in order)


def score(wanted: Vector, picture: Vector, background: Background) -> Score:
    """Return the score of a text and a picture, and what it is worth."""
    standing = background.standing(wanted, picture)
    return Score(standing, standing.verdict, background.best(picture))


def spread(query: str, texts: Sequence[str] = TEXTS, count: int = COUNT) -> tuple[str, ...]:
    """Return texts from all over the list, always the same ones, without the query itself."""
    chosen = (texts[i * len(texts) // count] for i in range(count))
    return tuple(text for text in chosen if _plain(text) != _plain(query))


def background(query: str, embed_texts: Callable[[Sequence[str]], Iterable[Vector]]) -> Background:
    """Embed the texts to compare a query with."""
    texts = spread(query)
    return Background(texts, np.stack(list(embed_texts(texts))))


def _plain(text: str) -> str:
    """Return words without an article: "a cat" is not unrelated to "cat"."""
    found = _PLAIN.fullmatch(text)
    return (found[1] if found else text).casefold()
