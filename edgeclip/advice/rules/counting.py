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
    r"(?<!serial )(?<!phone )(?<!model )(?<!account )(?<!flight )(?<!house )(?<!room )"
    r"(?<!reference )\b(?:how many|how mny|howmany|head\s?-?count"
    r"|(?:tally|number|count|total|quantity|qty|census|stocktake|roll[\s-]?call|enumeration)"
    r" (?:of|for|on))\b(?!\s[£$€]?\d+[.,]\d)"
    r"(?!\s(?:the\s)?(?:house|room|door|page|gate|beast|apartment|flat|bus|plate)\b)"
)
_COUNT = re.compile(
    r"(?:^|[,;.:?!]\s?|\b(?:please|to|can you|could you|and|then|just)\s)"
    r"(?:count|recount|tot up|add up|enumerate|tally|quantify|reckon)\s(?:up\s)?"
    r"(?:the|all|all the|my|our|these|those|how|every|each)?\s?(?P<noun>[^\W\d_]+)"
)
_MANY = ("many", "number", "em", "them")
_GROUP = re.compile(
    r"\b(?:duo|trio|threesome|foursome|fivesome|quartet|quartette|quintet|sextet|septet|octet|nonet"
    r"|triumvirate)\sof\b"
    r"|(?:^|\b(?:an?|the)\s)(?:duo|trio)\b(?!\sof)|\b(?:triad|dyad|yoke|span) of\b"
    r"|\b(?:octet|septet|sextet|quintet|nonet)\b(?!\s(?:of|music|concert))"
)
_TIMES = re.compile(
    r"(?<![\w.,:-])\d{1,3}\s?[x×]\s(?=[^\W\d_]{3})|(?<=\ws)\s?[<>]=?\s?\d+(?=\s|$)"
    r"|(?<![\w.,:-])\d{1,2}(?=(?!mins|secs|hrs|days|yrs|kgs|cms|mms|lbs|weeks|years|hours)"
    r"[a-z]{3,}s\b)"
    r"|(?:(?<=\s)|^)[x×]\s?\d{1,2}(?=\s*$|\s[a-z]+s\b|\s(?:on|in|at|by|with|near)\b)"
    r"|(?<![\w.,:-])\d{1,3}\+(?=\s[^\W\d_])"
)
_COLLECTED = re.compile(
    rf"\b(?:family|group|party|team|gang|litter|herd|flock|pack|pride|band|queue|line|row|set|bunch"
    rf"|stack|pile|clutch|brood|squad|crew|cluster|crowd|birth|huddle|circle"
    rf"|ring|gaggle|posse|batch|column|fleet|convoy|squadron|choir|panel|jury)\s(?:of|to)\s"
    r"(?:exactly\s)?"
    rf"(?P<number>{CARDINAL}|\d{{1,3}})"
    r"(?=\s*(?:$|[,;.]|(?:in|on|at|with|by|near|a?round|outside|inside|who|along|under|having)\b"
    r"|[a-z]+ing\b))"
)
_COUNTER = re.compile(
    r"\b(?:people|person|car|vehicle|object|crowd|customer|visitor|animal|bird|item)s?\scount\b"
    rf"|\b(?:{CARDINAL})(?:-strong|\s(?:strong|abreast|deep|high|wide|at a time|at once"
    r"|apiece|in all"
    r"|in total|altogether|in a row|in number))\b"
    r"|\b(?:twosome|threesome|foursome|fivesome)\b(?!\sof)|\bboth of (?:them|us|you)\b"
    r"|\bone\s[^\W\d_]+\s(?:only|and (?:nothing|nobody|no one|none) else"
    r"|and no (?:more|others?))\b"
    r"|\bnot\s(?:two|three|four)\b"
    r"|\bone and (?:one only|only one)\b"
    r"|^(?:exactly\s)?one\s(?:[^\W\d_]+\s){1,2}and\s(?:only\s)?one\s[^\W\d_]+\b"
    rf"|\bpair of(?=\s(?:[^\W\d_]+\s)?(?!(?:{'|'.join(sorted(lists.words('pairs')))})\b)"
    r"(?:[a-z]+s|oxen|geese|mice|deer|sheep|children|men|women|people)\b)"
    r"|\bin (?:twos|threes|fours|fives|sixes)\b|^counting\s(?:the|all|how)\b"
    r"|\bhow much(?=\s(?:people|(?!does|costs|this)[a-z]{3,}s)\b)"
    rf"|\b(?:one|last|first|second|third|fourth|any|each|none|half) of (?:{CARDINAL})(?=\s*(?:$|,))"
    r"|(?:\b(?:no\.?|nr|num|nbr|amount) |#\s?)of(?=\s(?:people|[a-z]+s)\b)"
    r"|\bone (?:[a-z]+ )?(?:each|apiece|per|in each|on each|for every)\b"
    rf"|\bnumbering (?:{CARDINAL}|\d+)\b"
    r"|\b(?!thread|blood|pixel|word|calorie|step|cell|vote|body|page)[a-z]+ count(?=\s*$)"
)
# Digits before a word; in Chinese, Japanese, Korean and Thai a number with its measure word.
_ELSEWHERE = re.compile(
    r"(?<![\w.,:/-])\d{1,3}(?=\s[^\W\d_]{2,})|[两兩二三四五六七八九十百几幾\d]+\s?[只個个条條辆輛位名匹头頭张張把棵架本朵隻艘]"
    r"|[二三四五六七八九十何\d]+\s?[人匹台羽頭つ本枚個隻冊軒]"
    r"|(?:두|세|네|다섯|여섯|일곱|여덟|아홉|열|\d+)\s?(?:마리|명|대|개|사람|송이|그루|척)"
    r"|(?:สอง|สาม|สี่|ห้า|หก|เจ็ด|แปด|เก้า|สิบ|\d+)\s?(?:ตัว|คน|คัน|ใบ|ลูก|หลัง|ดอก|ลำ)"
)
_SINGLE_DIGIT = re.compile(r"(?<![\w.,:/#$€£%·-])1\s(?!(?:st|x|or|to|and|of|in|on)\b)([a-z]{3,})")
# "two dog", as people type who are in a hurry, or learnt the language late.
_TYPED = re.compile(
    rf"(?<![\w.,:/-])(?:{CARDINAL}|[2-9])\s(?:dog|cat|car|man|woman|person|kid|child|boy|girl|bird|horse"
    r"|cow|bike|bus|truck|van|lorry|boat|ship|plane|chair|table|box|bag|bottle|cup|tree|flower|ball"
    r"|duck|hen|pig|goat|bear|parcel|package|customer|visitor|guest|player|worker)"
    r"(?=\s*(?:$|[,?.])|\s(?:in|on|at|by|near|with|and|run|play|sleep|eat)\b)"
)
_BOTH = re.compile(r"\bboth\s(?:of\s)?(?:the\s|my\s|our\s|his\s|her\s|their\s|these\s|those\s)?")
_NTH = re.compile(
    r"\ban?(?:other)?\s(?:third|fourth|fifth|sixth|seventh|eighth|ninth|tenth"
    r"|second(?=\s\S+\s(?:gets|enters|appears|arrives|joins|comes|walks|pulls|shows|turns)\b))\s"
    r"(?!(?:of|hand|place|world|floor|opinion|chance|date|home|life|wind|party|class|language"
    r"|birthday|grade|year|time|wheel|base|degree)\b)[^\W\d_]+"
)
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
    if not words and foreign.is_foreign(query):
        words = tuple(_ELSEWHERE.findall(query.text)[:1])
    return Found(words) if words else None


