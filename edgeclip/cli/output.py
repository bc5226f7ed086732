"""What people and programs see: tables and progress bars, JSON and notes."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TextIO, TypeVar

import click

from edgeclip.model.headers import printable as printable

Item = TypeVar("Item")
_FEW = 5


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under a header, numbers to the right.

    What may be long, such as a path, belongs into the last column: the others stay aligned.

    Args:
        header: a name for each column, or nothing.
        rows: as many cells each.
    """
    lines = [[_cell(value) for value in row] for row in rows]
    numeric = [all(map(_is_number, column)) for column in zip(*lines, strict=True)]
    lines = [list(header), *lines] if header else lines
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    numeric += [False] * (len(widths) - len(numeric))
    for line in lines:
        parts = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ]
        click.echo("  ".join(parts).rstrip())


def counted(count: int, noun: str) -> str:
    """Return ``1 group`` or ``2 groups``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def json_line(value: Any) -> None:
    """Print one JSON value on one line, ASCII only: any name and any terminal survives it."""
    click.echo(json.dumps(value))


def say(text: str = "") -> None:
    """Print a line for people."""
    click.echo(text)


def note(text: str) -> None:
    """Tell people something beside the results, on stderr."""
    click.echo(f"edgeclip: {text}", err=True)


def remark(text: str) -> None:
    """Tell people something that programs and logs have no use for: only on a terminal."""
    if _is_terminal(sys.stderr):
        note(text)


def progress(
    items: Iterable[Item], *, total: int, unit: str = "picture", lines: bool = False
) -> Iterable[Item]:
    """Show a progress bar on stderr while items pass; none when stderr is no terminal.

    Args:
        items: what passes.
        total: how many; a few need no bar.
        unit: what one is called.
        lines: whether a line is printed for each, which a bar on the same terminal would garble.
    """
    if total < _FEW or not _is_terminal(sys.stderr) or (lines and _is_terminal(sys.stdout)):
        return items
    shown: Iterable[Item] = _tqdm(items, total, unit)
    return shown


@contextlib.contextmanager
def bar(unit: str) -> Iterator[Callable[[int, int], None]]:
    """Yield what moves a progress bar, as `progress` shows it: by how much, and how far in all."""
    with contextlib.ExitStack() as stack:
        shown: Any = None

        def move(done: int, total: int) -> None:
            nonlocal shown
            if shown is None and total >= _FEW and _is_terminal(sys.stderr):
                shown = stack.enter_context(_tqdm(None, total, unit))
            if shown is not None:
                shown.update(done)

        yield move


def _tqdm(items: Iterable[Any] | None, total: int, unit: str) -> Any:
    from tqdm import tqdm

    return tqdm(items, total=total, unit=unit, leave=False, dynamic_ncols=True)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _cell(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else printable(str(value))


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return text == ""
    return True
