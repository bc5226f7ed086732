"""``edgeclip duplicates``: pictures that show the same, as groups with one that is best kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeclip.cli import indexes, options, output, sheets
from edgeclip.index.duplicates import HIGHEST, THRESHOLD

if TYPE_CHECKING:
    from edgeclip.index.duplicates import Duplicates
    from edgeclip.index.index import Index


@click.command("duplicates")
@indexes.index_option
@click.option(
    "--threshold",
    type=options.NumberRange(-1, 1),
    help="Least cosine to the picture that is kept; equal files are found in any case.  [default: "
    f"{THRESHOLD}, or up to {HIGHEST} where the model sees different pictures as alike]",
)
@click.option("--exact", is_flag=True, help="Only equal files; no vectors are compared.")
@sheets.sheet_option
@options.as_json
def duplicates_command(
    index: Path | None, threshold: float | None, exact: bool, sheet: Path | None, as_json: bool
) -> None:
    """Find pictures that show the same; nothing is deleted.

    These are equal files, and near-duplicates: copies that were saved again, shrunk or trimmed.
    What cosine these have depends on the model and on the pictures, so look at what is found:
    raise --threshold when different pictures are among it, lower it when copies are missing.

    Each group names the picture that is best kept: the one with the most pixels, then the most
    bytes, then the earliest.  With --json, one group a line.
    """
    if exact and threshold is not None:
        raise click.UsageError("Give --exact or --threshold, not both.")
    if sheet is not None:
        options.check_target(sheet, ".png")
    with indexes.opened_index(index) as opened:
        found, path_of = _found(opened, threshold, exact), indexes.paths_of(opened)
        if as_json:
            for group in found:
                output.json_line(_record(path_of, group))
        else:
            _print(found)
        if sheet is not None:
            rows = [
                (f"keep {group.keeper}", [(key, _cosine(group, key)) for key in group.keys])
                for group in found
            ]
            sheets.draw(sheet, path_of, rows)


def _found(index: Index, threshold: float | None, exact: bool) -> list[Duplicates]:
    from edgeclip.index.duplicates import equal_files, fitting

    if exact:
        return equal_files(index.items())
    if threshold is None:
        hashes = {item.key: item.content_hash for item in index.items()}
        keys, vectors = index.vectors()
        threshold = fitting(vectors, [hashes.get(key) for key in keys])
        if threshold > THRESHOLD:
            output.note(
                f"many pictures of this index are much alike, so a copy has a cosine of at least "
                f"{threshold:g}; --threshold sets another."
            )
    return index.duplicates(threshold)


def _record(path_of: indexes.PathOf, group: Duplicates) -> dict[str, Any]:
    return {
        "keeper": group.keeper,
        "file_path": path_of(group.keeper),
        "duplicates": [
            {
                "key": key,
                "file_path": path_of(key),
                "cosine": cosine,
                "same_content": key in group.exact,
            }
            for key, cosine in group.cosines.items()
        ],
    }


def _print(found: list[Duplicates]) -> None:
    if not found:
        output.say("no duplicates")
        return
    rows: list[tuple[object, ...]] = []
    for group in found:
        rows.append(("keep", "", group.keeper))
        rows += [
            ("  same file" if key in group.exact else "  alike", f"{cosine:.3f}", key)
            for key, cosine in group.cosines.items()
        ]
    output.table(("", "cosine", "picture"), rows)
    more = sum(len(group.keys) - 1 for group in found)
    groups, pictures = output.counted(len(found), "group"), output.counted(more, "picture")
    output.say(f"{groups}, {pictures} beside those to keep")


def _cosine(group: Duplicates, key: str) -> float:
    return group.cosines.get(key, 1.0)