def _questions(query: Query, text: str) -> Iterator[Found]:
    for found in _HOW_MANY.finditer(text):
        yield Found(_said(query, *found.span()), _asked(query, found.end()))
    for found in _COUNT.finditer(text):
        noun = found.start("noun")
        if numbers.plural_follows(text, noun - 1) or found["noun"] in _MANY:
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
        more = text[span[0] :].startswith("more than")
        rewrite = _replaced(query, *span, "several" if more else _article(text, span[1]))
        noun = query.text[span[1] : found.end()].strip()
        if more and noun and not phrases.plural(noun.lower()):
            rewrite = rewrite.replace(noun, "people" if noun == "person" else f"{noun}s", 1)
        yield Found(_said(query, *span), rewrite)


def _others(query: Query, text: str) -> Iterator[Found]:
    for found in _TIMES.finditer(text):
        if not numbers.led_by_name(text, found.start()):
            yield Found(_said(query, *found.span()), _replaced(query, *found.span(), ""))
    for found in _COLLECTED.finditer(text):
        of = text.rfind(" of ", 0, found.start("number"))
        rewrite = query.text[:of] + query.text[found.end() :] if " of " in found[0] else None
        yield Found(_said(query, *found.span()), rewrite)
    for found in _SINGLE_DIGIT.finditer(text):
        before = query.text[: found.start()].rstrip().rpartition(" ")[2]
        named = before[:1].isupper() or numbers.led_by_name(text, found.start())
        if not named and found[1] not in numbers.UNITS:
            yield Found(("1",), _replaced(query, found.start(), found.start() + 1, "a"))
    for found in (*_COUNTER.finditer(text), *_TYPED.finditer(text)):
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
    dozens = said.endswith(numbers.DOZENS)
    of = " of" if text[end:].startswith(" of ") else ""
    several = "some" if of and not dozens else "several"
    rewrite = _replaced(query, bound.start() if bound else begin, end + dozens * len(of), several)
    rewrite = _DETERMINED.sub(several, rewrite)
    return rewrite if rewrite.strip(" ?.!").lower() not in ("several", "some") else None, changed


def _article(text: str, end: int) -> str:
    return "an" if text[end:].lstrip()[:1] in "aeiou" else "a"


def _replaced(query: Query, begin: int, end: int, by: str) -> str:
    head, tail = query.text[:begin], query.text[end:]
    if query.text[begin : begin + 1].isupper() and by:
        by = by[0].upper() + by[1:]
    return " ".join((head + by + (" " if by and not tail.startswith(" ") else "") + tail).split())
