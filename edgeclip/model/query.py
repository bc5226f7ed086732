"""Text, pictures and weighted sums → one unit vector: the query grammar.

::

    query    = [weight] term { operator [weight] term }
    operator = " + " | " - "          only between spaces: t-shirt is one word
    weight   = NUMBER ":"             "2:beach - people"
    term     = an existing file       a picture: "./cat.jpg + snow"
             | "text:" words          words, whatever they look like
             | words

The vector is the sum of the terms' unit vectors times their weights, scaled to length 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeclip.errors import QueryError
from edgeclip.model import headers
from edgeclip.vectors import Vector, unit

_OPERATOR = re.compile(r"(?:^|(?<=\s))([+-])(?=\s|$)")
_WEIGHT = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)):(.*)", re.DOTALL)
_WORDS = "text:"
_LEAST_SUM = 1e-3


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a query."""

    weight: float
    """Negative after a minus."""
    value: str
    """Words, or the path of a picture."""
    picture: bool
    """Whether ``value`` is a path."""


def parse(query: str, *, pictures: bool = True) -> list[Term]:
    """Split a query into its terms.

    Args:
        query: see the grammar above.
        pictures: whether a term that is an existing file is read as a picture; a server that
            answers strangers says no.

    Raises:
        QueryError: the query or one of its terms is empty, a weight is zero, or a term has the
            name of a picture that does not exist.
    """
    if not isinstance(query, str):
        raise QueryError(f"a query must be a str, not {type(query).__name__}. Give words.")
    first, *rest = _OPERATOR.split(query)
    signed = [("+", first), *zip(rest[0::2], rest[1::2], strict=True)]
    return [_term(sign, words, query, pictures) for sign, words in signed]


def embed(
    terms: Sequence[Term],
    embed_text: Callable[[str], Vector],
    embed_image: Callable[[str], Vector],
) -> Vector:
    """Embed the terms and add them up.

    Args:
        terms: at least one, from `parse`.
        embed_text: words → unit vector.
        embed_image: path of a picture → unit vector.

    Returns:
        ``(dim,)`` float32 of unit length.

    Raises:
        QueryError: the terms cancel each other out, or all weights are zero.
    """
    # Only the proportions count, so weights of 1e300 and of 1e-300 stay within range.
    greatest = max(abs(term.weight) for term in terms)
    if not greatest:
        raise QueryError("all weights of the query are zero. Give one term another.")
    weights = [term.weight / greatest for term in terms]
    total = np.sum(
        [
            weight * (embed_image if term.picture else embed_text)(term.value).astype(float)
            for weight, term in zip(weights, terms, strict=True)
        ],
        axis=0,
    )
    if np.linalg.norm(total) < _LEAST_SUM * sum(map(abs, weights)):
        raise QueryError("the terms of the query cancel each other out. Change a weight.")
    return unit(total)


def _term(sign: str, words: str, query: str, pictures: bool) -> Term:
    weight = 1.0
    found = _WEIGHT.fullmatch(words)
    if found:
        weight, words = float(found[1]), found[2]
    if weight == 0 or not np.isfinite(weight):
        raise QueryError(f"the weight of {words.strip()!r} is {weight:g}. Give another number.")
    words = words.strip()
    forced = words.startswith(_WORDS)
    words = words.removeprefix(_WORDS).strip() if forced else words
    if not words:
        raise QueryError(
            f"{query!r} has an empty term. Put words or a picture on both sides of + and -, "
            "or write text:words."
        )
    picture = pictures and not forced and _is(Path.is_file, words)
    if pictures and not forced and not picture:
        _refuse_lost_picture(words)
    return Term(-weight if sign == "-" else weight, words, picture)


def _refuse_lost_picture(words: str) -> None:
    """Refuse what was meant as a picture: a mistyped path must not be embedded as words."""
    if Path(words).suffix.lower() in headers.SUFFIXES:
        raise QueryError(
            f"{words} is no file. Give the path of a picture, or text:{words} if these are words."
        )
    if "/" in words and _is(Path.is_dir, words):
        raise QueryError(f"{words} is a folder. Give the path of a picture.")


def _is(kind: Callable[[Path], bool], words: str) -> bool:
    try:
        return kind(Path(words))
    except (OSError, ValueError):  # longer than a path can be, or with a NUL
        return False
