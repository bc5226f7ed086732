"""The words that other languages have for a kind: only where the query is in another language."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from edgeclip.advice import lists
from edgeclip.advice.query import Query
from edgeclip.advice.rules import language

_PIECE = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def words(query: Query, kind: str) -> tuple[str, ...]:
    """Return the words of a query that another language has for a kind.

    Args:
        query: in whatever language.
        kind: the entries of ``lists/foreign-<kind>.txt``.
    """
    if not is_foreign(query):
        return ()
    entries = lists.entries(f"foreign-{kind}")
    found = [word for word in _PIECE.findall(query.text) if word.lower() in entries]
    return tuple(found or _unspaced(kind, query.text))


def is_foreign(query: Query) -> bool:
    """Tell whether a query is in another language than English."""
    return _is_foreign(query.text)


@lru_cache(maxsize=16)  # every rule asks it of the same query
def _is_foreign(text: str) -> bool:
    return language.find(Query(text)) is not None


def _unspaced(kind: str, text: str) -> list[str]:
    """Find the entries of scripts that put no spaces between words."""
    return _pattern(kind).findall(text)[:1]


@cache
def _pattern(kind: str) -> re.Pattern[str]:
    entries = sorted(lists.entries(f"foreign-{kind}-unspaced"), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, entries)) or r"(?!)")
