"""Something is asked to be absent, left out, or not so."""

from __future__ import annotations

import re

from edgeclip.advice import lists, phrases
from edgeclip.advice.limits import Found
from edgeclip.advice.query import Query
from edgeclip.advice.rules import foreign, subtraction

_WITHOUT = (
    r"without|wihtout|witout|withot|whithout|withuot|wthout|w/o|w/out|sans|minus|lacking|lacks"
    r"|(?:devoid|void|bereft|deprived|stripped|shorn|denuded|divested|rid|free|bare|barren|clean"
    r"|emptied|drained|destitute|robbed|cleared|clear|empty|purged|exclusive) of|free from"
    r"|(?:in the )?absence of|lack of|(?:with|having|has|have|had) no"
    r"|missing"
)
_EXCEPT = (
    r"except for|except|exept|excepting|excl|exc|excluding|excludes|excluded|other than|apart from"
    r"|aside from|save for|barring|bar the|leaving out|leaving aside|instead of|rather than"
    r"|as opposed to|with the exception of|but not|and not|, not"
)
_NOT = (
    r"(?:is|are|was|were|do|does|did|has|have|had|could|would|should|must|might|need)n'?t"
    r"|ain'?t|can'?t|cain't|won'?t|shan't|cannot|not|nto|never|ne'er|nor|neither|no longer"
    r"|unable to|yet to|fail(?:ing|s|ed)? to|nary an?|unless|nope to|nix"
    r"|(?:forgot|forgotten)(?=\s(?:to|his|her|their|its|the|an?)\b)"
    r"|(?:hardly|barely|scarcely) (?:any|an?)"
)
_GONE = (
    r"(?:has|have|had) lost(?=\s(?:its|his|her|their|the|an?|one|all)\b)"
    r"|(?:has|have|had) (?:fallen|come|dropped) (?:off|out)"
    r"|(?:has|have|is|are) gone(?!\s(?:down|up|to|into|wild|mad|bad|viral|off|wrong|out|by)\b)"
    r"|(?:has|have|had|is|are) (?:vanished|disappeared|gone missing|missing|absent)|absent"
    r"|(?:vanished|disappeared|missing|gone) from|gone missing|nowhere in sight"
    r"|nowhere to be seen"
    r"|(?:cropped|edited|taken|cleared|emptied|left|photoshopped|airbrushed|blanked|masked) out"
    r"(?=\s*(?:$|[,.]))"
)
_NOBODY = r"nobody|no one|no-one|noone|none|nothing|nought|naught|nil|zilch|nowt"
_ABSENT = re.compile(
    rf"(?<![\w'-])(?:{_WITHOUT}|{_EXCEPT}|{_NOT}|{_GONE}|{_NOBODY})(?![\w'-])"
    r"|(?<![\w'.-])no(?=\s[^\W\d_])(?!\s(?:more|less|fewer)\sthan\b)"
    r"|(?<![\w.,:-])(?:zero|0)(?=\s(?:[^\W\d_]+s|people|traffic|clutter|fog|snow)\b)"
    r"|(?<=\w-)free(?=\s)|(?<![\w-])non(?=[\s-](?:human|smoker|dog|cat|food|people|person|member"
    r"|animal|vegetarian|vegan|uniformed|masked|christmas|english|european|white|[a-z]+ed)s?\b)"
)
_NUMBER = re.compile(rf"\s?(?:\d|(?:{'|'.join(lists.words('numbers'))})\b)")
_STRONG = re.compile(rf"(?:{_WITHOUT}|{_EXCEPT}|no|none|zero)$")
_STORY = 40
"""Words; in so long a text "never" and "nobody" tell a story, and only some forms ask."""
# "Anything but red": without such a word before it, "but" only joins.
_BUT = re.compile(
    r"\b(?:any(?:thing|one|body|where|time)?|every(?:thing|one|body|where)?|all|none|nothing)\b"
    r"(?:\s[^\W_]+){0,3}?\s(?:but|bar|save)\b(?!\s(?:for|also|still|now)\b)"
)
_START = r"(?:^|[,;.:!]\s|\b(?:please|but|and|just|then)\s)"
_LEAVE_OUT = re.compile(
    rf"{_START}(?P<cue>leave out|exclude|omit|filter out|weed out|screen out|edit out"
    r"|disregard|never mind|stop (?:showing|sending|giving)(?: me)?"
    r"|remove(?=\s(?:all |any |the |every )?(?:images?|photos?|pictures?|pics?|shots?|ones)\b)"
    r"|(?:cut out|rule out|take away|take out|hide|ignore|avoid|skip|subtract|discard)"
    r"(?=\s(?:all|any|the|those|these|my|every|everything|anything|anyone|[^\W\d_]+s|people)\b))"
    r"\s(?=[^\W\d_])"
    r"|\s(?P<hold>hold the)\s(?=[a-z]+s?$)"
)
_DASHED = re.compile(r"(?:(?<=\s)|^)(?:-|!|NOT\s)(?=[^\W\d_]{2})")
_SIGN = re.compile(
    r"\bno[\s-](?:[^\W\d_]+[\s-]){1,3}(?:signs?|signage|stickers?|posters?|notices?|symbols?"
    r"|placards?|banners?|icons?|emoji|t-?shirts?|tattoos?|labels?|zones?|areas?|badges?|tape"
    r"|plaques?)\b|\b(?:do not|don't|dont)\s(?:[^\W\d_]+\s){1,4}(?:signs?|stickers?|posters?"
    r"|notices?|symbols?|tape|labels?|hangers?)\b"
)
# What the writer cannot do says nothing of the picture.
_I_DO_NOT = re.compile(
    r"\b(?:i|we|you|who|that)\s(?:don't|dont|cannot|can't|cant|couldn't|didn't|didnt|do not"
    r"|did not|never)\s(?:remember|recall|know|find|understand|mind|care|believe|think|like|name"
    r"|say)\b"
)
_RHETORICAL = re.compile(
    r"(?:^|[,;]\s)(?:is|has|are|does|was|do|did|wo|ai|were|ca|could|would)n'?t\s"
    r"(?:he|she|it|they|we|you|that|this|i|there)\b"
)
_ALSO_FOREIGN = frozenset(("no", "sans", "minus", "nor", "nil"))

