"""``edgeclip models --advise``: which model for which need, and what CLIP is not for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from edgeclip.advice import choices as table
from edgeclip.advice.choices import Choice
from edgeclip.cli import output


def advise(needs: Sequence[str], *, as_json: bool) -> None:
    """Print the choices that serve all of these needs, for people or for programs."""
    found = table.choices(*needs)
    if as_json:
        output.json_line([dataclasses.asdict(c) | {"memory_gb": c.memory_gb} for c in found])
        return
    for need in needs:
        title, advice = table.guide()[need]
        output.say(f"{title}: {advice.replace('`', '')}\n")
    clip = [choice for choice in found if choice.clip]
    others = [choice for choice in found if not choice.clip]
    if clip:
        _clip_models(clip)
    if clip and others:
        output.say()
    if others:
        _others(others)
    if not found:
        output.note("nothing in the table serves all of these needs. Ask for fewer of them.")


def _clip_models(rows: Sequence[Choice]) -> None:
    output.say("CLIP models (edgeclip export NAME)")
    header = ("name", "products", "ImageNet", "image MB", "text MB", "memory", "image x", "text x")
    shown = [
        (
            row.name,
            table.product_word(row),
            table.figure(row),
            table.megabytes(row.image) if row.image else "",
            table.megabytes(row.text) if row.text else "",
            f"{row.memory_gb:g} GB",
            table.ratio(row.image) if row.image else "",
            table.ratio(row.text) if row.text else "",
            row.weights,
            row.use,
        )
        for row in rows
    ]
    output.table((*header, "weights", "for"), shown)
    output.say(
        "x: time against mobileclip_s2 on one x86-64 thread; memory is reckoned; in brackets int8;"
        " no board was measured"
    )


def _others(rows: Sequence[Choice]) -> None:
    output.say("What to use for what CLIP cannot do")
    shown = [
        (
            row.name,
            table.product_word(row),
            row.size,
            row.weights,
            f"{', '.join(row.kinds)}: {row.use}{_accuracy(row)}",
        )
        for row in rows
    ]
    output.table(("model", "products", "size", "weights", "in place of CLIP for"), shown)


def _accuracy(choice: Choice) -> str:
    found = choice.accuracy
    return f" ({table.figure(choice)}, {found.task})" if found else ""
