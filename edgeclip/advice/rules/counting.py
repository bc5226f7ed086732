"""An exact number of separable things, or a question for one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from edgeclip.advice import lists, phrases
from edgeclip.advice.limits import Found
from edgeclip.advice.query import Query
from edgeclip.advice.rules import foreign, numbers
from edgeclip.advice.rules.numbers import CARDINAL

_ONE = re.compile(
    r"\b(?:only|exactly|precisely|just|more than|at least|at most|no more than|not more than)\s"
    r"(?:the\s)?(?:one|1|a single)\s(?!(?:of|more|way|thing|another|side|direction)\b)"
    r"[^\W\d_]+"
    r"|\bone\s(?:single|solitary|lone)\s[^\W\d_]+"
)
_HOW_MANY = re.compile(
    r"\b(?:how many|how mny|howmany|head\s?-?count|(?:tally|number|count|total|quantity|qty) of)\b"
    r"(?!\s(?:the\s)?(?:house|room|door|page|gate|beast|apartment|flat|bus|plate)\b)"
)
_COUNT = re.compile(
    r"(?:^|[,;.:?!]\s?|\b(?:please|to|can you|could you|and|then|just)\s)"
    r"(?:count|recount|tot up|add up|enumerate|tally)\s(?:up\s)?"
    r"(?:the|all|all the|my|our|these|those|how|every|each)?\s?(?P<noun>[^\W\d_]+)"
)
_GROUP = re.compile(
    r"\b(?:duo|trio|threesome|foursome|fivesome|quartet|quartette|quintet|sextet|septet|octet|nonet"
    r"|triumvirate)\sof\b"
    r"|\b(?:octet|septet|sextet|quintet|nonet)\b(?!\s(?:of|music|concert))"
)
_TIMES = re.compile(
    r"(?<![\w.,:-])\d{1,3}\s?[x×]\s(?=[^\W\d_]{3})|(?:(?<=\s)|^)[x×]\s?\d{1,2}(?=\s*$|\s[a-z]+s\b|\s(?:on|in|at|by|with|near)\b)"
    r"|(?<![\w.,:-])\d{1,3}\+(?=\s[^\W\d_])"
)
_COLLECTED = re.compile(
    rf"\b(?:family|group|party|team|gang|litter|herd|flock|pack|pride|band|queue|line|row|set|bunch"
    rf"|stack|pile|clutch|brood|squad|crew|cluster|crowd|birth|huddle|circle"
    rf"|ring|gaggle|posse|batch|column|fleet|convoy|squadron|choir|panel|jury)\s(?:of|to)\s(?:exactly\s)?"
    rf"(?P<number>{CARDINAL}|\d{{1,3}})"
    r"(?=\s*(?:$|[,;.]|(?:in|on|at|with|by|near|a?round|outside|inside|who|along|under|having)\b"
    r"|[a-z]+ing\b))"
)
_COUNTER = re.compile(
    r"\b(?:people|person|car|vehicle|object|crowd|customer|visitor|animal|bird|item)s?\scount\b"
    rf"|\b(?:{CARDINAL})(?:-strong|\s(?:strong|abreast|deep|at a time|at once|apiece|in all"
    r"|in total|altogether|in a row|in number))\b"
    r"|\b(?:twosome|threesome|foursome|fivesome)\b(?!\sof)|\bboth of (?:them|us|you)\b"
    r"|\bone\s[^\W\d_]+\s(?:only|and nothing else|and no (?:more|others?))\b"
    r"|\bone and (?:one only|only one)\b"
    r"|^(?:exactly\s)?one\s(?:[^\W\d_]+\s){1,2}and\s(?:only\s)?one\s[^\W\d_]+\b"
    rf"|\bpair of(?=\s(?:[^\W\d_]+\s)?(?!(?:{'|'.join(sorted(lists.words('pairs')))})\b)[a-z]+s\b)"
    r"|^counting\s(?:the|all|how)\b"
)
_BOTH = re.compile(r"\bboth\s(?:of\s)?(?:the\s|my\s|our\s|his\s|her\s|their\s|these\s|those\s)?")
_NTH = re.compile(
    r"\ban?(?:other)?\s(?:third|fourth|fifth|sixth|seventh|eighth|ninth|tenth"
    r"|second(?=\s\S+\s(?:gets|enters|appears|arrives|joins|comes|walks|pulls|shows|turns)\b))\s"
    r"(?!(?:of|hand|place|world|floor|opinion|chance|date|home|life|wind|party|class|language"
    r"|birthday|grade|year|time|wheel|base|degree)\b)[^\W\d_]+"
)
_DOZEN_OF = re.compile(r"(?<=dozen)\sof\b")
_DETERMINED = re.compile(
    r"\b(?:the|these|those|all|all the|only|just|exactly)\sseveral\b", re.IGNORECASE
)
_OTHER = {"two": "five", "2": "5", "three": "seven", "3": "7"}


def find(query: Query) -> Found | None:
    """Find a number of things, a bound on it, or a question for it."""
    text = phrases.masked(query, "counting-phrases")
    for look in (_questions, _numbers, _groups, _single_ones, _others):
        found = next(look(query, text), None)
        if found is not None:
            return found
    words = foreign.words(query, "counting")
    return Found(words) if words else None


def _questions(query: Query, text: str) -> Iterator[Found]:
    for found in _HOW_MANY.finditer(text):
        yield Found(_said(query, *found.span()), _asked(query, found.end()))
    for found in _COUNT.finditer(text):
        noun = found.start("noun")
        if numbers.plural_follows(text, noun - 1) or found["noun"] in ("many", "number"):
            yield Found(_said(query, found.start(), noun), _asked(query, noun))


def _numbers(query: Query, text: str) -> Iterator[Found]:
    for found in numbers.counting(query, text):
        begin, end = found.span()
        yield Found(_said(query, begin, end), *_numbered(query, text, begin, end))


def _groups(query: Query, text: str) -> Iterator[Found]:
    for found in _GROUP.finditer(text):
        span = found.span()
        group, dozen = _replaced(query, *span, "group of"), _replaced(query, *span, "dozen")
        yield Found(_said(query, *span), group, dozen)


def _single_ones(query: Query, text: str) -> Iterator[Found]:
    """Find "only one candle" and "a third passenger"; the last word is the noun."""
    for found in (*_ONE.finditer(text), *_NTH.finditer(text)):
        span = found.start(), found.start() + len(found[0].rpartition(" ")[0])
        yield Found(_said(query, *span), _replaced(query, *span, _article(text, span[1])))


def _others(query: Query, text: str) -> Iterator[Found]:
    for found in _TIMES.finditer(text):
        if not numbers.led_by_name(text, found.start()):
            yield Found(_said(query, *found.span()), _replaced(query, *found.span(), ""))
    for found in _COLLECTED.finditer(text):
        of = text.rfind(" of ", 0, found.start("number"))
        rewrite = query.text[:of] + query.text[found.end() :] if " of " in found[0] else None
        yield Found(_said(query, *found.span()), rewrite)
    for found in _COUNTER.finditer(text):
        yield Found(_said(query, *found.span()))
    for found in _BOTH.finditer(text):
        if numbers.plural_follows(text, found.end()):
            yield Found(_said(query, *found.span()), _replaced(query, *found.span(), ""))


def _said(query: Query, begin: int, end: int) -> tuple[str]:
    return (query.text[begin:end].strip(" ,."),)


def _asked(query: Query, start: int) -> str | None:
    """Return what a question for a number is about."""
    rest = query.text[start:].strip(" ?.!,:")
    rest = re.sub(r"^(?:the|all|of|all the|my|our|these|those)\s", "", rest, flags=re.IGNORECASE)
    rest = re.sub(r"\s(?:are|is)\sthere\b|\sdo(?:es)?\s(?:you|we|i)\s(?:see|count)\b", "", rest)
    rest = re.sub(r"^((?:\S+\s){0,3}?\S+)\s(?:are|is|were|was)\s", r"\1 ", rest)
    return rest or None


def _numbered(query: Query, text: str, begin: int, end: int) -> tuple[str | None, str | None]:
    """Return the query with "several" for the number, and with another number."""
    bound = numbers.BOUND.search(text[:begin])
    said = text[begin:end]
    other = _OTHER.get(said) or (str(int(said) + 3) if said.isdigit() else "two")
    changed = _replaced(query, begin, end, other)
    if said in ("zero", "0"):
        return None, changed  # what to ask instead is the answer to its negation
    several = "some" if text[end:].startswith(" of ") and said[-5:] != "dozen" else "several"
    tail = _DOZEN_OF.match(text, end)
    rewrite = _replaced(
        query, bound.start() if bound else begin, tail.end() if tail else end, several
    )
    return _DETERMINED.sub(several, rewrite), changed


def _article(text: str, end: int) -> str:
    return "an" if text[end:].lstrip()[:1] in "aeiou" else "a"


def _replaced(query: Query, begin: int, end: int, by: str) -> str:
    head, tail = query.text[:begin], query.text[end:]
    if query.text[begin : begin + 1].isupper() and by:
        by = by[0].upper() + by[1:]
    return " ".join((head + by + (" " if by and not tail.startswith(" ") else "") + tail).split())
