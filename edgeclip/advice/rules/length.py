"""Longer than the text tower reads: exact with a model, estimated without."""

from __future__ import annotations

import re
from bisect import bisect
from typing import TYPE_CHECKING

from edgeclip.advice.limits import Found
from edgeclip.advice.query import Query
from edgeclip.model import parts

if TYPE_CHECKING:
    from edgeclip.model.model import Model

CONTEXT = 77
"""Tokens that CLIP's text towers read, the two marks included."""

# As CLIP's tokenizer cuts a text before it looks for the longest tokens that it knows.
_PIECE = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|[^\s\w]+")
# Fitted on 67 English texts of 35 to 150 tokens: long words fall into several tokens.
_SHORT, _FOR_A_LETTER, _FOR_A_BYTE = 4, 0.065, 0.5
_LONGEST, _OF_NO_WORD = 20, 0.3  # what is longer is no word, and falls into scraps
_SHOWN, _MOST_SHOWN = 4, 60


def find(query: Query, model: Model | None = None) -> Found | None:
    """Find what the text tower does not read.

    Args:
        query: words.
        model: counts with its own tokenizer; None: an estimate of CLIP's, right to 3 tokens or so.

    Returns:
        The first words that are not read, and the sentences that are as the rewrite.
    """
    # The starter reads more; what is asked of it should hold when a CLIP model takes its place.
    most = min(CONTEXT, parts.text_tower(model.manifest).context_length) if model else CONTEXT
    if len(query.whole.encode("utf-8")) <= most - 2:
        return None  # a token is a byte at least
    if _tokens(query.whole, model) <= most and not query.cut:
        return None
    words = query.whole.split(" ")
    read = bisect(range(1, len(words)), most, key=lambda n: _tokens(" ".join(words[:n]), model))
    head = " ".join(words[:read])
    unread = " ".join(words[read : read + _SHOWN])[:_MOST_SHOWN]
    return Found((f"{unread} …",), _sentences(head), head or None)


def estimate(text: str) -> int:
    """Estimate how many tokens CLIP's tokenizer makes of a text, the two marks included."""
    pieces = _PIECE.findall(text.lower())
    letters = sum(max(0, len(piece) - _SHORT) for piece in pieces)
    endless = sum(max(0, len(piece) - _LONGEST) for piece in pieces)
    others = len(text.encode("utf-8")) - len(text)
    more = _FOR_A_LETTER * letters + _OF_NO_WORD * endless + _FOR_A_BYTE * others
    return round(len(pieces) + more) + 2


def _tokens(text: str, model: Model | None) -> int:
    return estimate(text) if model is None else model.token_count(text)


def _sentences(head: str) -> str | None:
    """Return the whole sentences of what is read, else its whole phrases, else all of it."""
    for end in (r"[.;!?](?=\s|$)", r","):
        found = list(re.finditer(end, head))
        if found and found[-1].start() > 0:
            return head[: found[-1].start()]
    return head or None
