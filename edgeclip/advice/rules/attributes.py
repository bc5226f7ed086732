"""The attributes in a query: colours, stuffs, sizes, ages, moods, and what sorts they are of."""

from __future__ import annotations

import re
from functools import cache

from edgeclip.advice import lists
from edgeclip.advice.query import Query
from edgeclip.advice.rules.groups import groups

_PART = re.compile(  # of an animal or a thing: *long-necked*, *brown-eyed*, *red-rimmed*
    r"(?:ey|ear|tail|legg|neck|nos|fac|lipp|wing|belli|breast|sleev|rimm|topp|sol|handl|wheel|"
    r"lidd|tipp|spott|strip|lens|back|feather|petall|horn|beak|bill|man|collar|crest|brimm)ed"
)


def attribute(query: Query, at: int, masked: frozenset[int]) -> tuple[int, frozenset[str]] | None:
    """Return where the attribute that begins here ends, and what sorts it is of."""
    words, sorts, end = query.words, frozenset[str](), None
    index = at
    while index < len(words):
        word = words[index].lower
        found = frozenset() if index in masked else sorts_of(query, index)
        if (
            index > at
            and not adjoin(query, index - 1)
            and not (sorts & found and _listed(query, index))
        ):
            break
        if found:
            sorts, end = sorts | found, index
        elif not shade(query, index) and not (end == index - 1 and word in ("and", "or", "&")):
            break
        index += 1
    if end is None or words[at].lower in ("and", "or", "&"):
        return None
    return end, sorts


def sorts_of(query: Query, index: int) -> frozenset[str]:
    """Return the sorts of a word that is an attribute where it stands, else nothing."""
    word = query.words[index].lower
    found = _attributes().get(word)
    if found is None and word in lists.entries("binding-colours"):
        thing = _noun_after(query, index)
        dyed = lists.entries("binding-dyed")
        coloured = _coloured(query, index + 1) or thing & dyed or _in_colour(query, index)
        found = frozenset({"look", "colour"}) if coloured else None
    if found is None and index and _coloured(query, index):
        found = frozenset({"look", "colour"})
    if found is None and "-" in word:
        found = _compound(word)
    bare = found and found & {"stuff", "thing"} and not _noun_after(query, index)
    if bare and not _in_colour(query, index):
        return frozenset()  # "a glass", "in silk": the thing itself
    return found or frozenset()


def _coloured(query: Query, index: int) -> bool:
    """Whether a word says that the one before it is a colour: *lemon coloured*."""
    return index < len(query.words) and query.words[index].lower in ("coloured", "colored", "hued")


def _in_colour(query: Query, index: int) -> bool:
    """Whether it stands for what somebody wears or a thing is made of: *in red*, *of straw*."""
    before = query.words[index - 1].lower if index else ""
    return before in groups("binding-words")["wears"] and not _noun_after(query, index)


def _listed(query: Query, index: int) -> bool:
    """Whether a comma parts two attributes: *red, green and yellow peppers*."""
    between = query.text[query.words[index - 1].end : query.words[index].start]
    return between == ", "


def shade(query: Query, index: int) -> bool:
    """Whether a word says which blue, or how wide awake."""
    word = query.words[index].lower
    if (
        index + 1 == len(query.words)
        or word not in groups("binding-words")["shades"] | groups("binding-words")["very"]
    ):
        return False
    after = _attributes().get(query.words[index + 1].lower, frozenset())
    return bool(after) if word in groups("binding-words")["very"] else "colour" in after


def _compound(word: str) -> frozenset[str] | None:
    """Return the sorts of ``grey-haired``, ``red-painted`` or ``blue-and-white``."""
    parts = [part for part in word.split("-") if part != "and"]
    if parts[-1] in ("haired", "bearded", "headed"):
        return frozenset({"hair"})
    if parts[-1] in ("coloured", "colored", "painted", "framed", "roofed", "clad", "trimmed"):
        return frozenset({"look"})
    if len(parts) > 1 and _PART.fullmatch(parts[-1]):
        return frozenset({"look", "part"})
    known = [_attributes().get(part, frozenset()) for part in parts]
    if "colour" in known[-1] or all("look" in sorts for sorts in known):
        return frozenset({"look"})
    return known[-1] - {"look", "colour", "stuff"} or None  # "bone-dry", "rain-soaked"


def _noun_after(query: Query, index: int) -> set[str]:
    """Return the next words that may be the thing itself."""
    found: set[str] = set()
    for after in range(index + 1, min(index + 4, len(query.words))):
        if query.words[after].lower in groups("binding-words")["stops"] or not adjoin(
            query, after - 1
        ):
            break
        found.add(query.words[after].lower)
    return found


def adjoin(query: Query, index: int) -> bool:
    """Whether only a space parts a word from the next."""
    between = query.text[query.words[index].end : query.words[index + 1].start]
    return between in (" ", "-", " & ")


@cache
def _attributes() -> dict[str, frozenset[str]]:
    """Return for each attribute what sorts it is of."""
    found: dict[str, frozenset[str]] = {}
    for entry in lists.entries("binding-attributes"):
        sorts, _, words = entry.partition(" = ")
        for word in words.split():
            found[word] = found.get(word, frozenset()) | frozenset(sorts.split())
    return found
