"""coach: what CLIP cannot do with a query, said before anybody is disappointed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from edgeclip.advice import evidence
from edgeclip.advice.kinds import KINDS
from edgeclip.advice.limits import Advice, Found, Limit
from edgeclip.advice.query import Query
from edgeclip.advice.rules import RULES, length
from edgeclip.errors import QueryError
from edgeclip.model import query as grammar

if TYPE_CHECKING:
    from edgeclip.model.model import Model

# A negation first: what it denies must not come back as a thing of its own.
_REWRITES = (
    "negation",
    "reading",
    "identity",
    "comparison",
    "counting",
    "spatial",
    "binding",
    "vague",
)
_JOINED = ("comparison", "spatial", "binding")
_MOST_REWRITES = 12
_MOST_TERMS = 50
"""A sum of more is no question that anybody asks."""


def coach(query: str, *, model: Model | None = None, pictures: bool = True) -> Advice:
    """Say which limits of CLIP a query runs into, by its words and with a model's evidence.

    Args:
        query: what somebody searches with, see `edgeclip.model.query`; each term of words is
            looked at.  White space alone is too vague.  Of a very long term only the beginning is
            looked at; it is too long all the same.
        model: ask this model, too, where there is something to ask; its text tower opens then.
        pictures: whether a term that is an existing file is read as a picture.

    Returns:
        Advice; without limits when CLIP can hold the query.

    Raises:
        QueryError: no text, or it breaks the query grammar.
        ModelError: the model knows no words, or is damaged.
    """
    if isinstance(model, str):
        raise TypeError(f"model must be a Model, not a name. Give Model.load({model!r}).")
    if isinstance(query, str) and not query.strip():
        return Advice(query, (_limit("vague", Found(())),))
    limits = tuple(_limits(query, model, pictures))
    return Advice(query, limits, _rewritten(query, limits, pictures))


def _limits(query: str, model: Model | None, pictures: bool) -> Iterator[Limit]:
    """Yield at most one limit for each kind: of the first term that runs into it."""
    terms = [term for term in grammar.parse(query, pictures=pictures) if not term.picture]
    asked = [(term, Query(term.value)) for term in terms[:_MOST_TERMS]]
    for kind in KINDS:
        for term, words in asked:
            found = length.find(words, model) if kind == "length" else RULES[kind](words)
            if found is not None:
                # "red car without a blue truck" is no "red car + blue truck".
                denied = kind in _JOINED and RULES["negation"](words) is not None
                rewrite = None if denied else _put_back(query, term, found.rewrite, pictures)
                yield _limit(kind, found, rewrite, words, model)
                break


def _limit(
    kind: str,
    found: Found,
    rewrite: str | None = None,
    words: Query | None = None,
    model: Model | None = None,
) -> Limit:
    about = KINDS[kind]
    seen = None
    if model is not None and words is not None and found.changed is not None:
        seen = evidence.evidence(words.text, found.changed, model)
    return Limit(kind, found.words, about.why, rewrite, about.instead, about.sources, seen)


def _put_back(query: str, term: grammar.Term, rewrite: str | None, pictures: bool) -> str | None:
    """Return the whole query with one term rewritten; None where that makes no query."""
    if rewrite is None:
        return None
    whole = query.replace(term.value, rewrite, 1)
    try:
        parts = grammar.parse(rewrite, pictures=False)
        grammar.parse(whole, pictures=pictures)
    except QueryError:  # "photo.png left of a dog" would ask for a picture that is not there
        return None
    if len(parts) > 1 and term.weight != 1:
        return None  # a minus or a weight binds one term only: there are no brackets
    weighted = any(abs(part.weight) != 1 for part in parts)  # "cat left of 2:30" means a time
    return None if weighted else whole


def _rewritten(query: str, limits: tuple[Limit, ...], pictures: bool) -> str | None:
    """Make all rewrites in turn; None when something remains that has none."""
    if any(each.kind == "length" for each in limits):
        # What is left of it was looked at already; more rounds would take too long.
        return limits[0].rewrite if len(limits) == 1 else None
    text = query
    for _ in range(_MOST_REWRITES):
        offered = {each.kind: each.rewrite for each in limits if each.rewrite not in (None, text)}
        kind = next((kind for kind in _REWRITES if kind in offered), None)
        if kind is None:
            break
        text = offered[kind] or text
        limits = tuple(_limits(text, None, pictures))
    return text if text != query and not limits else None
