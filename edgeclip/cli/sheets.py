"""The contact sheet that a command draws when ``--sheet`` asks for one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from edgeclip.cli import output
from edgeclip.cli.indexes import PathOf

Row = tuple[str, Sequence[tuple[str, float]]]
"""A title, and keys with their scores."""

sheet_option = click.option(
    "--sheet",
    type=click.Path(path_type=Path),
    help="Write a contact sheet (PNG): up to 100 rows of 12 pictures.",
)


def draw(sheet: Path, path_of: PathOf, rows: Sequence[Row]) -> None:
    """Write a contact sheet of the pictures that keys stand for, and say so.

    Raises:
        EdgeclipError: it cannot be written, or not one of its pictures can be read.
    """
    from edgeclip.model.sheet import write_sheet
    from edgeclip.vectors import Match

    missing = write_sheet(
        sheet,
        [(title, [Match(path_of(key), score) for key, score in found]) for title, found in rows],
    )
    if missing:
        pictures = output.counted(len(missing), "picture")
        first = output.printable(missing[0])
        output.note(f"{pictures} of the sheet could not be read. The first: {first}")
    output.note(f"wrote {output.printable(str(sheet))}")
