"""Towers: which model, space and variants the score comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeclip.model.identity import shares

if TYPE_CHECKING:
    from edgeclip.model.model import Model


@dataclass(frozen=True, slots=True)
class Towers:
    """What the picture and the words were embedded with."""

    model: str
    space: str
    """Its id, whole."""
    fit: str
    image_variant: str
    text_variant: str
    apart: tuple[str, ...]
    """The towers whose variant has a space of its own: too far from the reference."""
    untrained: bool
    """Whether the weights are random."""
    message: str
    """For people."""


def describe(model: Model) -> Towers:
    """Say what a model embeds with."""
    manifest = model.manifest
    # The model is asked what it was opened with; a space id alone would leave several answers.
    given, fit = model.variants, model.fit
    names = {
        tower: given.get(f"{tower}_variant") or entry.default
        for tower in ("image", "text")
        if (entry := manifest.tower(tower)) is not None
    }
    apart = tuple(
        tower
        for tower, name in names.items()
        if not shares(manifest.record[tower]["variants"][name], manifest.record)
    )
    parts = [f"model {model.name}, space {model.space[:12]}…, {fit}"]
    parts += [f"{tower} {name}" for tower, name in names.items()]
    return Towers(
        model=model.name,
        space=model.space,
        fit=fit,
        image_variant=names["image"],
        text_variant=names.get("text", ""),
        apart=apart,
        untrained=manifest.untrained,
        message=f"{', '.join(parts)}; {_verdict(apart, manifest.untrained)}",
    )


def _verdict(apart: tuple[str, ...], untrained: bool) -> str:
    if untrained:
        return "its weights are random: its scores mean nothing"
    if not apart:
        return "both towers are of one space"
    which = " and ".join(apart)
    return (
        f"the {which} variant is too far from the reference to share its space: compare only "
        "vectors made with just these variants"
    )
