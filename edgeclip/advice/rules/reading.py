"""The answer depends on reading letters, words or digits in the picture."""

from __future__ import annotations

import re
from functools import cache

from edgeclip.advice.limits import Found
from edgeclip.advice.lists import words
from edgeclip.advice.query import Query
from edgeclip.advice.rules import foreign
from edgeclip.advice.rules.reading_patterns import CLUES, FOREIGN, SIGNS

_DIGIT = re.compile(r"\d")


def find(query: Query) -> Found | None:
    """Find a query that needs letters, words or digits to be read."""
    found = _first(query)
    return _told(query.text, found) if found else None


def begins_before(query: Query, place: int) -> bool:
    """Tell whether what stands at a place is a text that must be read: "a cake with Emma on it"."""
    found = _first(query)
    return found is not None and found.start() < place


def _first(query: Query) -> re.Match[str] | None:
    """Return the first clue; each is tried only at the words that it begins with, for speed."""
    table = _by_head()
    for word in query.words:
        head = "0" if _DIGIT.search(word.lower) else word.lower
        for clue in table.get(head, ()):
            found = clue.match(query.text, word.start)
            if found:
                return found
    found = SIGNS.search(query.text)
    return found or (FOREIGN.search(query.text) if foreign.is_foreign(query) else None)


@cache
def _by_head() -> dict[str, list[re.Pattern[str]]]:
    table: dict[str, list[re.Pattern[str]]] = {}
    for name, clue in CLUES.items():
        for head in words("reading-carriers" if name == "carriers" else f"reading-heads-{name}"):
            table.setdefault(head, []).append(clue)
    return table


def _told(text: str, found: re.Match[str]) -> Found:
    """Tell of ``cue``, which leads to the text, and ``read``, the text where it is known."""
    begin, end = _place(found, "cue") or found.span()
    cue = text[begin:end].strip() or text[end:]
    _, end = _place(found, "read") or (begin, end)
    quoted = text[end:].lstrip().startswith('"') and text.find('"', text.find('"', end) + 1)
    if _place(found, "rest"):
        end = quoted + 1 if quoted and quoted > 0 else len(text)
    return Found((cue,), _joined(text[:begin], text[end:]), _changed(text, begin))


def _place(found: re.Match[str], name: str) -> tuple[int, int] | None:
    """Return where a group stands; the alternatives of a pattern number theirs."""
    groups = found.re.groupindex
    places = (found.span(group) for group in groups if group.rstrip("0123456789") == name)
    return next((place for place in places if place[0] >= 0), None)


def _joined(before: str, after: str) -> str | None:
    """Return what is left around a cue as a query; None where it is none."""
    hanging = re.match(r"[.,:]?\d|\s*(?:of the|to)\b", after)
    torn = hanging or re.match(r"[Cc](?:an|ould) ", before) or (after and not before.strip())
    left = " ".join(f"{before} {after}".split()).strip(" ,:;.?-")
    left = re.sub(r"(?:(?:^| )(?:with|the|a|an|of|whose|that|which|and|for))+$", "", left)
    return left if left and not torn and not _first(Query(left)) else None


def _changed(text: str, begin: int) -> str | None:
    """Return the query with other digits; None where it has none behind the cue's beginning."""
    other = re.sub(r"\d", lambda digit: str((int(digit[0]) + 3) % 10), text[begin:])
    return text[:begin] + other if other != text[begin:] else None
