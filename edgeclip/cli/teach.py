"""``edgeclip teach``: example pictures for the labels of a pack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeclip.cli import labels, options, output
from edgeclip.errors import EdgeclipError, ImageRejected, InvalidItem

if TYPE_CHECKING:
    from edgeclip.model.model import Model
    from edgeclip.model.pack import PromptPack
    from edgeclip.model.teach import Lesson
    from edgeclip.vectors import Vector

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
_OTHERS = ""  # no label is called so


@click.command("teach")
@click.argument("file", metavar="PACK", type=click.Path(path_type=Path))
@click.option("--positive", type=_FOLDER, help="Pictures that show the label.")
@click.option("--negative", type=_FOLDER, help="Pictures that do not show it.")
@click.option("--label", help="Which label they show; needless when the pack has one.")
@click.option(
    "--examples", type=_FOLDER, help="A folder of pictures for each label, named like it."
)
@click.option(
    "-o", "--output", "target", type=click.Path(path_type=Path), help="Default: PACK is replaced."
)
@options.as_json
@options.model_options
def teach_command(
    file: Path,
    positive: Path | None,
    negative: Path | None,
    label: str | None,
    examples: Path | None,
    target: Path | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Teach a pack's labels by example pictures.

    Give --positive and --negative for one label, or --examples for several at once.  Words and
    pictures are mixed; how well it went is judged by pictures left out of the teaching, and when
    that is no better than guessing, nothing is written.
    """
    from edgeclip.model.pack import PromptPack
    from edgeclip.model.teach import distinct, teach

    if (positive is None) == (examples is None) or (examples and (negative or label)):
        raise click.UsageError("Give --positive and --negative, or --examples.")
    target = file if target is None else target
    options.check_target(target, file.suffix if target == file else ".pack")
    pack = PromptPack.load(file)
    folders = _named(pack, label, positive, negative) if positive else _folders(pack, examples)
    model = labels.model_of(pack, str(file), chosen)
    vectors, bad = _embedded(model, folders)
    kept, doubles = distinct(vectors)
    if doubles:
        output.note(f"{output.counted(doubles, 'picture')} left out: the same as another.")
    others = kept.pop(_OTHERS, None) if positive else None
    taught, lesson = teach(pack, kept, others)
    taught.save(target)
    _show(target, lesson, {"doubles": doubles, "bad": bad}, as_json)


def _named(
    pack: PromptPack, label: str | None, positive: Path, negative: Path | None
) -> dict[str, Path]:
    """Return the folders of one label and of what it is not."""
    if label is None and len(pack.labels) > 1:
        names = ", ".join(each.name for each in pack.labels)
        raise click.UsageError(f"Say with --label which of {names} the pictures show.")
    name = pack.labels[0].name if label is None else label
    if negative is None:
        raise click.UsageError(f"{name!r} can only be told from something else: give --negative.")
    return {name: positive, _OTHERS: negative}


def _folders(pack: PromptPack, examples: Path | None) -> dict[str, Path]:
    """Return the folder of each label."""
    if examples is None:
        return {}
    found = {each.name: each for each in sorted(examples.iterdir()) if each.is_dir()}
    found = {name: each for name, each in found.items() if not name.startswith(".")}
    names = [label.name for label in pack.labels]
    strange = next((name for name in found if name not in names), None)
    if strange is not None:
        raise InvalidItem(
            f"{examples / strange} is named like no label. Rename it: the labels are "
            f"{', '.join(names)}."
        )
    if len(found) < 2:
        raise InvalidItem(
            f"{examples} has not two folders named like labels. Make one for each of "
            f"{', '.join(names)}, or give --positive and --negative."
        )
    return {name: found[name] for name in names if name in found}


def _embedded(
    model: Model, folders: Mapping[str, Path]
) -> tuple[dict[str, list[Vector]], list[str]]:
    """Return the vectors of each folder's pictures, and the pictures that have none."""
    files = {name: options.pictures_in([str(folder)]) for name, folder in folders.items()}
    flat = [path for paths in files.values() for path in paths]
    rows = model.embed_images(flat, on_error="return")
    found = dict(zip(flat, output.progress(rows, total=len(flat)), strict=True))
    bad = [path for path, row in found.items() if isinstance(row, ImageRejected)]
    for path in bad:
        output.note(f"left out: {output.printable(str(found[path]))}")
    vectors = {
        name: [row for path in paths if not isinstance(row := found[path], ImageRejected)]
        for name, paths in files.items()
    }
    if not any(vectors.values()):
        raise EdgeclipError("none of the pictures can be read. Give others.")
    return vectors, bad


def _show(target: Path, lesson: Lesson, left_out: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        told = asdict(lesson) | {"pictures": dict(lesson.pictures)}
        output.json_line({"output": str(target), **told, "left_out": left_out})
        return
    output.table(
        ("pictures", "threshold", "label"),
        [
            (count, f"{lesson.thresholds[name]:.3f}", name)
            for name, count in lesson.pictures.items()
        ],
    )
    output.say(
        f"{lesson.measure} {lesson.estimate:.2f} (95 % interval {lesson.low:.2f} to "
        f"{lesson.high:.2f}; guessing {lesson.chance:.2f}), judged by pictures left out in turn"
    )
    output.say(
        f"mixed of {lesson.weight:.0%} pictures and {1 - lesson.weight:.0%} words; "
        f"written to {output.printable(str(target))}"
    )
