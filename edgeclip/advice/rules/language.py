"""Not English, or not English where the meaning lies."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from edgeclip.advice.limits import Found
from edgeclip.advice.lists import alternatives, entries
from edgeclip.advice.query import Query, Word

_LEAST_SHARE = 0.5
_FEW = 6
"""Words, among which one of another grammar is enough."""
_LONG = 5
"""From this length on a word of another language is taken for one in English company, too."""
# Letters that are written in English as signs: the mathematician's π, the ohm's Ω.
_SIGNS = frozenset("πΠΩωαβγδΔΣσμµλθφΦχΨψ")
_LETTERS = re.compile(
    r"[äöüßåøæñçãõőűłąęśźżćńčšžřěůďťňğışțșăâîđơưýþðœáàéèêëíìïóòôúùûėįųūāēīģķļņ\u1ea0-\u1ef9]"
)
_SPELLING = re.compile(  # how English does not write
    r"sch[lmnrtwü]|tsch|[bdfgkmnprstvw]ung(?:en)?$|(?:ig|lich|bar|sam)keit|schaft|ijk|tjes?$|ooien$"
    r"|uur$|cz|sz[cy]|dzi|ści|wski|cj[aęi]|nnen$|ción$|ções$|zion[ei]$|ggi[oa]$|cchi[ao]?$|oeu|ouill"
    r"|kk[aäio]|ää|öö|yö"
)
_KNOWN_SPELLING = re.compile(
    r".*(?:schl?ep|schm(?:uck|ooze|ear|altz)|schn(?:itzel|auzer|apps|ozz)|borscht|kirsch|schtick|putsch"
    r"|kitsch|deutsch|czech|czar|young|among|sprung|wrung|strung|stung|unsung|samsung|dung|hung|bung"
    r"|manoeuv|oeuvre|bouillon|ratatouille|bouillabaisse|trekk|hokkaido|sukka|tikka|akkad|sikkim|pukka"
    r"|chukka|arpeggio|reggio|zucchini|radicchi|finocchio|pinocchio|godzilla|szechuan|szechwan|tannen"
    r"|loggia|solfeggio|scorch|eczema|mazurcz)"
)


def find(query: Query) -> Found | None:
    """Find a query that is not English, or whose meaning lies in a foreign word."""
    foreign = tuple(word.text for word in query.words if _is_foreign_script(word.text))
    if foreign:
        return Found(foreign)
    words = _unmasked(query)
    loud = query.text.isupper()  # "MIT" is a name, unless all is in capitals
    strong = [
        place
        for place, word in enumerate(words)
        if _is_strong(word) and (loud or len(word.text) < 2 or not word.text.isupper())
    ]
    shared = [word for word in words if word.lower in entries("language-shared")]
    shared = [word for word in shared if word.lower not in entries("language-english")]
    if not strong:
        return _built(words, shared)
    if _is_sure(words, strong):
        told = [word for place, word in enumerate(words) if place in strong or word in shared]
        return Found(tuple(word.text for word in told))
    share = (len(strong) + len(shared)) / len(words)
    told = [words[place] for place in strong]
    carries = any(
        len(words[place].lower) >= _LONG and not _in_name(words, place) for place in strong
    )
    if share < _LEAST_SHARE and not carries:
        return None
    if all(_in_name(words, place) for place in strong):
        return None
    return Found(tuple(word.text for word in told))


def _is_sure(words: list[Word], strong: list[int]) -> bool:
    """Tell whether few words are joined by another grammar: "Kind mit Hut"."""
    sure = any(words[place].text in entries("language-sure") for place in strong)
    return sure and len(words) <= _FEW


def _built(words: list[Word], shared: list[Word]) -> Found | None:
    """Find a query of words that English knows, too, built with another grammar."""
    built = [word for word in words if word.text in entries("language-grammar")]
    known = len([word for word in words if word in shared or word in built])
    if not built or not shared or len(words) < 3 or known < _BUILT_SHARE * len(words):
        return None
    return Found(tuple(word.text for word in shared))


def _is_foreign_script(text: str) -> bool:
    letters = [letter for letter in text if letter.isalpha() and letter not in _SIGNS]
    return any(not unicodedata.name(letter, "LATIN").startswith(_LATIN) for letter in letters)


_BUILT_SHARE = 0.6
_LATIN = ("LATIN", "FULLWIDTH LATIN", "MODIFIER LETTER", "FEMININE", "MASCULINE", "DOUBLE-STRUCK")


@cache
def _loans() -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{alternatives('language-loans')})(?!\w)")


def _unmasked(query: Query) -> list[Word]:
    """Return the words that are no part of a phrase which English has taken over."""
    left = _loans().sub(lambda found: " " * len(found[0]), query.lower)
    return [word for word in query.words if left[word.start] != " " and word.lower[0].isalpha()]


def _is_strong(word: Word) -> bool:
    if word.lower in entries("language-words") or word.text in entries("language-sure"):
        return True
    plain = re.sub(r"^(?:d'|l'|un'|dell'|all'|qu'|s')", "", word.lower)
    if plain != word.lower and plain in entries("language-words"):
        return True
    capital = word.text[0].isupper()
    if _LETTERS.search(word.lower):
        return not capital
    if capital and word.start > 0 and word.lower.endswith(("'s", "s'")):
        return False
    return (
        len(word.lower) > _LONG
        and len(word.lower) < 40
        and not capital
        and _SPELLING.search(word.lower) is not None
        and _KNOWN_SPELLING.match(word.lower) is None
    )


def _in_name(words: list[Word], place: int) -> bool:
    """Tell whether a word stands in a name: "Rio de Janeiro", "Playa del Carmen"."""

    def capital(at: int) -> bool:
        return 0 <= at < len(words) and words[at].text[0].isupper()

    before = capital(place - 1) and (place > 1 or words[0].lower not in entries("language-words"))
    return (before and capital(place + 1)) or (capital(place) and (before or capital(place + 1)))
