"""Labels on the command line: given one by one, in a file of words, or in a prompt pack."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeclip.cli import options
from edgeclip.errors import ModelNotFound
from edgeclip.model import nothing
from edgeclip.model.templates import TEMPLATES
from edgeclip.model.towers import FITS

if TYPE_CHECKING:
    from edgeclip.model.model import Model
    from edgeclip.model.pack import PromptPack
    from edgeclip.model.prompts import Prompts

template_sets = click.option(
    "--templates",
    "template_set",
    type=click.Choice(list(TEMPLATES)),
    help="Named prompts: the label alone, one, or the CLIP paper's 7 or 80 for photographs.",
)
none = click.option("--none", is_flag=True, help=f'Add the answer "{nothing.NAME}".')
temperature = click.option(
    "--temperature",
    type=options.NumberRange(0, min_open=True),
    help="Divides cosines before the softmax; the model's own unless given.",
)


def model_of(pack: PromptPack, name: str, chosen: dict[str, Any]) -> Model:
    """Load the model that the options name, else the one that the pack was made with.

    Unless ``--fit`` was given, pictures are fitted as they were for the pack.

    Raises:
        SpaceMismatch: it has another space than the pack.
    """
    try:
        model = _loaded(pack, chosen)
    except ModelNotFound:
        if chosen["model"] is not None:
            raise
        model = _loaded(pack, chosen | {"model": pack.model})
    if model.space != pack.space and chosen["model"] is None and model.name != pack.model:
        with contextlib.suppress(ModelNotFound):
            model = _loaded(pack, chosen | {"model": pack.model})
    pack.check_space(model.space, name)
    return model


def _loaded(pack: PromptPack, chosen: dict[str, Any]) -> Model:
    model = options.load(**chosen)
    given = options.is_given("fit")
    for fit in () if given else FITS:
        if model.manifest.space_id(fit=fit, draft=chosen["draft"], **model.variants) == pack.space:
            model.fit = fit
    return model


def all_texts(prompts: Prompts) -> list[str]:
    """Return every text of a file once, for the coach's hints."""
    own = [text for label in prompts.labels for text in (*label.prompts, *label.negatives)]
    return list(dict.fromkeys([*own, *prompts.negatives]))


def read(
    labels: tuple[str, ...],
    file: Path | None,
    templates: tuple[str, ...],
    negatives: tuple[str, ...],
    with_none: bool,
    temperature: float | None,
) -> Prompts:
    """Return what the options ask for; they add to a file's labels and overrule the rest of it."""
    import dataclasses

    from edgeclip.model.prompts import Label, Prompts, read_prompts

    written = Prompts(()) if file is None else read_prompts(file)
    given = tuple(Label(label, (label,)) for label in labels)
    return dataclasses.replace(
        written,
        labels=given + written.labels,
        templates=templates or written.templates,
        negatives=tuple(negatives) + written.negatives,
        none=nothing.NAME if with_none and written.none is None else written.none,
        temperature=written.temperature if temperature is None else temperature,
    )
