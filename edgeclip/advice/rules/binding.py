"""Two things or more, each with an attribute of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise

from edgeclip.advice import lists
from edgeclip.advice.limits import Found
from edgeclip.advice.query import Query
from edgeclip.advice.rules import foreign
from edgeclip.advice.rules.attributes import adjoin, attribute, shade, sorts_of
from edgeclip.advice.rules.groups import groups

_SAME_ONE = frozenset({"", "and", "or", "&", "with"})
_ASKED = re.compile(r"^(?:is|are|find|show\s+me)\s+(?:the\s+|an?\s+)?(?=\S)", re.I)
_ARTICLE = re.compile(r"^(?:the|an?)\s+", re.I)
_JOINT = re.compile(
    r"""\s*[,;&]\s*
    | \b(?:(?:longer|bigger|smaller|taller)\s+than|(?:to\s+the\s+)?(?:left|right)\s+of|next\s+to|
        beside|behind|in\s+front\s+of|under|above|who\s+isn't)\b
    | \b(?:and|with|while|but|plus)\b | \b\w+ing\b""",
    re.VERBOSE,
)
_MOST_ROUNDS = 6
_MOST_THINGS = 12
_LONG = 28
_FAR = 14
_SHORT = 14
"""Up to this length what is listed is what is asked for, whatever the attributes are."""
_LEAST_BETWEEN = 2
_OPPOSED = frozenset({"openness", "filling", "wetness", "lighting", "mood", "freshness"})
"""Sorts that are opposites: beside the other one, what is usual is said for a reason."""
_COMMON = frozenset({"size", "age", "height", "length", "width", "freshness"})
"""Sorts that things are given in passing: *a small church and a red door*."""
_LISTED = re.compile(
    r"(?:,| and| &| n| but| while| plus|, (?:and|but|while)) (?:(?:an?|the|one|two|his|her) )?"
)


@dataclass(frozen=True, slots=True)
class _Thing:
    first: int
    """Index of the first word of its attribute."""
    last: int
    """Index of the last word of the attribute."""
    end: int
    """Index of the last word of the thing, or of its attribute where that comes later."""
    head: str
    value: str
    sorts: frozenset[str]
    usual: bool
    """Whether that thing mostly has that attribute: *green grass*."""


def find(query: Query) -> Found | None:
    """Find two things whose attributes, exchanged, would give another picture."""
    pair = _pair(query)
    if pair is None:
        found = _dressed(query) or _foreign(query)
        return Found(found) if found else None
    words = tuple(_said(query, thing) for thing in pair)
    return Found(words, _rewrite(query), _exchanged(query, *pair))


def _dressed(query: Query) -> tuple[str, ...]:
    """Return what two people wear: *a boy in a cap and a girl in a hat*."""
    found = _outfits().search(query.lower) if len(query.words) <= _LONG else None
    if found is None or found["one"] == found["two"] or found["who"] in _garments():
        return ()
    return tuple(query.text[slice(*found.span(name))] for name in ("one", "two"))


def _foreign(query: Query) -> tuple[str, ...]:
    if not foreign.is_foreign(query):
        return ()
    found = foreign.words(query, "binding")
    stems = {word.lower()[:4] for word in found}
    if len(stems) > 1:
        return found
    colours = list(_unspaced().finditer(query.text))
    apart = (
        (a[0], b[0])
        for a, b in pairwise(colours)
        if a[0][0] != b[0][0] and b.start() - a.end() >= _LEAST_BETWEEN
    )
    return next(apart, ())


def _pair(query: Query) -> tuple[_Thing, _Thing] | None:
    things = list(_things(query))[:_MOST_THINGS]
    if len(query.words) > _LONG:  # a description: there only colours are told to be kept apart
        things = [thing for thing in things if "colour" in thing.sorts]
    pairs = [(a, b) for a, b in combinations(things, 2) if _exchangeable(query, a, b)]
    same = [(a, b) for a, b in pairs if _single(a.head) == _single(b.head)]
    for a, b in pairs:
        if (a, b) not in same or _told_apart(query, a, b) or len(same) > 1:
            return a, b
    return None


def _exchangeable(query: Query, a: _Thing, b: _Thing) -> bool:
    if a.value == b.value or not 0 < b.first - a.last < _FAR:
        return False
    shared = (a.sorts & b.sorts) - {"thing"}
    if a.usual or b.usual:
        return bool(shared & _OPPOSED) and a.usual != b.usual
    if shared:
        return True
    between = query.text[query.words[a.end].end : query.words[b.first].start]
    if _COMMON & (a.sorts | b.sorts):
        return False
    return len(query.words) <= _SHORT and _LISTED.fullmatch(between) is not None


def _told_apart(query: Query, a: _Thing, b: _Thing) -> bool:
    """Whether two of a kind do different things: *a black dog chasing a white dog*."""
    if a.end == b.end:
        return False
    between = [word.lower for word in query.words[a.end + 1 : b.first]]
    return (
        " ".join(word for word in between if word not in groups("binding-words")["determiners"])
        not in _SAME_ONE
    )


def _things(query: Query) -> Iterator[_Thing]:
    words = query.words
    masked = _masked(query)
    at = 0
    while at < len(words):
        run = attribute(query, at, masked)
        if run is None:
            at += 1
            continue
        last, sorts = run
        thing = _thing(query, at, last, sorts, masked)
        if thing is not None:
            yield thing
        at = last + 1


def _masked(query: Query) -> frozenset[int]:
    """Return the indices of words within names and quotes."""
    spans = [found.span() for found in _names().finditer(query.lower)]
    return frozenset(
        index
        for index, word in enumerate(query.words)
        if any(start <= word.start and word.end <= end for start, end in spans)
    )


def _thing(
    query: Query, first: int, last: int, sorts: frozenset[str], masked: frozenset[int]
) -> _Thing | None:
    """Return the thing that has an attribute: what follows it, else what stands before it."""
    words, end = query.words, last
    while end + 1 < len(words) and adjoin(query, end) and _goes_on(query, end + 1, last, masked):
        end += 1
    value = " ".join(word.lower for word in words[first : last + 1])
    if end == last:
        before = _before(query, first)
        return None if before is None else _Thing(first, last, last, before, value, sorts, False)
    nouns = [word.lower for word in words[last + 1 : end + 1]]
    head = nouns[-1]
    if head in groups("binding-words")["parts"]:
        sorts |= {"hair"}
        head = _before(query, first) or head
    return _Thing(first, last, end, head, value, sorts, _is_usual(query, first, last, nouns, sorts))


def _is_usual(query: Query, first: int, last: int, nouns: list[str], sorts: frozenset[str]) -> bool:
    """Whether things like that are mostly so; a stuff in front of the query is said on purpose."""
    parts = [word.lower for word in query.words[first : last + 1]]
    usual = lists.entries("binding-usual")
    background = "stuff" not in sorts or first > 1
    if parts == ["fresh"]:
        return True
    return background and any(f"{part} {noun}" in usual for part in parts for noun in nouns)


def _goes_on(query: Query, index: int, last: int, masked: frozenset[int]) -> bool:
    """Whether a word still belongs to the name of the thing."""
    word = query.words[index].lower
    if word in groups("binding-words")["stops"] or index - last > 4:
        return False
    if index > last + 1 and (
        re.search(r"(?:ing|ed|s's)$", word) or word in groups("binding-words")["verbs"]
    ):
        return False
    return index in masked or index == last + 1 or not sorts_of(query, index)


def _before(query: Query, first: int) -> str | None:
    """Return the thing that an attribute behind it belongs to."""
    for index in range(first - 1, max(-1, first - 4), -1):
        word = query.words[index].lower
        if not adjoin(query, index):
            return None
        if (
            word not in groups("binding-words")["stops"]
            and not shade(query, index)
            and not sorts_of(query, index)
        ):
            return word
        if word in groups("binding-words")["joins"] - {"with"}:
            return None
    return None


def _single(word: str) -> str:
    return word if word.endswith("ss") else word.removesuffix("s")


def _said(query: Query, thing: _Thing) -> str:
    return query.text[query.words[thing.first].start : query.words[thing.end].end]


def _rewrite(query: Query) -> str | None:
    """Return the sum of the things, each with what is its own."""
    terms, rest = [], query.text
    for _ in range(_MOST_ROUNDS):
        whole = Query(rest)
        pair = _pair(whole)
        if pair is None:
            terms.append(_bare(rest))
            return " + ".join(terms) if all(terms) else None
        left, rest = _cut(whole, *pair)
        if not rest or _pair(Query(left)):
            return None
        terms.append(_bare(left))
    return None


def _cut(query: Query, a: _Thing, b: _Thing) -> tuple[str, str]:
    """Cut a text in two at the first joint between two things."""
    at = query.words[a.end].end
    between = query.text[at : query.words[b.first].start]
    joint = _JOINT.search(between)
    start, end = joint.span() if joint else (0, 0)
    rest = query.text[at + end :].strip()
    while (rest.split() or ["-"])[0].lower().strip(",") in groups("binding-words")["stops"]:
        rest = rest.partition(" ")[2].strip()
    return query.text[: at + start].strip(), rest


def _bare(term: str) -> str:
    said = _ASKED.sub("", term.strip(" ,;.?!&")).split()
    while said and said[-1].lower() in groups("binding-words")["stops"] - {"it"}:
        said.pop()
    return _ARTICLE.sub("", " ".join(said)).strip(" ,")


def _exchanged(query: Query, a: _Thing, b: _Thing) -> str:
    """Return the query with two attributes exchanged."""
    words, text = query.words, query.text
    one = slice(words[a.first].start, words[a.last].end)
    two = slice(words[b.first].start, words[b.last].end)
    new = text[: one.start] + text[two] + text[one.stop : two.start] + text[one] + text[two.stop :]
    new = re.sub(r"\b([Aa])n?(?= [aeiouAEIOU])", r"\1n", new)
    return re.sub(r"\b([Aa])n(?= [^aeiouAEIOU\W])", r"\1", new)


@cache
def _names() -> re.Pattern[str]:
    names = lists.alternatives("binding-names")
    return re.compile(rf'(?<!\w)(?:{names})(?!\w)|"[^"]*"')


@cache
def _unspaced() -> re.Pattern[str]:
    return re.compile(lists.alternatives("foreign-binding-unspaced"))


@cache
def _garments() -> frozenset[str]:
    return lists.entries("binding-garments")


@cache
def _outfits() -> re.Pattern[str]:
    garment = lists.alternatives("binding-garments")
    worn = r"\b(?:in|wearing|wears)\s+(?!the\b)(?:[\w-]+\s+){0,3}?"
    return re.compile(
        rf"""{worn}(?P<one>{garment})(?:e?s)?\b
        (?:\s*,\s*(?:and\s+)?|\s+(?:[\w-]+\s+){{0,3}}?
            (?:and|with|while|beside|next\s+to|\w+ing(?:\s+\w+)?)\s+)
        (?:(?:an?|the|one|two|another|his|her)\s+)?(?:[\w-]+\s+)?(?P<who>[\w-]+)\s+(?:dressed\s+)?
        {worn}(?P<two>{garment})(?:e?s)?\b""",
        re.VERBOSE,
    )
