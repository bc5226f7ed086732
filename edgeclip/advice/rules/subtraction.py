"""A negation as CLIP can hold it: "street without cars" → "street - cars"."""

from __future__ import annotations

import re
from functools import cache

from edgeclip.advice import lists, phrases
from edgeclip.advice.query import Query

_NOBODY = ("nobody", "no one", "no-one", "noone", "nothing")
_FILLERS = lists.entries("fillers")
_PREPOSITION = r"in|on|at|inside|upon|around|near|by|from|to|under|behind|across|into|out"
_IN_A_PLACE = re.compile(
    rf"(?P<what>(?![^\s]+ing\s).+?)\s(?P<rest>(?:{_PREPOSITION}|over|against|during|leaning|standing"
    r"|sitting|hanging)\s(?P<place>.+))"
)
_AT = re.compile(rf"^(?:{_PREPOSITION})\s", re.IGNORECASE)
# What joins the thing that is wanted to what is not.
_JOINT = re.compile(
    r"(?:^|\s)(?:but|and|with|that|who|which|is|are|was|were|has|have|there|there's|does|do"
    r"|did|of|of any|of any colou?r"
    r"|that's|where|so|yet|or|just|please|would|should)$",
    re.IGNORECASE,
)
_BEGIN = re.compile(
    r"^(?:any|an?|the|all|for|of|be|being|show|me|single|either|wearing|having|no"
    r"|without)\s",
    re.IGNORECASE,
)
_END_OF_PHRASE = re.compile(r"[,;.!?]|\s(?:but|just|only|then|while|because)\s")
_ALSO = re.compile(r"\s(?:nor|or|and)\s")
_IDLE = re.compile(r"\s(?:at all|in sight|please|whatsoever|of any kind|anywhere)\b", re.IGNORECASE)
_AND = re.compile(r"^(?:and|but|just|only|then)\s", re.IGNORECASE)
_LONG_REST = 8
"""Words; a sentence that follows is no thing that is wanted."""
# No part of a sum: an operator or a weight in it, a place, or no thing of its own.
_NO_TERM = re.compile(
    rf"(?:^|\s)[+-](?:\s|$)|:|^(?:{_PREPOSITION}|it|them|ones?|no|without|with|who(?:'s)?|to|left|right|above|below|next"
    r"|beside|as)\b",
    re.IGNORECASE,
)
# After these stands a verb, or nothing: there is no thing to subtract.
_VERB_FOLLOWS = re.compile(
    r"(?:do|does|did|ca|could|wo|would|should|must|need|has|have|had)n'?t|cannot|never|ne'er"
    r"|unable to|yet to|(?:failing|fails|failed|fail|forgot|forgotten) to|unless|.* out|.*absent"
    r"|.*vanished|.*disappeared|.* from|.*missing|.* off|.* gone|.* lost|forgot"
    r"|forgotten|nowhere .*|non"
)
_AFFIRMED = {
    "with": "without wihtout witout withot whithout withuot wthout w/o w/out sans minus lacking "
    "lacks missing",
    "somebody": "nobody noone",
    "something": "nothing",
    "always": "never ne'er",
    "is": "isn't isnt ain't aint",
    "are": "aren't arent",
    "was": "wasn't wasnt",
    "were": "weren't werent",
    "has": "hasn't hasnt",
    "have": "haven't havent",
    "can": "can't cant cannot",
    "": "no not nto none zero 0 neither nor don't dont doesn't doesnt didn't didnt",
}
_AFFIRMED_PHRASES = {
    "full of": ("devoid of", "void of", "bereft of", "free of", "free from", "clear of"),
    "with": ("with no", "having no", "lack of"),
    "has": ("has no",),
    "have": ("have no",),
    "had": ("had no",),
    "somebody": ("no one", "no-one"),
    "still": ("no longer",),
    "many": ("hardly any", "barely any", "scarcely any"),
    "a": ("hardly a", "barely a", "scarcely a"),
}


