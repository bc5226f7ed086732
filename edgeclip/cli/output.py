"""What people and programs see: tables and progress bars, JSON and notes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import click

Item = TypeVar("Item")


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under a header, numbers to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    columns = list(zip(header, *cells, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numeric = [bool(cells) and all(map(_is_number, column[1:])) for column in columns]
    for line in zip(*columns, strict=True):
        parts = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ]
        click.echo("  ".join(parts).rstrip())


def json_line(value: Any) -> None:
    """Print one JSON value on one line, ASCII only: any name and any terminal survives it."""
    click.echo(json.dumps(value))


def say(text: str = "") -> None:
    """Print a line for people."""
    click.echo(text)


def note(text: str) -> None:
    """Tell people something beside the results, on stderr."""
    click.echo(f"edgeclip: {text}", err=True)


def printable(name: str) -> str:
    """Return a file name with control and undecodable characters escaped."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def progress(
    items: Iterable[Item], *, total: int | None = None, unit: str = "it", quiet: bool = False
) -> Iterable[Item]:
    """Show a progress bar on stderr while items pass; none when stderr is no terminal."""
    if quiet or not sys.stderr.isatty():
        return items
    from tqdm import tqdm

    bar: Iterable[Item] = tqdm(items, total=total, unit=unit, leave=False, dynamic_ncols=True)
    return bar


def _cell(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else printable(str(value))


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return text == ""
    return True
