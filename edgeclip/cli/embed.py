"""``edgeclip embed``: pictures and texts → vectors, for people, programs and files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from edgeclip.cli import options, output
from edgeclip.cli.rows import Row, writer_for
from edgeclip.errors import ImageRejected, InvalidText


@click.command("embed")
@click.argument("paths", nargs=-1)
@click.option("--text", "texts", multiple=True, metavar="TEXT", help="Embed a text, too.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read paths from stdin, one a line.")
@click.option("--no-normalize", is_flag=True, help="Give the tower's raw output.")
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(path_type=Path),
    help="Write to FILE.npy, FILE.csv or FILE.jsonl.",
)
@options.as_json
@options.model_options
def embed_command(
    paths: tuple[str, ...],
    texts: tuple[str, ...],
    from_stdin: bool,
    no_normalize: bool,
    target: Path | None,
    as_json: bool,
    **chosen: Any,
) -> int:
    """Turn pictures and texts into vectors.

    PATHS are pictures, folders of pictures, or - for one picture on stdin.  A picture that cannot
    be read is reported in its row, the others go on, and the exit code is 1.
    """
    if from_stdin:
        paths += tuple(line for line in sys.stdin.read().splitlines() if line)
    if not paths and not texts:
        raise click.UsageError("Give pictures, --text or --stdin.")
    with writer_for(target, as_json) as write:
        model = options.load(**chosen)
        failed = total = 0
        for row in _rows(model, list(options.pictures_in(paths)), texts, not no_normalize):
            write(row)
            failed += row.error is not None
            total += 1
    if failed:
        output.note(f"{failed} of {total} could not be embedded; the error column says why.")
    return 1 if failed else 0


def _rows(model: Any, paths: list[str], texts: tuple[str, ...], normalize: bool) -> Iterator[Row]:
    sources = (sys.stdin.buffer.read() if path == "-" else path for path in paths)
    found = model.embed_images(sources, normalize=normalize, on_error="return")
    shown = output.progress(found, total=len(paths), unit="picture", quiet=len(paths) < 5)
    for path, vector in zip(paths, shown, strict=True):
        bad = isinstance(vector, ImageRejected)
        yield Row(
            "file_path", path, None if bad else vector, str(vector) if bad else None, normalize
        )
    for text in texts:
        try:
            yield Row("text", text, model.embed_text(text, normalize=normalize), None, normalize)
        except InvalidText as error:
            yield Row("text", text, None, str(error), normalize)
