"""Things, or one thing at two times, compared or ranked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from edgeclip.advice import lists
from edgeclip.advice.limits import Found
from edgeclip.advice.query import Query
from edgeclip.advice.rules import foreign, grades
from edgeclip.advice.rules.compared import COMPARATIVE, COMPARED, ENDINGS, MOST, SUPERLATIVE
from edgeclip.advice.rules.groups import groups

_TIMES = frozenset({"earlier", "later", "longer", "higher", "closer", "further"})
_ASKED = re.compile(
    r"(?:which|what|whichever|whose)\s+(?:of\s+(?:these|those|the)\s+)?((?:\w+\s+){0,2}\w+?)\s+"
    r"(?:is|are|looks?|seems?|has)\b",
    re.IGNORECASE,
)
_SWAPS = {"more": "less", "less": "more", "fewer": "more", "most": "least", "least": "most"}
_SWAPS |= {"same": "other", "twice": "half", "half": "twice", "up": "down"}
_MORE = re.compile(r"\b(?:more|less|fewer)\b")
_MARKED = re.compile(r"[a-z]+er\b|\bworse\b")
_LONG = 20
"""Longer texts of another language tell a story, in which such words say little."""
_MOST_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class _Hit:
    start: int
    end: int


def find(query: Query) -> Found | None:
    """Find things that are compared or ranked."""
    hit = _first(query)
    if hit is None:
        short = len(query.words) <= _LONG
        found = foreign.words(query, "comparison") if short else ()
        return Found(found) if found else None
    words = query.text[hit.start : hit.end]
    return Found((words,), _rewrite(query), _changed(query, hit))


def _first(query: Query) -> _Hit | None:
    masked = None
    hits = []
    for hit in _hits(query.lower):
        if masked is None:
            masked = [found.span() for found in _idioms().finditer(query.lower)]
        if not any(start < hit.end and hit.start < end for start, end in masked):
            hits.append(hit)
    return min(hits, key=lambda hit: (hit.start, -hit.end), default=None)


def _hits(text: str) -> Iterator[_Hit]:
    for found in COMPARED.finditer(text):
        if found[0].split()[0] not in lists.entries("comparison-words"):
            yield _Hit(*found.span())
    for found in SUPERLATIVE.finditer(text):
        if grades.is_superlative(found[1]):
            yield _Hit(*found.span())
    for found in MOST.finditer(text):
        yield _Hit(*found.span())
    marked = _marked(text)
    if marked != text or _MORE.search(text):
        for found in COMPARATIVE.finditer(marked):
            yield _Hit(*found.span())


def _marked(text: str) -> str:
    """Return a text with a capital for each comparative's first letter, which says its use.

    `X` may compare things and times, `Y` only times (*older*, *warmer*), `Z` only things
    (*longer*), `W` neither.  A few letters are quicker to look for than hundreds of words.
    """

    def mark(found: re.Match[str]) -> str:
        word = found[0]
        if word not in _comparatives():
            return word
        letters = "WZ" if word in _TIMES else "YX"
        return letters[word not in groups("comparison-groups")["nouns"]] + word[1:]

    return _MARKED.sub(mark, text)


@cache
def _comparatives() -> frozenset[str]:
    graded = {word for word, (ending, _) in grades.grades().items() if ending == "er"}
    return frozenset(graded - {"earlier", "later"})


@cache
def _idioms() -> re.Pattern[str]:
    """Match fixed phrases, and what a thing in the picture says."""
    return re.compile(
        rf"(?<!\w)(?:{lists.alternatives('comparison-idioms')})(?!\w)|\"[^\"]*\"|"
        r"\b(?:says?|saying|reads|with\s+the\s+words?|printed\s+with|inscribed|slogan|caption(?:ed)?|that\s+reads)\b.*"
    )


def _rewrite(query: Query) -> str | None:
    """Return the query with what can be seen of a comparison; None where little stays."""
    text = query.text
    for _ in range(_MOST_ROUNDS):
        hit = _first(Query(text))
        if hit is None:
            return text if re.search(r"\w", text) else None
        said = _plainly(text, hit)
        if said is None or said == text:
            return None
        text = said
    return None


def _plainly(text: str, hit: _Hit) -> str | None:
    """Return a text with the first of its comparisons made a plain attribute."""
    words = re.findall(r"[a-z]+", text[hit.start : hit.end].lower())
    adjective = next((plain for plain in map(grades.plain, words) if plain), None)
    if {"than", "then", "as"} & set(words):
        adjective = words[words.index("as") + 1] if words.count("as") > 1 else adjective
        return _before(text[: hit.start], text[hit.start : hit.end], adjective)
    after = text[hit.end :]
    if re.match(r"\s+th[ae]n\b", after) or text[hit.start : hit.end].count(","):
        return None
    of_all = re.match(
        r"\s+of\s+(?:(?:all|the|these|those|my|our|two|three|four|five|six)\s+)+", after
    )
    if of_all and grades.plain(words[-1]):
        few = adjective in (None, "good", "bad", "far")
        return None if few else f"{text[: hit.start]}{adjective} {after[of_all.end() :]}"
    if not after.strip(" ?.!") and (
        grades.plain(words[-1]) or words[0] in groups("comparison-groups")["asking"]
    ):
        asked = _ASKED.match(text)
        named = asked and adjective and not asked[1].startswith("of ")
        return f"{adjective} {asked[1]}" if asked and named else None
    if "of" in words[1:]:
        after = re.sub(r"^\s+(?:two|three|four|five|pair\s+of)\b", "", after)
        return f"{adjective}{after}" if adjective not in (None, "good", "bad") else None
    if words[0] in groups("comparison-groups")["asking"] or "and" in words:
        return None
    kept = _kept(words, adjective)
    return " ".join(f"{text[: hit.start]}{kept}{text[hit.end :]}".split()) if kept else None


def _kept(words: list[str], adjective: str | None) -> str | None:
    """Return what stays of ``the second largest`` or ``the most crowded``."""
    if adjective == "far":
        return None
    if adjective:
        last = words[-1]
        return adjective if grades.plain(last) or last.startswith("one") else f"{adjective} {last}"
    if words[-2:-1] == ["most"] and re.search(rf"{ENDINGS}$", words[-1]):
        return words[-1]
    return None


def _before(before: str, compared: str, adjective: str | None) -> str | None:
    """Turn ``a truck taller than …`` into ``tall truck``."""
    thing = re.sub(
        r"^(?:a|an|the|is\s+the|is\s+a)\s+|\s+(?:(?:that|which|who)\s+)?(?:is|are|looks?|looking)$",
        "",
        before.strip(),
    )
    if not adjective or not 0 < len(thing.split()) <= 4 or re.search(r"ing\b|[,:]", thing):
        return None
    straight = re.match(r"(?:almost\s+|nearly\s+)?(?:as\s+)?[\w-]+\s+(?:than|as)", compared.lower())
    return f"{adjective} {thing}" if straight else None


def _changed(query: Query, hit: _Hit) -> str | None:
    """Return the query with the opposite of its comparison."""
    said = query.text[hit.start : hit.end]
    if said.lower().startswith("as "):
        return f"{query.text[: hit.start]}not {query.text[hit.start :]}"
    for found in re.finditer(r"[a-z]+", said.lower()):
        other = _SWAPS.get(found[0]) or grades.opposite(found[0])
        if other is None and grades.is_superlative(found[0]):
            other = f"least {grades.plain(found[0])}"
        if other:
            if other == "less" and re.match(r"\s+\w+s\b", said[found.end() :]):
                other = "fewer"
            start, end = hit.start + found.start(), hit.start + found.end()
            return query.text[:start] + other + query.text[end:]
    return None
