"""What several rules know of words: fixed phrases, plurals, articles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from edgeclip.advice import lists
from edgeclip.advice.query import Query

MASK = "·"
"""Stands where a fixed phrase stood: no word, no white space, no punctuation that a rule knows."""

_QUOTED = re.compile(r'"[^"]*"')
_PIECE = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_ARTICLE = re.compile(r"^(?:an?|the|some|any|my|our|his|her|their|its)\s+", re.IGNORECASE)

_IRREGULAR = lists.words("plurals")
# Ends in s, and is one: "two glass bottles" has its plural elsewhere.
_SINGULAR = lists.words("no-plurals")


def masked(query: Query, *names: str) -> str:
    """Return ``query.lower`` with the fixed phrases of some lists masked, of the same length.

    A phrase matches with spaces or hyphens between its words, and also in the plural.  What stands
    in quotes is masked, too: it is read, not meant.

    Args:
        query: what to mask.
        names: lists of phrases, see `edgeclip.advice.lists`.
    """
    text = _QUOTED.sub(lambda found: MASK * len(found[0]), query.lower)
    for start, end in _phrases(text, names):
        text = text[:start] + MASK * (end - start) + text[end:]
    return text


def plural(word: str) -> bool:
    """Tell whether a word, in lower case, looks like a plural noun."""
    last = word.rpartition("-")[2]
    if last in _IRREGULAR:
        return True
    regular = len(last) > 2 and last.endswith("s") and not last.endswith(("ss", "'s", "us", "is"))
    return regular and last not in _SINGULAR


def bare(phrase: str) -> str:
    """Return a noun phrase without its leading article and the punctuation around it."""
    return _ARTICLE.sub("", phrase.strip(" ,;:.!?\"'")).strip()


def _phrases(text: str, names: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Yield where fixed phrases stand, the longest at each place, none within another."""
    known = _known(names)
    pieces = list(_PIECE.finditer(text))
    words = [piece[0] for piece in pieces]
    free = 0
    for i, word in enumerate(words):
        if i < free:
            continue
        for phrase in known.get(word, ()) or known.get(word.removesuffix("s"), ()):
            if _matches(words[i : i + len(phrase)], phrase):
                free = i + len(phrase)
                yield pieces[i].start(), pieces[free - 1].end()
                break


def _matches(words: list[str], phrase: tuple[str, ...]) -> bool:
    *first, last = phrase
    return (
        words[:-1] == first
        and len(words) == len(phrase)
        and words[-1] in (last, f"{last}s", f"{last}es")
    )


@cache
def _known(names: tuple[str, ...]) -> dict[str, list[tuple[str, ...]]]:
    """Return the phrases by their first word, the longest first."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for name in names:
        for entry in lists.entries(name):
            pieces = tuple(_PIECE.findall(entry.lower()))
            found.setdefault(pieces[0], []).append(pieces)
    return {first: sorted(phrases, key=len, reverse=True) for first, phrases in found.items()}
