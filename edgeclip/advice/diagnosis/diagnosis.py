"""diagnose: why a picture and a query get the score they get, with figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from edgeclip.advice.diagnosis import flaws, framing, rank, steps, stored, towers, words
from edgeclip.advice.diagnosis.flaws import Remark
from edgeclip.advice.diagnosis.framing import Framings, Pixels, Seen
from edgeclip.advice.diagnosis.rank import Score
from edgeclip.advice.diagnosis.steps import Step
from edgeclip.advice.diagnosis.stored import Place, Stored
from edgeclip.advice.diagnosis.towers import Towers
from edgeclip.advice.diagnosis.words import Words
from edgeclip.errors import EdgeclipError
from edgeclip.model.headers import MOST_PIXELS
from edgeclip.vectors import Vector

if TYPE_CHECKING:
    from edgeclip.index.background import Judgement
    from edgeclip.index.index import Index
    from edgeclip.model.images import PictureSource
    from edgeclip.model.model import Model

_MOST_AHEAD = 1000


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a picture and a query get the score they get."""

    query: str
    width: int
    """Of the upright picture, in pixels."""
    height: int
    score: Score
    words: Words
    framing: Framings
    remarks: tuple[Remark, ...]
    """What is wrong with the picture itself."""
    towers: Towers
    stored: Stored | None
    """What is wrong with the stored vector, when one was given."""
    steps: tuple[Step, ...]
    """What to try next, best first."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A stored vector, and what is known of it."""

    vector: ArrayLike
    space: str | None
    place: Place | None
    judge: Callable[[Vector, float], Judgement | None] | None = None
    """That of an index of the model's space."""


def diagnose(
    model: Model,
    picture: PictureSource,
    query: str,
    *,
    vector: ArrayLike | None = None,
    space: str | None = None,
    index: Index | None = None,
    key: str | None = None,
) -> Diagnosis:
    """Explain a score.

    Takes as long as some 110 texts and 20 pictures.

    Args:
        model: with both towers.
        picture: a path, encoded bytes, a PIL picture, or ``(h, w, 3)`` uint8 RGB.
        query: words or a weighted sum of words; no term is read as a picture.
        vector: that of the picture as it was stored, in any state.
        space: the space id that was stored with it.
        index: where the picture is kept; its vector there is looked at, and where the index has
            learned what unrelated words get, the verdict is that of a search.
        key: the picture's in the index.

    Raises:
        ImageRejected: the picture cannot or must not be read.
        InvalidText: the query cannot be embedded.
        ModelError: the model has no text tower.
        EdgeclipError: the index has no such item.
    """
    wanted = model.embed_query(query, pictures=False)  # first: a mistake in it shows at once
    fresh = model.embed_image(picture)
    kept = _from_index(model, index, key, wanted) if index is not None else None
    if vector is not None:
        kept = _Kept(vector, space, None)
    return _explained(model, query, _pixels(picture), wanted, fresh, kept)


def _explained(
    model: Model, query: str, pixels: Pixels, wanted: Vector, fresh: Vector, kept: _Kept | None
) -> Diagnosis:
    tower, (height, width) = model.manifest.image, pixels.shape[:2]
    seen = framing.look(pixels, tower, model.embed_image)
    background = rank.background(query, model.embed_texts)
    score = rank.score(wanted, fresh, background)
    told = towers.describe(model)
    said = words.examine(model, query, wanted, fresh, background)
    cut_off = framing.cut_off(width, height, tower)
    framed = framing.compare(seen, wanted, background, cut_off=cut_off)
    wrong = flaws.remarks(pixels, tower)
    checked = _checked(kept, fresh, wanted, seen, told.space) if kept else None
    score = _judged(score, kept, checked, wanted)
    following = steps.steps(
        score=score,
        words=said,
        framing=framed,
        remarks=wrong,
        towers=told,
        stored=checked,
    )
    return Diagnosis(query, width, height, score, said, framed, wrong, told, checked, following)


def _pixels(picture: PictureSource) -> Pixels:
    from edgeclip.model import images

    # The model's own limit was kept when it embedded the picture.
    return np.asarray(images.read(picture, max_pixels=MOST_PIXELS))


def _from_index(model: Model, index: Index, key: str | None, wanted: Vector) -> _Kept:
    item = index.get(key) if key is not None else None
    if item is None:
        raise EdgeclipError(
            f"{index.path} has no item {key!r}. Give a picture that it holds, or index its folder."
        )
    vector = np.asarray(item.vector)
    if index.space != model.space:
        return _Kept(vector, index.space, None)
    return _Kept(vector, index.space, _place(index, item.key, wanted), index.judge)


def _place(index: Index, key: str, wanted: Vector) -> Place:
    """Return where a picture comes among all; the first thousand are looked through."""
    found = index.search(wanted, count=_MOST_AHEAD)
    ranks = (number for number, match in enumerate(found, 1) if match.key == key)
    return Place(next(ranks, None), len(index), found[0].key, found[0].score)


def _judged(score: Score, kept: _Kept | None, checked: Stored | None, wanted: Vector) -> Score:
    """Let an index judge, as it judges a search."""
    if kept is None or kept.judge is None:
        return score
    cosine = score.standing.cosine
    if checked is not None and checked.state == "ok" and checked.score is not None:
        cosine = checked.score  # that of a search, which sees the vector of 16 bits a number
    judgement = kept.judge(wanted, cosine)
    if judgement is None:
        return score
    verdict: rank.Verdict = "match" if judgement.good else "no match"
    return replace(score, verdict=verdict, scale="index", threshold=judgement.threshold)


def _checked(kept: _Kept, fresh: Vector, wanted: Vector, seen: dict[str, Seen], own: str) -> Stored:
    others = {name: each.vectors[0] for name, each in seen.items() if not each.boxes}
    return stored.check(
        kept.vector, fresh, wanted, others, spaces=(kept.space, own), place=kept.place
    )
