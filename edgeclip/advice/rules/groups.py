"""Lists of words by group: ``group = word word …``, a line each."""

from __future__ import annotations

from functools import cache

from edgeclip.advice import lists


@cache
def groups(name: str) -> dict[str, frozenset[str]]:
    """Return the groups of ``lists/<name>.txt``; lines of one group are added up."""
    found: dict[str, frozenset[str]] = {}
    for entry in sorted(lists.entries(name)):
        group, _, words = entry.partition(" = ")
        found[group] = found.get(group, frozenset()) | frozenset(words.split())
    return found