def rewritten(query: Query, begin: int, end: int) -> str | None:
    """Return the query as a difference, or None when it names no two things.

    Args:
        query: with a negation.
        begin: where the negation begins in ``query.text``.
        end: where it ends.
    """
    cue = query.lower[begin:end].strip(" ,.;:")
    if _VERB_FOLLOWS.fullmatch(cue):
        return None
    if cue == "free":
        kept, _, unwanted_thing = query.text[: begin - 1].rpartition(" ")
        return _difference(f"{kept} {query.text[end:]}", [unwanted_thing])
    head = _head(query.text[:begin])
    tail, rest = _tail(query.text[end:])
    if len(rest.split()) > _LONG_REST:
        return None
    if cue in _NOBODY:
        return _nobody(cue, tail) if _filler(head) and not rest else None
    if split := _IN_A_PLACE.fullmatch(tail):
        head = split["place"] if _filler(head) else f"{head} {split['rest']}"
        tail = split["what"]
    if rest:
        head = rest if _filler(head) else f"{head}, {rest}"
    elif _filler(head):
        head = _kind_of(tail) or ""
    return _difference(head, [_wanted_not(each) for each in _ALSO.split(_named(tail, head))])


def affirmed(query: Query, begin: int, end: int) -> str | None:
    """Return the query with its negation dropped, or None when that takes more than a word."""
    cue = query.lower[begin:end].strip(" ,")
    found = next((yes for yes, words in _AFFIRMED.items() if cue in words.split()), None)
    if found is None:
        found = next((yes for yes, cues in _AFFIRMED_PHRASES.items() if cue in cues), None)
    if found is None and (cue == "free" or _VERB_FOLLOWS.fullmatch(cue)):
        return None
    joined = f"{query.text[:begin]} {'and' if found is None else found} {query.text[end:]}"
    return re.sub(r"^(?:and|is|are)\s", "", " ".join(joined.replace(" ,", ",").split())).strip(" ,")


def _difference(head: str, unwanted: list[str]) -> str | None:
    head = phrases.bare(head)
    terms = [head, *unwanted]
    if not all(terms) or any(_NO_TERM.search(term) for term in terms):
        return None
    return " - ".join(terms)


def _wanted_not(part: str) -> str:
    """Return one thing that is not wanted, bare."""
    while (shorter := _BEGIN.sub("", part.strip())) != part:
        part = shorter
    return phrases.bare(part)


def _nobody(cue: str, place: str) -> str | None:
    """Return "room - people" for nobody in the room, "empty room" for nothing in it."""
    found = _AT.match(place)
    if found is None:
        return None
    where = phrases.bare(place[found.end() :])
    return f"empty {where}" if cue == "nothing" else f"{where} - people"


def _filler(head: str) -> bool:
    return head.lower() in _FILLERS or not head


def _head(before: str) -> str:
    """Return what is wanted: without the joint to what is not."""
    kept = re.sub(r"^.*[.;:!?]\s", "", before).strip(" ,;:")
    while (shorter := _JOINT.sub("", kept).strip(" ,;:")) != kept:
        kept = shorter
    return re.sub(r"^all\s", "", kept)


def _tail(after: str) -> tuple[str, str]:
    """Return what is not wanted, up to the end of its phrase, and what follows."""
    found = _END_OF_PHRASE.search(kept := _IDLE.sub("", after).strip(" ,:.?!"))
    what, rest = (kept[: found.start()], kept[found.end() :]) if found else (kept, "")
    what = what.strip()
    while (shorter := _BEGIN.sub("", what)) != what:
        what = shorter
    return what, _AND.sub("", rest.strip(" ,;:"))


def _named(tail: str, head: str) -> str:
    """Return "black dresses" for "the black ones"."""
    return re.sub(r"(?<=\s)ones?$", head.rpartition(" ")[2], tail) if head else tail


def _kind_of(phrase: str) -> str | None:
    """Return the kind of thing that the last word of a phrase is."""
    word = _ALSO.split(phrase.lower())[0].rpartition(" ")[2]
    return _kinds().get(word) or _kinds().get(word.removesuffix("s"))


@cache
def _kinds() -> dict[str, str]:
    pairs = (line.split(":") for line in lists.entries("hypernyms"))
    return {word: kind for kind, words in pairs for word in words.split()}
