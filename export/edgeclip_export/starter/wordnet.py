"""Read the hypernyms of WordNet's nouns (`data.noun`, format of `wndb(5WN)`).

ImageNet names a class by ``n`` and the eight digits of its WordNet 3.0 noun, so that its ancestors
can be looked up without guessing the sense of a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_HYPERNYM = ("@", "@i")  # the second kind leads from a single thing to what it is an instance of


@dataclass(frozen=True, slots=True)
class Noun:
    """One sense of a noun."""

    lemma: str
    """Its first word, spaces for underscores."""
    parents: tuple[str, ...]
    """Ids of its hypernyms, ``n`` and eight digits, in WordNet's order."""


def read_nouns(lines: Iterable[str]) -> dict[str, Noun]:
    """Read noun records, skipping the licence at the head of the file.

    Args:
        lines: lines of ``data.noun``.

    Returns:
        Ids (``n`` and eight digits) to nouns.
    """
    nouns = {}
    for line in lines:
        if len(line) > 9 and line[:8].isdigit():
            nouns[f"n{line[:8]}"] = _noun(line)
    return nouns


def _noun(line: str) -> Noun:
    """Parse ``offset file type words {word id} pointers {symbol offset pos ends} | gloss``."""
    fields = line.split("|", 1)[0].split()
    words = int(fields[3], 16)
    pointers = fields[5 + 2 * words :]
    parents = tuple(
        f"n{pointers[i + 1]}" for i in range(0, len(pointers) - 3, 4) if pointers[i] in _HYPERNYM
    )
    return Noun(fields[4].replace("_", " "), parents)


def nearest_ancestors(
    nouns: Mapping[str, Noun], start: str, *, most: int, too_general: frozenset[str]
) -> tuple[str, ...]:
    """Walk up breadth first and return the nearest ancestors.

    Args:
        nouns: from `read_nouns`.
        start: id of the noun to start from; it is not among the ancestors.
        most: how many to return.
        too_general: ids to walk past and leave out.

    Returns:
        At most ``most`` ids, nearest first.
    """
    found: list[str] = []
    seen = {start}
    level = [start]
    while level and len(found) < most:
        parents = dict.fromkeys(parent for noun in level for parent in nouns[noun].parents)
        level = [parent for parent in parents if parent not in seen]
        seen.update(level)
        found += [parent for parent in level if parent not in too_general]
    return tuple(found[:most])


def general_nouns(nouns: Mapping[str, Noun], *, limit: int) -> frozenset[str]:
    """Return the nouns that more than ``limit`` other nouns descend from (entity, artifact)."""
    counts: dict[str, int] = {}
    for start in nouns:
        for ancestor in _all_ancestors(nouns, start):
            counts[ancestor] = counts.get(ancestor, 0) + 1
    return frozenset(noun for noun, count in counts.items() if count > limit)


def _all_ancestors(nouns: Mapping[str, Noun], start: str) -> set[str]:
    seen: set[str] = set()
    stack = list(nouns[start].parents)
    while stack:
        noun = stack.pop()
        if noun not in seen:
            seen.add(noun)
            stack.extend(nouns[noun].parents)
    return seen
