"""``edgeclip coach``: what CLIP cannot do with a query."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeclip.advice.kinds import KINDS
from edgeclip.advice.query import shortened
from edgeclip.cli import options, output
from edgeclip.errors import ModelError, QueryError

if TYPE_CHECKING:
    from edgeclip.advice.limits import Advice, Evidence, Limit
    from edgeclip.model.model import Model

UNSUITABLE = 3
"""The exit code of this command alone."""
_MOST_HINTS = 3

hints_option = click.option(
    "--no-hints", is_flag=True, help="Do not say which words CLIP cannot hold."
)


@click.command("coach")
@click.argument("queries", nargs=-1, required=True, metavar="QUERY...")
@click.option("--check-all", is_flag=True, help="List every check with its outcome.")
@click.option("--words-only", is_flag=True, help="Ask no model: the rules alone, at once.")
@click.option("-m", "--model", help="Name or folder of the model to ask (EDGECLIP_MODEL).")
@options.models_folder
@options.as_json
def coach_command(
    queries: tuple[str, ...],
    check_all: bool,
    words_only: bool,
    model: str | None,
    models: Path | None,
    as_json: bool,
) -> int:
    """Say what CLIP cannot do with a query, and what to ask instead.

    A query of several words stands in quotes. Exit code 0 when every query is suitable, 3 when one
    is not.
    """
    from edgeclip.advice.coach import coach

    asked = None if words_only else _model(model, models)
    found = [coach(query, model=asked) for query in queries]
    for advice in found:
        if as_json:
            output.json_line(advice.record())
        else:
            _print(advice, asked.name if asked else None, check_all)
    return 0 if all(advice.suitable for advice in found) else UNSUITABLE


def hint(texts: Sequence[str], *, labels: bool = False) -> None:
    """Tell people on stderr, a line each, which of their words CLIP cannot hold.

    Args:
        texts: queries, or labels; what the grammar refuses as a query gets no hint.
        labels: they are words alone: no sums, no pictures.
    """
    from edgeclip.advice.coach import coach

    unsuitable = []
    for text in texts:
        with contextlib.suppress(QueryError):
            advice = coach(f"text:{text}" if labels else text)
            unsuitable += [] if advice.suitable else [advice]
    for advice in unsuitable[:_MOST_HINTS]:
        output.note(output.printable(_hint(advice, labels)))
    if len(unsuitable) > _MOST_HINTS:
        output.note(f"hint: {len(unsuitable) - _MOST_HINTS} more, see edgeclip coach.")


def _hint(advice: Advice, labels: bool) -> str:
    kinds = ", ".join(KINDS[limit.kind].title + _quoted(limit.words) for limit in advice.limits)
    query = shortened(advice.query.removeprefix("text:") if labels else advice.query)
    step = _step(advice, labels)
    return f'hint: "{query}" asks for what CLIP gets wrong ({kinds}). {step}'


def _step(advice: Advice, labels: bool) -> str:
    """Return what to type instead; a sum is no label, but its minus is a negative one."""
    from edgeclip.model.query import parse

    if advice.rewrite is None:
        return "See: edgeclip coach"
    if not labels:
        return f"Try: {advice.rewrite}"
    first, *others = parse(advice.rewrite, pictures=False)
    if any(term.weight > 0 for term in others):
        return "See: edgeclip coach"
    negatives = "".join(f' --negative "{term.value}"' for term in others)
    return f'Try: --label "{first.value}"{negatives}'


def _model(model: str | None, models: Path | None) -> Model | None:
    """Return the model to ask; only one that was named has to be there and to know words."""
    try:
        loaded = options.load(model, models, None, (), "crop", False)
    except ModelError:
        if model is not None:
            raise
        return None
    if loaded.manifest.text is None and model is None:
        return None
    return loaded


def _print(advice: Advice, model: str | None, check_all: bool) -> None:
    output.say(output.printable(advice.query))
    if check_all:
        output.table((), list(_checks(advice)))
    elif advice.suitable:
        output.say("  suitable")
    for limit in advice.limits:
        output.say()
        output.say(f"  {KINDS[limit.kind].title}{_quoted(limit.words)}")
        for name, text in _lines(limit, model):
            output.say(f"    {name:<9} {output.printable(text)}")
    if len(advice.limits) > 1 and advice.rewrite is not None:
        output.say()
        output.say(f"  all together: {output.printable(advice.rewrite)}")
    output.say()


def _checks(advice: Advice) -> Iterator[tuple[str, str, str]]:
    found = {limit.kind: limit for limit in advice.limits}
    for kind, about in KINDS.items():
        limit = found.get(kind)
        words = ", ".join(limit.words) if limit else ""
        yield f"  {about.title}", "LIMIT" if limit else "ok", words


def _lines(limit: Limit, model: str | None) -> Iterator[tuple[str, str]]:
    yield "why", limit.why
    if limit.rewrite is not None:
        yield "try", limit.rewrite
    yield from (("or use", text) for text in limit.instead)
    if limit.evidence is not None:
        yield model or "the model", _said(limit.evidence)
    yield from (("source", text) for text in limit.sources)


def _said(evidence: Evidence) -> str:
    """Say what the model makes of it, with its figures."""
    if evidence.told_apart:
        verb = "tells it from"
    elif evidence.cosine < evidence.reworded:
        verb = "cannot keep it apart from"
    else:
        verb = "hears no difference to"
    return (
        f'{verb} "{evidence.changed}": cosine {evidence.cosine:.2f} (unrelated texts: up to '
        f'{evidence.unrelated:.2f}; the query with "a photo of": {evidence.reworded:.2f})'
    )


def _quoted(words: Sequence[str]) -> str:
    return f": {', '.join(words)}" if words else ""
