"""Numbers: which of them count things, and which measure, date or name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from edgeclip.advice import lists, phrases
from edgeclip.advice.query import Query

_SMALL = "two|three|four|five|six|seven|eight|nine"
CARDINAL = "|".join(sorted(lists.words("numbers")))
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_WORDED = (
    rf"(?:(?:{_TENS})[\s-](?:one|{_SMALL})|half[\s-]?a[\s-]dozen|half[\s-]dozen"
    rf"|(?:an?|one|two|three|four|five|six)\s(?:dozen|hundred|thousand|score)|baker'?s\sdozen"
    rf"|{CARDINAL}|dozen|hundred|thousand)"
)
# No part of a time, a price, a decimal, a score, a plate or a version.
_DIGITS = r"(?<![\w.,:/#$€£%·+*=-])\d{1,4}(?:,\d{3})*(?![\w%:/·+*=-]|[.,]\d)"
_RANGE = r"(?<![\w.,:/-])\d{1,3}\s?-\s?\d{1,3}(?![\w:/-])"
_NUMBER = re.compile(
    rf"(?:\b(?:one\s(?:or|to)\s)?{_WORDED}\b|\bzero\b|{_DIGITS}|{_RANGE})"
    rf"(?:(?:\s(?:or|to)\s|-)(?:{_WORDED}\b|{_DIGITS})"
    r"|\s(?:or|and)\s(?:more|so|longer|fewer|less|over|above)\b|[-\s]odd\b|-plus\b)?"
)
BOUND = re.compile(
    r"(?:\b(?:more than|less than|fewer than|at least|at most|no more than|no fewer than|exactly"
    r"|precisely|not more than|as many as|up to|over|upwards of|in excess of|a (?:total|minimum"
    r"|maximum) of)\s|[<>]=?\s?)$"
)
# "More than 30 in the room", "all six in the boat", "two on a tandem": no noun is needed.
_SURE_BOUND = re.compile(
    r"(?:\b(?:more than|less than|fewer than|at least|at most|exactly|precisely|all|these|those)\s"
    r"|[<>]=?\s?|^)$"
)
_NOTHING = re.compile(r"\s*[?.!]?$")
_ENDS = re.compile(
    r"\s(?:in|on|at|by|inside|near|together|present|waiting|sitting|standing)\s"
    r"(?:an?|the|one|my|our)\b"
)
# What a number measures, names or dates when it is followed or led by one of these.
UNITS = lists.words("units")
_NAMED = lists.words("numbered")
_STOPS = lists.words("joints")
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_OF_THE = re.compile(r"\sof\s(?:the|these|those|my|our|them|us)\b")
DOZENS = ("dozen", "hundred", "thousand", "score")
_LARGE = 1000
"""From here on a number is rather a year, a model or a price."""
_YEARS = range(1800, 2101)
_REACH = 5
"""Words between a number and its plural: "two very old rusty red tractors"."""


def counting(query: Query, text: str) -> Iterator[re.Match[str]]:
    """Yield the numbers of a query that count things.

    Args:
        query: as it was typed, for its capitals.
        text: its lower case, fixed phrases masked.
    """
    for found in _NUMBER.finditer(text):
        if not _titled(query, *found.span()) and _counts(text, *found.span()):
            yield found


def plural_follows(text: str, start: int) -> bool:
    """Tell whether a plural noun comes within reach, in the same phrase."""
    place = start
    for _ in range(_REACH):
        found = _WORD.match(text, place + 1 if text[place : place + 1] == " " else place)
        if found is None or found[0] in _STOPS:
            return False
        if phrases.plural(found[0]):
            return True
        place = found.end()
        if text[place : place + 1] != " ":
            return False
    return False


def led_by_name(text: str, begin: int) -> bool:
    """Tell whether the word before a number takes it as a name: Route 66, number 7, Windows 11."""
    before = text[:begin].rstrip()
    leader = _WORD.findall(before[-30:])[-1:]
    return bool(leader) and leader[0] in _NAMED and before.endswith(leader[0])


def _counts(text: str, begin: int, end: int) -> bool:
    """Tell whether a number counts things: a plural follows, and it is no measure or name."""
    said, before, after = text[begin:end], text[:begin], text[end:]
    if led_by_name(text, begin) and not BOUND.search(before):
        return False
    if _SURE_BOUND.search(before) and (_ENDS.match(after) or (before and _NOTHING.match(after))):
        return True
    if said.isdigit() and before.rstrip().endswith((phrases.MASK, "'")):
        return False
    if _OF_THE.match(after):
        return True
    if said.endswith(DOZENS) and after.startswith(" of "):
        return plural_follows(text, end + len(" of"))
    if said == "two" and before.endswith("of the "):
        return False  # "the bigger of the two" compares
    following = _WORD.match(after[1:]) if after.startswith(" ") else None
    if following is None or following[0] in UNITS:
        return False
    if said.isdigit() and int(said) >= _LARGE:
        return int(said) not in _YEARS and phrases.plural(following[0])
    return plural_follows(text, end)


def _titled(query: Query, begin: int, end: int) -> bool:
    """Tell whether a number is part of a name by its capitals: Seven Sisters cliffs."""
    head = query.text[begin:end]
    following = query.text[end:].lstrip(" -")
    if not (head[:1].isupper() and following[:1].isupper()):
        return False
    rest = _WORD.findall(query.text[:begin] + " " + query.text[end:])
    # In a headline every word has a capital: that makes no name.
    headline = sum(word[0].isupper() for word in rest) > len(rest) / 2
    return not headline and any(len(word) > 3 and word.islower() for word in rest)
