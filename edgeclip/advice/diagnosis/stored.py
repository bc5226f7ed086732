"""Stored: what is wrong with the vector of the picture that was made earlier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgeclip.vectors import Vector, unit

SAME = 0.999
"""From here on two vectors of one picture are the same; 16 bits a number leave 0.9999."""
NEAR = 0.7
"""Crop and pad of 69 photographs were no further apart than 0.74; other models are near 0."""
_LENGTH_TOLERANCE = 1e-2  # 16 bits a number change a length by 0.001 at most

State = Literal["ok", "not finite", "dim", "zero", "near", "other", "twin"]
_TWINS = {
    "crop": "with --fit crop",
    "pad": "with --fit pad",
    "turned_left": "of the picture turned by 90° to the left",
    "turned_over": "of the picture upside down",
    "turned_right": "of the picture turned by 90° to the right",
    "query": "of the query's words, not of the picture",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the picture comes among those of an index."""

    rank: int | None
    """1 is the best; None: it comes after the first thousand."""
    of: int
    first: str
    """The key of the best match."""
    first_cosine: float


@dataclass(frozen=True, slots=True)
class Stored:
    """What a stored vector is, beside a fresh one of the same picture."""

    state: State
    """``twin``: it equals a vector that was made otherwise, see ``twin``."""
    dim: int
    length: float | None
    """None where it is not finite."""
    normalised: bool
    cosine: float | None
    """With the fresh vector; None where they cannot be compared."""
    score: float | None
    """The stored vector's cosine with the query."""
    twin: str | None
    """What it is the vector of, when not of the picture as the model was opened."""
    space: str | None
    """The space id that was stored with it, if any."""
    same_space: bool | None
    place: Place | None
    messages: tuple[str, ...]
    """What there is to say, a sentence each."""

    @property
    def indexed(self) -> bool:
        """Whether it is kept in an index of this model's space."""
        return self.place is not None


def check(
    stored: ArrayLike,
    fresh: Vector,
    wanted: Vector,
    others: Mapping[str, Vector],
    *,
    spaces: tuple[str | None, str] = (None, ""),
    place: Place | None = None,
) -> Stored:
    """Compare a stored vector with fresh ones of the same picture.

    Args:
        stored: numbers in any state.
        fresh: ``(dim,)`` of the picture, as the model was opened.
        wanted: ``(dim,)`` of the query.
        others: further vectors by name: other fits and turns of the picture.
        spaces: the space id that was stored with it, if any, and the model's.
        place: where the picture comes in its index.
    """
    numbers = np.asarray(stored, np.float64).ravel()
    space, own = spaces
    length = _length(numbers)
    state, cosine, score, twin = _compared(numbers, length, fresh, {**others, "query": wanted})
    found = Stored(
        state=state,
        dim=len(numbers),
        length=length,
        normalised=length is not None and abs(length - 1) <= _LENGTH_TOLERANCE,
        cosine=cosine,
        score=score,
        twin=twin,
        space=space,
        same_space=None if space is None else space == own,
        place=place,
        messages=(),
    )
    return replace(found, messages=tuple(_messages(found, len(fresh), own)))


def _length(numbers: NDArray[np.float64]) -> float | None:
    """Return the L2 norm; None where it is not finite."""
    # Not the plain norm: squares of 1e200 are not finite, the length itself is.
    greatest = float(np.abs(numbers).max(initial=0.0))
    if not np.isfinite(greatest):
        return None
    length = greatest * float(np.linalg.norm(numbers / greatest)) if greatest else 0.0
    return length if np.isfinite(length) else None


def _compared(
    numbers: NDArray[np.float64],
    length: float | None,
    fresh: Vector,
    others: Mapping[str, Vector],
) -> tuple[State, float | None, float | None, str | None]:
    """Return the state, the cosines with the fresh vector and with the query, and the twin."""
    if length is None:
        return "not finite", None, None, None
    if len(numbers) != len(fresh) or length == 0:
        return ("zero" if length == 0 else "dim"), None, None, None
    direction = unit(numbers / np.abs(numbers).max())  # of 1e200, too
    cosine, score = float(direction @ fresh), float(direction @ others["query"])
    state, twin = _origin(direction, cosine, others)
    return state, cosine, score, twin


def _origin(
    direction: Vector, cosine: float, others: Mapping[str, Vector]
) -> tuple[State, str | None]:
    """Tell what a vector was made of: the picture, the same in another way, or something else."""
    if cosine >= SAME:
        return "ok", None
    name = max(others, key=lambda each: float(direction @ others[each]))
    if float(direction @ others[name]) >= SAME:
        return "twin", name
    return ("near" if cosine >= NEAR else "other"), None


def _messages(stored: Stored, dim: int, own: str) -> Iterator[str]:
    if stored.state == "not finite":
        yield "it holds nan or inf: no search can rank it; embed the picture again"
        return
    if stored.state == "dim":
        yield f"it has {stored.dim} numbers, this model's have {dim}: another model made it"
    if stored.state == "zero":
        yield "all its numbers are 0: it has no direction; embed the picture again"
    elif not stored.normalised and stored.length is not None:
        yield f"its length is {stored.length:.4g}: divide by it"
    if stored.cosine is not None:
        yield f"its cosine with the fresh vector is {stored.cosine:.4f}: {reason(stored)}"
    if stored.same_space is False:
        yield f"it is of space {str(stored.space)[:12]}…, this model's is {own[:12]}…"


def reason(stored: Stored) -> str:
    """Say what made a stored vector, in a part of a sentence."""
    if stored.twin is not None:
        return f"it is the vector {_TWINS[stored.twin]}"
    if stored.state == "ok":
        return "they are the same"
    if stored.indexed:
        return "the picture was changed since it was indexed"
    if stored.state == "near":
        return "another fit, variant or decoder made it, or the picture was changed since"
    return "another model, tower or preprocessing made it, or it is of another picture"
