"""One particular person, animal or object, or a type finer than most people could tell by eye."""

from __future__ import annotations

import re
from functools import cache

from edgeclip.advice.limits import Found
from edgeclip.advice.lists import entries
from edgeclip.advice.query import Query, Word
from edgeclip.advice.rules import reading
from edgeclip.advice.rules.identities import ICONS, KIN, NOT_A_NAME, PATTERNS, TITLES

Gate = frozenset[str] | tuple[str, ...]
_LIKENESS = re.compile(
    r"\b(?:statues?|busts?|sculptures?|style|dressed|costume|waxwork|cutout)(?: \w+){0,2} $", re.I
)

_NEAR = 30
"""Characters; the longest phrase is shorter."""


def find(query: Query) -> Found | None:
    """Find a query that names one of many that look alike."""
    text = query.text
    for gate, pattern in _patterns():
        found = pattern.search(text) if _may_hold(query, gate) else None
        if found and not (
            _LIKENESS.search(text, 0, found.start()) or reading.begins_before(query, found.start())
        ):
            return _told(text, found)
    return _named(query)


def _may_hold(query: Query, gate: Gate) -> bool:
    """Tell cheaply whether a pattern is worth a search."""
    if isinstance(gate, frozenset):
        return any(
            word.lower in gate or word.lower.partition("-")[0] in gate for word in query.words
        )
    return any(part in query.lower for part in gate)


def _told(text: str, found: re.Match[str]) -> Found:
    cue = found["cue"] if "cue" in found.re.groupindex else found[0]
    return Found((cue.strip(),), _typed(text, found))


def _typed(text: str, found: re.Match[str]) -> str | None:
    """Return the query with the type for the one that was named, where it is known."""
    groups = found.groupdict()
    kind = None
    if groups.get("pet"):
        kind = groups["pet"]
    elif groups.get("kin"):
        kin = groups["kin"].lower()
        kind = next(sort for sort, names in KIN.items() if re.fullmatch(names, kin))
    elif "vehicle" in groups:
        kind = "vehicle"
    if kind is None:
        return None
    left, right = text[: found.start()].rstrip(), text[found.end() :].lstrip()
    if right.startswith("'") or found[0].endswith("'s"):
        return None
    left = re.sub(r"(?:^|(?<= ))(?:an?|the)$", "", left, flags=re.IGNORECASE).rstrip()
    if left and not kind.endswith("s") and kind not in ("people", "children"):
        kind = f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    rewrite = " ".join(filter(None, (left, kind, right)))
    return None if find(Query(rewrite)) else rewrite


@cache
def _patterns() -> tuple[tuple[Gate, re.Pattern[str]], ...]:
    """Return the patterns, each with what a text needs for it: one of some words or parts."""
    return tuple(
        (pattern[0], re.compile(pattern[1], re.IGNORECASE))
        if isinstance(pattern, tuple)
        else (("",), re.compile(pattern, re.IGNORECASE))
        for pattern in PATTERNS
    )


def _named(query: Query) -> Found | None:
    """Find a first name, with or without a family name, or a title with a name."""
    for place, word in enumerate(query.words):
        name = word.lower.removesuffix("'s")
        if not (_is_name(name) or name in _titles()) or _in_icon(query.lower, word.start):
            continue
        found = _person(query, place, word) or _two(query, place)
        if found and not reading.begins_before(query, word.start):
            return Found((found,))
    return None


def _in_icon(lower: str, place: int) -> bool:
    """Tell whether a name is part of what everybody knows: "Granny Smith apples"."""
    near = ICONS.finditer(lower, max(0, place - _NEAR), place + _NEAR)
    return any(found.start() <= place < found.end() for found in near)


@cache
def _titles() -> frozenset[str]:
    return frozenset(TITLES.split("|"))


def _two(query: Query, place: int) -> str | None:
    """Find two short names that are joined: "jess n tom"."""
    three = query.words[place : place + 3]
    if len(three) < 3 or three[1].lower not in ("n", "and", "&"):
        return None
    names = all(_is_name(word.lower.removesuffix("'s")) for word in (three[0], three[2]))
    doubtful = any(word.lower in entries("identity-doubtful") for word in (three[0], three[2]))
    return query.text[three[0].start : three[2].end] if names and not doubtful else None


@cache
def _behind() -> re.Pattern[str]:
    return re.compile(NOT_A_NAME, re.IGNORECASE)


def _person(query: Query, place: int, word: Word) -> str | None:
    own = word.lower.endswith("'s")
    name = word.lower.removesuffix("'s")
    after = query.words[place + 1] if place + 1 < len(query.words) else None
    titled = name in _titles() and after is not None and not own
    if titled and after and after.text[0].isupper() and not query.text.isupper():
        family = after.lower not in entries("identity-not-after") and (
            word.text[0].isupper() or name in entries("identity-kin")
        )
        return query.text[word.start : after.end] if family else None
    if not _is_name(name) or not (word.text[0].isupper() or _is_clear(name)):
        return None
    if _preceded(query, place) or not _behind().match(query.text, word.end):
        return None
    if (
        after is not None
        and after.text[0].isupper()
        and after.lower in entries("identity-not-after")
    ):
        return None
    return word.text


def _preceded(query: Query, place: int) -> bool:
    """Tell whether the word before shows that no person is meant."""
    before = [word.lower for word in query.words[max(0, place - 3) : place]]
    if not before:
        return False
    return before[-1] in entries("identity-not-before") or bool(
        {"statue", "bust", "style", "dressed"} & set(before)
    )


def _is_name(name: str) -> bool:
    return name in entries("identity-first-names")


def _is_clear(name: str) -> bool:
    """Tell whether a name is clear enough in lower case: "anna", hardly "max" or "luna"."""
    return len(name) > 4 and name not in entries("identity-doubtful")
