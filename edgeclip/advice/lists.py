"""Word lists: one entry a line, ``#`` begins a comment; read once, when a rule first asks."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "lists"


@cache
def entries(name: str) -> frozenset[str]:
    """Return the entries of ``lists/<name>.txt``, in lower case as they are written there."""
    lines = (line.partition("#")[0].strip() for line in _text(name).splitlines())
    return frozenset(line for line in lines if line)


@cache
def words(name: str) -> frozenset[str]:
    """Return the words of ``lists/<name>.txt``, several on a line."""
    return frozenset(word for line in entries(name) for word in line.split())


def alternatives(*names: str) -> str:
    """Return the entries of some lists as one regular expression, see `pattern`."""
    return pattern({entry for name in names for entry in entries(name)})


def pattern(phrases: Collection[str]) -> str:
    """Return phrases as one regular expression, of which the longest that fits matches.

    Spaces match any white space and hyphens.  What phrases begin with in common is written once:
    Python tries alternatives in turn, and there are hundreds.
    """
    tree: dict[str, Any] = {}
    for phrase in sorted(phrases):
        branch = tree
        for letter in phrase:
            branch = branch.setdefault(letter, {})
        branch[""] = {}
    return _branches(tree)


def _branches(tree: dict[str, Any]) -> str:
    found = [
        (r"[\s-]+" if letter == " " else re.escape(letter)) + _branches(branch)
        for letter, branch in tree.items()
        if letter
    ]
    if not found:
        return ""
    joined = found[0] if len(found) == 1 and "" not in tree else f"(?:{'|'.join(found)})"
    return f"{joined}?" if "" in tree else joined


def _text(name: str) -> str:
    return (_FOLDER / f"{name}.txt").read_text("utf-8")
