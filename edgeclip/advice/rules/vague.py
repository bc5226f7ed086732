"""Nothing visible is named: only filler, taste, or what only the user or the file's data knows."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from edgeclip.advice.limits import Found
from edgeclip.advice.lists import alternatives, entries
from edgeclip.advice.query import Query
from edgeclip.advice.rules import foreign, reading

_DATE = re.compile(r"\d+(?:st|nd|rd|th|s|mb|gb|kb|mp|px|k|p|am|pm)?|\d+[./:x-]\d+(?:[./-]\d+)?")
_FILE = r"\b(?:img|dsc[nf]?|pxl|mvi|gopr?|image|photo|pict|screenshot)[_ -]*\d{2,}[\w.-]*"
_PERSON_ASKED = re.compile(r"(?<!shared )(?<!share )\b(?:of|with|and) (?:me|us|him|her|them|you)\b")
_ONLY_PERSON = re.compile(r"(?:it's |just |only |all of )?(?:me|us|him|her|he|she|we|you|them)")
_HEADS = (
    r"(?:photos?|pictures?|pics?|images?|shots?|snaps?|ones?|files?|clips?|videos?|uploads?|stuff"
    r"|things?|anything|something|everything|whatever|whichever|what|those|that|all)"
)
_DONE = (
    r"(?:like[ds]?|loved?s?|picked|chose|chosen|selected|rejected|approved|accepted|wants?|wanted"
    r"|needs?|needed|uploaded|posted|saved|deleted|edited|mentioned|asked|requested|ordered"
    r"|bought|printed|used|kept|forgot|remembers?|hated?|prefers?|preferred|recommended"
    r"|suggested|starred|flagged|favou?rited|tagged|commented|shared|published|submitted|took"
    r"|taken|shot|made|added|imported|sent|showed|shown|gave|emailed|forwarded|texted|messaged"
    r"|was on about|talked about|told|uses?|keeps?)"
)
_SENT = r"(?:sent|showed|shown|gave|emailed|forwarded|texted|messaged|told|shared|submitted)"
_TIME = (
    r"\b(?:this|last|next|yesterday|tomorrow|that|every|the other|previous|early|late"
    r"|earlier in the"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day) (?:morning|afternoon|evening|night|spring"
    r"|summer|autumn|fall|winter|term|semester|season|quarter|christmas|easter)(?:'s)?\b"
)
_OTHER = re.compile(r"\b(?:that|those|the|some) other\b")
_KEPT = re.compile(r"\b(?:on|from|in|into|off) (?!fire\b)(?:my |our |the |an? )?(?:\w+ )?\w+ ?\w*$")


def find(query: Query) -> Found | None:
    """Find a query that names nothing visible."""
    named = _marks(query.text)
    if named is not None:
        return named
    if _PERSON_ASKED.search(query.lower):
        return None
    if _ONLY_PERSON.fullmatch(query.lower.strip(" .!?")):
        return None
    left = _unmask(query.lower)
    words = re.findall(r"[^\W_]+(?:['.&-][^\W_]+)*", left)
    if not all(map(_is_empty, words)) and not (
        all(map(_is_empty_abroad, words)) and foreign.is_foreign(query)
    ):
        return None
    if _things().search(query.lower) and not _KEPT.search(query.lower):
        return None
    fillers = [word for word in words if not _is_grammar(word)]
    weak = fillers and all(word in entries("vague-weak") for word in fillers)
    if weak and left == query.lower and not _OTHER.search(left):
        return None  # "a set", "an old record": these are things when nothing else is said
    if reading.find(query):
        return None  # what is written is to be seen
    typed = tuple(word.text for word in query.words if not _is_grammar(word.lower))
    return Found(typed or (query.text,))


def _marks(text: str) -> Found | None:
    """Find a query without a letter: digits, marks, or pictures in a line of text."""
    seen = [mark for mark in text if not mark.isspace()]
    if any(unicodedata.category(mark).startswith("L") for mark in seen):
        return None
    pictures = [mark for mark in seen if unicodedata.category(mark) == "So"]
    names = [unicodedata.name(mark, "").lower() for mark in dict.fromkeys(pictures)]
    if any(name.startswith("regional indicator") for name in names):
        return Found((text,))  # a flag: the letters of its country say little
    return Found((text,), " ".join(filter(None, names)).replace("heavy black ", "") or None)


def _unmask(lower: str) -> str:
    """Take out the phrases that say what a picture is for, when it was taken, who liked it."""
    for pattern in _phrases():
        lower = pattern.sub(" ", lower)
    return lower


@cache
def _things() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{alternatives('vague-things')})s?\b")


@cache
def _phrases() -> tuple[re.Pattern[str], ...]:
    use = alternatives("vague-use")
    return tuple(
        map(
            re.compile,
            (
                _FILE,
                _TIME,
                r"\b(?:i|we|you|he|she|they) (?:can|(?:\w+ )?saw)\b|^can\b|#(?=\w)",
                r"\b(?:before|after|when|since|while) (?:i|we|he|she|they) \w+"
                r"(?: (?:house|home|flat|jobs?))?$",
                # "the one I sent to the insurance people": whom it went to is not to be seen.
                rf"\b{_HEADS} (?:(?:that|which) )?(?:[\w']+ ){{1,4}}{_SENT}"
                r"(?: (?:to )?(?:\w+ ){0,3}\w+)?$",
                rf"\b{_HEADS} (?:(?:that|which) )?(?:[\w']+ ){{1,3}}{_DONE}\b(?! of\b)",
                rf"\b(?:{_DONE}|approved|reviewed|edited) by \w+$",
                r"\bfor (?:my |our |the )?(?:mum|mom|dad|gran\w*|wife|husband|boss|teacher|kids"
                r"|family|friends|team|editor|sister|brother)\b",
                r"\b(?:batch|lot|folder|roll|reel|album|series|set) (?:[a-z]|\d+)$",
                rf"\b(?:{_DONE}) (?:by|with) (?:my|our|the|his|her) (?:\w+ )?\w+$",
                rf"\b(?:for|on|from|to|in|into|with|via|over|through) (?:my |our |the |a "
                rf"|an |this |that |your |her |his )?"
                rf"(?:(?:next|new|old|company|work|other|second|main|monthly|weekly) )?"
                rf"(?:\w+'s )?(?:{use})\b",
                r"\bout of the ordinary\b|\bto write home about\b|\bup to scratch\b"
                r"|\bbits and (?:bobs|pieces)\b|\bodds and (?:ends|sods)\b|\bof the bunch\b",
                r"\b(?:cam|camera|channel|feed|stream|sensor|zone|event|clip|frame|item|slot|id) "
                r"(?:no\.? |number |id |#)?(?:\d+|one|two|three|four|five|six|seven|eight"
                r"|nine|[a-d])\b",
            ),
        )
    )


def _is_empty(word: str) -> bool:
    return (
        _is_grammar(word)
        or word in entries("vague-filler")
        or word in entries("vague-weak")
        or (word.endswith("ly") and word not in entries("vague-not-adverbs"))
    )


def _is_empty_abroad(word: str) -> bool:
    return word in entries("vague-foreign") or _is_empty(word)


def _is_grammar(word: str) -> bool:
    return word in entries("vague-function") or _DATE.fullmatch(word) is not None
