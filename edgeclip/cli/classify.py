"""``edgeclip classify``: labels for pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgeclip.cli import options, output
from edgeclip.errors import ImageRejected, InvalidText


@click.command("classify")
@click.argument("paths", nargs=-1, required=True)
@click.option("-l", "--label", "labels", multiple=True, help="A label; give several.")
@click.option(
    "--labels", "label_file", type=click.Path(path_type=Path), help="File with a label a line."
)
@click.option("--template", "templates", multiple=True, help="Prompt with {} for the label.")
@click.option("--negative", "negatives", multiple=True, help="A label that is never answered.")
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="Labels shown.")
@options.as_json
@options.model_options
def classify_command(
    paths: tuple[str, ...],
    labels: tuple[str, ...],
    label_file: Path | None,
    templates: tuple[str, ...],
    negatives: tuple[str, ...],
    top: int,
    as_json: bool,
    **chosen: Any,
) -> int:
    """Rank labels for pictures, zero-shot.

    PATHS are pictures or folders of pictures.  Scores are probabilities over the labels and the
    negatives.
    """
    wanted = [*labels, *(_read_labels(label_file) if label_file else ())]
    if not wanted:
        raise click.UsageError("Give labels with --label or --labels.")
    model = options.load(**chosen)
    classify = model.classifier(wanted, templates=templates or None, negatives=negatives)
    files = list(options.pictures_in(paths))
    vectors = model.embed_images(files, on_error="return")
    failed = 0
    for path, vector in zip(files, output.progress(vectors, total=len(files)), strict=True):
        if isinstance(vector, ImageRejected):
            failed += 1
            _show(path, [], str(vector), as_json)
        else:
            _show(path, classify.rank(vector)[:top], None, as_json)
    if failed:
        output.note(f"{failed} of {len(files)} pictures could not be read.")
    return 1 if failed else 0


def _show(path: str, matches: list[Any], error: str | None, as_json: bool) -> None:
    if as_json:
        found = [{"label": match.key, "score": match.score} for match in matches]
        output.json_line({"file_path": path, "labels": found, "error": error})
        return
    output.say(output.printable(path))
    if error:
        output.say(f"  {output.printable(error)}")
        return
    output.table(("  score", "label"), [(f"{match.score:.3f}", match.key) for match in matches])


def _read_labels(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InvalidText(f"{path} is no UTF-8 text. Save the labels as UTF-8.") from error
    return [line.strip() for line in lines if line.strip()]
