"""Where things are to each other or in the frame."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from edgeclip.advice import lists
from edgeclip.advice.limits import Found
from edgeclip.advice.query import Query
from edgeclip.advice.rules import foreign
from edgeclip.advice.rules.frame import FRAME, LIMB, LOOSE, PICTURE_AFTER, SIDE
from edgeclip.advice.rules.groups import groups

_SWAPS = {
    "left": "right",
    "leftmost": "rightmost",
    "upper": "lower",
    "top": "bottom",
    "above": "below",
    "underneath": "on top",
    "beneath": "on top",
    "behind": "in front",
    "front": "back",
    "foreground": "background",
    "first": "last",
    "centre": "edge",
    "center": "edge",
    "middle": "edge",
}
_SWAPS |= {b: a for a, b in list(_SWAPS.items()) if a not in ("beneath", "center", "middle")}
_ASKED = re.compile(
    r"^(?:(?:who|what|which|where)(?:'s|\s+is|\s+are)?|is|are|find|show\s+me|was|were|does)\s+"
    r"(?:(?:the|an?)\s+)?(?=\S)",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"^(?:the|an?|its|his|her|their|my)\s+", re.IGNORECASE)
_PEEKING = re.compile(r"\bout\s+from\s+$")
"""Before *behind*: somebody peeks out, so that no such thing is usual."""
_AMOUNT = re.compile(
    r"between\s+(?:\d\S*|[a-z]+)\s+and\s+(?:\d|(?:one|two|three|four|five|six|seven|eight|nine|ten|"
    r"twelve|twenty|thirty|forty|fifty|sixty|hundred)\b)|"
    r"(?:under|above|below|beneath)\s+(?:[£$€\d]|(?:[a-z]+\s+){1,2}(?:pounds?|dollars?|euros?|rupees?|"
    r"quid|bucks|pence|cents|degrees|years|kilos?|kg|percent)\b|(?:normal|average|budget|usual)\b)"
)
_LIKE = re.compile(r"(?:colou?r|shade|hue|tone|style|match|looks?|design)\s+$")
_EXACTLY = re.compile(r"\b(?:directly|immediately|exactly|right|straight)\s$")
_LONG = 20
"""Longer texts of another language tell a story, in which such words say little."""
_STORY = 35
"""Words; so long a text tells where things are all the time, and asks for sides alone."""
_ASKS = re.compile(
    r"left|right|picture|frame|image|photo|shot|corner|cent(?:re|er)|foreground|background"
)
_MOST_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class _Hit:
    start: int
    end: int
    turned: str | None
    """What to say instead."""
    between: bool
    """Whether there is a thing on each side."""


def find(query: Query) -> Found | None:
    """Find a relation of two things, or a place in the frame, that could be otherwise."""
    hit = _first(query)
    if hit is None:
        short = len(query.words) <= _LONG
        found = foreign.words(query, "spatial") if short else ()
        return Found(found) if found else None
    text = query.text
    changed = text[: hit.start] + hit.turned + text[hit.end :] if hit.turned else None
    return Found((text[hit.start : hit.end],), _rewrite(query), changed)


def _first(query: Query) -> _Hit | None:
    masked = [found.span() for found in _idioms().finditer(query.lower)]
    story = len(query.words) > _STORY
    hits = (
        hit
        for hit in _hits(query.lower)
        if not any(start < hit.end and hit.start < end for start, end in masked)
        and not (story and not _ASKS.search(query.lower, hit.start, hit.end))
    )
    return min(hits, key=lambda hit: (hit.start, -hit.end), default=None)


def _hits(text: str) -> Iterator[_Hit]:
    for found in FRAME.finditer(text):
        if found[0].endswith("ground") and _usual(text[: found.start()], "in", ""):
            continue
        end = PICTURE_AFTER.match(text, found.end())
        stop = end.end() if end else found.end()
        of = re.compile(r"\s+of\b").match(text, stop)
        stop = of.end() if of else stop
        said = text[found.start() : stop]
        yield _Hit(found.start(), stop, _turned(said), said.endswith(" of"))
    for found in LOOSE.finditer(text):
        yield _Hit(*found.span(), _turned(found[0]), False)
    for found in _relations().finditer(text):
        relation = re.sub(r"[\s-]+", " ", found[0])
        before, after = text[: found.start()], text[found.end() :]
        if after.strip(" ?.!,") and not _usual(before, relation, after):
            yield _Hit(*found.span(), _opposites()[relation], True)


def _usual(before: str, relation: str, after: str) -> bool:
    """Whether this is the only arrangement that anybody would think of."""
    subjects, objects, scenes = _usuals()
    if _EXACTLY.search(before):
        return False
    relation = relation.removeprefix("from ").removeprefix("tucked ")
    thing = _object(after)
    if _PEEKING.search(before):
        return False
    if _AMOUNT.match(f"{relation}{after}") or (relation == "closest to" and _LIKE.search(before)):
        return True
    if not thing:
        return any(map(scenes.__contains__, map(_single, re.findall(r"[a-z]+", before[-60:])[-2:])))
    if re.search(r"(?:other|far|near|wrong|opposite|left|right) side", relation):
        return False
    if thing[-1] in scenes or " ".join(thing[-2:]) in scenes:
        return True
    alike = {relation, _ALIKE.get(relation, relation)}
    if any(f"{each} {' '.join(thing[-n:])}" in objects for each in alike for n in (1, 2, 3, 4)):
        return True
    said = [_single(word) for word in re.findall(r"[^\W_]+", before[-60:])][-3:]
    return any(
        word in groups("spatial-words")["sky"] or f"{word} {relation}" in subjects
        for word in (*said, " ".join(said[-2:]))
    )


def _object(after: str) -> list[str]:
    """Return the words of the thing that a relation is to, the last one its head."""
    words: list[str] = []
    for found in re.finditer(r"([^\w]*)([^\W_]+(?:['-][^\W_]+)*)", after[:80]):
        if (
            found[2] in groups("spatial-words")["stops"]
            or (words and found[1].strip())
            or found[1].strip(" -")
        ):
            break
        if found[2] not in groups("spatial-words")["determiners"]:
            words.append(_single(found[2]))
    while len(words) > 1 and re.search(r"(?:ing|ed|ly)$", words[-1]):
        words.pop()
    return words[:5]


_ALIKE = {"beneath": "under", "underneath": "under", "below": "under", "atop": "on top of"}


def _single(word: str) -> str:
    return word if word.endswith(("ss", "us")) or len(word) < 4 else word.removesuffix("s")


def _singles(entry: str) -> str:
    return " ".join(map(_single, entry.split()))


def _turned(words: str) -> str | None:
    if "dead" in words or "off-" in words:
        return None
    stacked = re.match(r"one (.+) (?:the other|another)$", words)
    if stacked:
        return words.replace(stacked[1], _opposites().get(stacked[1], stacked[1]))
    turned = re.sub(r"[a-z]+", lambda word: _SWAPS.get(word[0], word[0]), words)
    return turned if turned != words else None


def _rewrite(query: Query) -> str | None:
    """Return the sum of the things, each without its place."""
    terms = [query.text]
    for _ in range(_MOST_ROUNDS):
        split = [part for term in terms for part in _parted(term)]
        if split == terms:
            return " + ".join(terms) or None
        terms = split
    return None


def _parted(term: str) -> list[str]:
    query = Query(term)
    hit = _first(query)
    if hit is None:
        return [term]
    limb = re.search(rf"{SIDE}\s+(?={LIMB}$)", query.lower[: hit.end])
    if limb:  # what is on that side stays
        return [query.text[: limb.start()] + query.text[limb.end() :]]
    parts = [query.text[: hit.start], query.text[hit.end :]]
    if hit.between:
        if parts[1].strip(" ?.!,").lower() in ("it", "them", "him", "her", "one"):
            parts.pop()
        between = "etween" in query.lower or "eparating" in query.lower
        things = re.split(r"\s+and\s+", parts[-1], maxsplit=1) if between else parts[1:]
        return [thing for thing in map(_thing, (*parts[:1], *things)) if thing]
    whole = _thing(" ".join(part.strip() for part in parts if part.strip()))
    return [whole] if whole else []


def _thing(words: str) -> str:
    """Return a thing without article, posture and what joined it to the other."""
    words = _ASKED.sub("", words.strip(" ,?.!;"))
    said = words.split()
    while said and said[-1].lower().strip(",") in groups("spatial-words")["joints"]:
        said.pop()
    words = " ".join(said)
    return _ARTICLE.sub("", words).strip(" ,").replace(" ,", ",")


@cache
def _opposites() -> dict[str, str]:
    pairs = (entry.partition(" = ") for entry in lists.entries("spatial-relations"))
    return {relation: turned for relation, _, turned in pairs}


@cache
def _relations() -> re.Pattern[str]:
    phrases = sorted(_opposites(), key=len, reverse=True)
    found = "|".join(re.escape(phrase).replace(r"\ ", r"[\s-]+") for phrase in phrases)
    return re.compile(rf"(?<![\w'-])(?:{found})(?![\w'-])")


@cache
def _idioms() -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{lists.alternatives('spatial-idioms')})(?!\w)")


@cache
def _usuals() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Return subjects with a relation, relations with an object, and scenes."""
    usual = frozenset(map(_singles, lists.entries("spatial-usual")))
    subjects = frozenset(entry.removesuffix(" *") for entry in usual if entry.endswith(" *"))
    return subjects, usual, frozenset(map(_singles, lists.entries("spatial-scenes")))