Place = tuple[int, int]


def find(query: Query) -> Found | None:
    """Find what is asked to be absent."""
    text = phrases.masked(query, "negation-phrases")
    for innocent in (_SIGN, _I_DO_NOT, _RHETORICAL):
        text = innocent.sub(lambda found: phrases.MASK * len(found[0]), text)
    place = _absent(text, query) or _left_out(text, query)
    if place is None:
        words = foreign.words(query, "negation")
        return Found(words) if words else None
    begin, end = place
    said = query.text[begin:end].strip(" ,.;:")
    if said in ("-", "!"):
        spaced = _DASHED.sub("- ", query.text)
        return Found((said,), spaced, query.text.replace(said, "", 1))
    joint = max(begin, text.rfind(" ", begin, end) + 1) if _BUT.match(text, begin) else begin
    return Found(
        (said,), subtraction.rewritten(query, joint, end), subtraction.affirmed(query, begin, end)
    )


def _absent(text: str, query: Query) -> Place | None:
    return next(
        (found.span() for found in _ABSENT.finditer(text) if _asks(found, text, query)), None
    )


def _asks(found: re.Match[str], text: str, query: Query) -> bool:
    """Tell whether a word of absence asks for it here."""
    cue = found[0]
    if cue == "minus" and _NUMBER.match(text, found.end()):
        return False  # a temperature
    if cue == "missing":
        leader = text[: found.start()].rstrip().rpartition(" ")[2]
        return bool(leader) and leader not in lists.words("before-missing")
    if cue == "free":
        before = text[: found.start() - 1].rpartition(" ")[2]
        return before in lists.words("free-of")
    if len(query.words) > _STORY and not _STRONG.match(cue):
        return False
    return cue not in _ALSO_FOREIGN or not foreign.is_foreign(query)


def _left_out(text: str, query: Query) -> Place | None:
    """Find an order to leave something out."""
    found = _BUT.search(text)
    if found is not None:
        return found.span()
    found = _LEAVE_OUT.search(text)
    if found is not None:
        return found.span("cue" if found["cue"] else "hold")
    found = _DASHED.search(query.text)
    return found.span() if found else None
