"""Adjectives and their comparatives and superlatives, there and back."""

from __future__ import annotations

import re
from functools import cache

from edgeclip.advice import lists

_IRREGULAR = {
    ("good", "er"): "better",
    ("good", "est"): "best",
    ("bad", "er"): "worse",
    ("bad", "est"): "worst",
    ("far", "er"): "further",
    ("far", "est"): "furthest",
}
_MORE = {"farther": ("er", "far"), "farthest": ("est", "far"), "eldest": ("est", "old")}
_MORE["latest"] = ("est", "recent")


@cache
def grades() -> dict[str, tuple[str, str]]:
    """Return for each comparative and superlative its ending, ``er`` or ``est``, and adjective."""
    found = dict(_MORE)
    for word in opposites():
        for ending in ("er", "est"):
            found.setdefault(graded(word, ending), (ending, word))
    return found


@cache
def opposites() -> dict[str, str]:
    """Return for each adjective its opposite; an empty text where there is no simple one."""
    split = (entry.partition(" = ") for entry in lists.entries("comparison-adjectives"))
    return {word: opposite for word, _, opposite in sorted(split, key=lambda parts: parts[2])}


def graded(word: str, ending: str) -> str:
    """Return an adjective's comparative or superlative."""
    if (word, ending) in _IRREGULAR:
        return _IRREGULAR[word, ending]
    if word.endswith("e"):
        return word + ending[1:]
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "i" + ending
    if re.search(r"(?:^|[^aeiou])[aeiou][bdgmnpt]$", word):
        return word + word[-1] + ending
    return word + ending


def plain(word: str) -> str | None:
    """Return the adjective of a comparative or superlative."""
    if word in grades():
        return grades()[word][1]
    stem = word.removesuffix("est")
    if stem == word or not is_superlative(word):
        return None
    if stem.endswith("i"):
        return stem[:-1] + "y"
    return stem[:-1] if re.search(r"([bdgmnpt])\1$", stem) else stem


def opposite(word: str) -> str | None:
    """Return the opposite of a comparative or superlative, in the same grade."""
    if word not in grades():
        return None
    ending, adjective = grades()[word]
    other = opposites().get(adjective)
    return graded(other, ending) if other else None


def is_superlative(word: str) -> bool:
    """Tell ``largest`` from ``forest``."""
    return word in ("best", "worst") or (
        word.endswith("est")
        and word not in lists.entries("comparison-words")
        and not word.endswith(("fest", "forest"))
    )
