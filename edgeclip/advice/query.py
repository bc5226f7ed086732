"""A query as the rules see it: cleaned, cut into words, fixed phrases out of the way."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

MOST_CHARACTERS = 2000
"""Of a query; a longer one is too long by far, whatever it says."""
READ_CHARACTERS = 450
"""What the rules look at: a text tower reads some 350."""

_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "‑": "-"})
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_QUOTED = re.compile(r'"[^"]+"')
# Vowels and tones of Indian scripts and Thai are marks, not letters.
_MARK = (
    "\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0980-\u0d7f\u0e30-\u0e4e"
)
_LETTERS = rf"[^\W_](?:[^\W_]|[{_MARK}])*"
_WORD = re.compile(rf"{_LETTERS}(?:['.&-]{_LETTERS})*")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a query."""

    text: str
    """As it was typed."""
    lower: str
    """In lower case."""
    start: int
    """Where it begins in `Query.text`."""
    end: int
    """Where it ends."""


class Query:
    """A text that somebody searches with.

    Args:
        given: the text as it was typed.
    """

    def __init__(self, given: str) -> None:
        cut = unicodedata.normalize("NFC", given[:MOST_CHARACTERS]).translate(_QUOTES)
        cut = " ".join(_NO_TEXT.sub(" ", _COLOUR.sub(" ", cut)).split())
        self.whole = cut[1:-1] if _QUOTED.fullmatch(cut) else cut
        """Composed, straight quotes and hyphens, single spaces, no control characters."""
        short = len(self.whole) <= READ_CHARACTERS
        begin = self.whole[:READ_CHARACTERS]
        self.text = begin if short else begin.rpartition(" ")[0] or begin
        """What the rules look at: its beginning."""
        self.cut = len(given) > MOST_CHARACTERS
        """Whether something was left out of `whole`."""

    @cached_property
    def lower(self) -> str:
        """`text` in lower case, of the same length, so that places agree."""
        lower = self.text.lower()
        if len(lower) == len(self.text):
            return lower
        return "".join(c.lower() if len(c.lower()) == 1 else c for c in self.text)

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """The words in order; ``t-shirt``, ``don't`` and ``10:45``'s ``10`` are one each."""
        return tuple(
            Word(found[0], self.lower[found.start() : found.end()], found.start(), found.end())
            for found in _WORD.finditer(self.text)
        )


def shortened(text: str, most: int = 60) -> str:
    """Return a text of at most so many characters; … stands for the rest."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
