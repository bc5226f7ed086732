"""``edgeclip classify``: labels for pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeclip.cli import coach, options, output
from edgeclip.errors import ImageRejected, InvalidText

if TYPE_CHECKING:
    from edgeclip.vectors import Match


@click.command("classify")
@click.argument("paths", nargs=-1, required=True)
@click.option("-l", "--label", "labels", multiple=True, help="A label; give several.")
@click.option(
    "--labels", "label_file", type=click.Path(path_type=Path), help="File with a label a line."
)
@click.option("--template", "templates", multiple=True, help="Prompt with {} for the label.")
@click.option("--negative", "negatives", multiple=True, help="A label that is never answered.")
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="Labels shown.")
@coach.hints_option
@options.as_json
@options.model_options
def classify_command(
    paths: tuple[str, ...],
    labels: tuple[str, ...],
    label_file: Path | None,
    templates: tuple[str, ...],
    negatives: tuple[str, ...],
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
    wanted = [*labels, *(_read_labels(label_file) if label_file else ())]
    model = options.load(**chosen)
    files = options.pictures_in(paths)
    classify = model.classifier(wanted, templates=templates or None, negatives=negatives)
    if not (no_hints or as_json):
        coach.hint([*wanted, *negatives], labels=True)
    vectors = model.embed_images(options.sources(files), on_error="return")
    errors = []
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


def _read_labels(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8-sig").split("\n")  # editors put a byte order mark
    except UnicodeDecodeError as error:
        raise InvalidText(f"{path} is no UTF-8 text. Save the labels as UTF-8.") from error
    except OSError as error:
        raise InvalidText(
            f"{path} cannot be read: {error.strerror}. Give a text file with a label a line."
        ) from error
    labels = [line.strip() for line in lines if line.strip()]
    if not labels:
        raise InvalidText(f"{path} holds no labels. Write one a line.")
    return labels
