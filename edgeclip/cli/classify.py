"""``edgeclip classify``: labels for pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeclip.cli import coach, options, output
from edgeclip.cli import labels as given
from edgeclip.errors import ImageRejected
from edgeclip.model.templates import TEMPLATES

if TYPE_CHECKING:
    from edgeclip.model.model import Model
    from edgeclip.model.pack import PromptPack
    from edgeclip.vectors import Match


@click.command("classify")
@click.argument("paths", nargs=-1, required=True)
@click.option("-l", "--label", "labels", multiple=True, help="A label; give several.")
@click.option(
    "--labels",
    "label_file",
    type=click.Path(path_type=Path),
    help="File with a label a line, a .toml file, or a pack.",
)
@click.option("--template", "templates", multiple=True, help="Prompt with {} for the label.")
@given.template_sets
@click.option("--negative", "negatives", multiple=True, help="A label that is never answered.")
@given.none
@given.temperature
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="Labels shown.")
@coach.hints_option
@options.as_json
@options.model_options
def classify_command(
    paths: tuple[str, ...],
    labels: tuple[str, ...],
    label_file: Path | None,
    templates: tuple[str, ...],
    template_set: str | None,
    negatives: tuple[str, ...],
    none: bool,
    temperature: float | None,
    top: int,
    no_hints: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Rank labels for pictures, zero-shot.

    PATHS are pictures, folders of pictures, or - for one picture on stdin.  Scores are
    probabilities over the labels and the negatives.
    """
    if not (labels or label_file):
        raise click.UsageError("Give labels with --label or --labels.")
    if templates and template_set:
        raise click.UsageError("Give --template or --templates, not both.")
    own = (*templates, *(TEMPLATES[template_set] if template_set else ()))
    asked = (labels, own, negatives, none)
    if label_file is not None and _is_pack(label_file):
        model, pack = _from_pack(label_file, asked, temperature, chosen)
        files = options.pictures_in(paths)
    else:
        prompts = given.read(labels, label_file, own, negatives, none, temperature)
        model = options.load(**chosen)
        files = options.pictures_in(paths)
        pack = _compiled(model, prompts)
        if not (no_hints or as_json):
            coach.hint(given.all_texts(prompts), labels=True)
    _classify(model, pack, files, top, as_json)


def _is_pack(path: Path) -> bool:
    from edgeclip.model.pack import is_pack

    return is_pack(path)


def _from_pack(
    path: Path, asked: tuple[Any, ...], temperature: float | None, chosen: dict[str, Any]
) -> tuple[Model, PromptPack]:
    from edgeclip.model.pack import PromptPack

    if any(asked):
        raise click.UsageError(
            f"{path} is a pack, which holds its labels, templates and negatives. "
            "Put them into its .toml file and make it again."
        )
    pack = PromptPack.load(path)
    model = given.model_of(pack, str(path), chosen)
    scale = pack.logit_scale if temperature is None else 1 / temperature
    return model, dataclasses.replace(pack, logit_scale=scale)


def _compiled(model: Model, prompts: Any) -> PromptPack:
    from edgeclip.model.pack import PromptPack

    return PromptPack.compile(prompts, model)


def _classify(model: Model, pack: PromptPack, files: list[str], top: int, as_json: bool) -> None:
    classify = pack.classifier(model.embed_image)
    vectors = model.embed_images(options.sources(files), on_error="return")
    errors: list[str] = []
    for path, vector in zip(
        files, output.progress(vectors, total=len(files), lines=True), strict=True
    ):
        if isinstance(vector, ImageRejected):
            errors.append(str(vector))
            _show(path, [], errors[-1], as_json)
        else:
            _show(path, classify.rank(vector)[:top], None, as_json)
    options.raise_failed(errors, len(files))


def _show(path: str, matches: Sequence[Match], error: str | None, as_json: bool) -> None:
    if as_json:
        found = [{"label": match.key, "score": match.score} for match in matches]
        output.json_line({"file_path": path, "labels": found, "error": error})
        return
    output.say(output.printable(path))
    if error:
        output.say(f"  {output.printable(error.removeprefix(path).strip())}")
    for match in matches:
        output.say(f"  {match.score:.3f}  {output.printable(match.key)}")
