"""Words: what the coach says of a query, and how other words for the same do on the picture."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from edgeclip.advice.diagnosis.rank import Background, Standing
from edgeclip.advice.limits import Advice
from edgeclip.errors import InvalidText
from edgeclip.model.query import parse
from edgeclip.vectors import Vector

if TYPE_CHECKING:
    from edgeclip.model.model import Model

Kind = Literal["typed", "bare", "template", "rewrite"]
_USUAL = "a photo of a {}."
_MOST_TEMPLATES = 8
"""Some models have 80 templates; the time of as many texts would buy nothing."""
_ARTICLE = re.compile(r"(?:an?|the)\s+(?=\S)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to say what the query says."""

    kind: Kind
    """``typed``: the query; ``bare``: without template and article; ``rewrite``: by the coach."""
    text: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class Words:
    """What there is to say about the words of the query."""

    advice: Advice
    wordings: tuple[Wording, ...]
    """The query as typed comes first."""

    @property
    def typed(self) -> Wording:
        """The query as it was typed."""
        return self.wordings[0]


def examine(
    model: Model, query: str, wanted: Vector, picture: Vector, background: Background
) -> Words:
    """Score other words for a query.

    Args:
        model: embeds them.
        query: as typed.
        wanted: its vector.
        picture: ``(dim,)``.
        background: what to compare with.
    """
    from edgeclip.advice.coach import coach

    advice = coach(query, pictures=False)
    templates = model.manifest.text.templates if model.manifest.text else ()
    found = [Wording("typed", query, background.standing(wanted, picture))]
    for kind, text in others(query, templates, advice):
        # A rewrite may cancel itself out, and a template may make a text too long.
        with contextlib.suppress(InvalidText):
            vector = _embedded(model, kind, text)
            found.append(Wording(kind, text, background.standing(vector, picture)))
    return Words(advice, tuple(found))


def others(query: str, templates: Sequence[str], advice: Advice) -> Iterator[tuple[Kind, str]]:
    """Yield other words for a query, each once.

    A sum of terms has no bare words, and no template goes around it.

    Args:
        query: as typed.
        templates: the model's, with one ``{}`` each.
        advice: the coach's, with its rewrites.
    """
    seen = {query.casefold()}
    for kind, text in _candidates(query, templates, advice):
        if text.casefold() not in seen:
            seen.add(text.casefold())
            yield kind, text


def bare(words: str, templates: Sequence[str]) -> str:
    """Return words without a template around them and without an article before them."""
    for template in templates:
        before, _, after = template.partition("{}")
        pattern = re.escape(before) + "(.+?)" + re.escape(after.rstrip(".")) + r"\.?"
        found = re.fullmatch(pattern, words, re.IGNORECASE | re.DOTALL)
        if found and before + after:
            words = found[1]
            break
    return _ARTICLE.sub("", words.strip(), count=1) if _ARTICLE.match(words.strip()) else words


def _candidates(query: str, templates: Sequence[str], advice: Advice) -> Iterator[tuple[Kind, str]]:
    terms = parse(query, pictures=False)
    if len(terms) == 1 and terms[0].weight > 0:
        around = [*dict.fromkeys((_USUAL, *templates))][: _MOST_TEMPLATES + 1]
        words = bare(terms[0].value, around)
        yield "bare", words
        yield from (("template", template.replace("{}", words)) for template in around)
    for rewrite in (advice.rewrite, *(limit.rewrite for limit in advice.limits)):
        if rewrite:
            yield "rewrite", rewrite


def _embedded(model: Model, kind: Kind, text: str) -> Vector:
    """Embed a rewrite as a query, since it may be a sum; the others are words whatever is in them.

    Raises:
        InvalidText: it cannot be embedded.
    """
    return model.embed_query(text, pictures=False) if kind == "rewrite" else model.embed_text(text)
