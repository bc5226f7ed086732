"""``edgeclip embed``: pictures and texts → vectors, for people, programs and files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from edgeclip.cli import options, output
from edgeclip.cli.rows import Row, writer_for
from edgeclip.errors import EdgeclipError, ImageRejected, InvalidText


@click.command("embed")
@click.argument("paths", nargs=-1)
@click.option("--text", "texts", multiple=True, metavar="TEXT", help="Embed a text, too.")
@click.option(
    "--stdin", "from_stdin", is_flag=True, help="Read paths from stdin, one a line or NUL between."
)
@click.option("--no-normalize", is_flag=True, help="Give the tower's raw output.")
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(path_type=Path),
    help="Write to FILE.npy (with the names in FILE.json), FILE.csv or FILE.jsonl.",
)
@click.option("--engine", type=click.Choice(["ray"]), help="Embed many, on many processes.")
@click.option("--out", metavar="DIR", help="Where --engine keeps vectors, as Parquet.")
@click.option("--workers", type=click.IntRange(1), help="Processes of --engine.  [default: CPUs]")
@click.option("--again", is_flag=True, help="With --engine: also what is in --out already.")
@options.as_json
@options.model_options
def embed_command(
    paths: tuple[str, ...],
    texts: tuple[str, ...],
    from_stdin: bool,
    no_normalize: bool,
    target: Path | None,
    engine: str | None,
    out: str | None,
    workers: int | None,
    again: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Turn pictures and texts into vectors.

    PATHS are pictures, folders of pictures, or - for one picture on stdin.  A picture that cannot
    be read does not stop the others; the exit code is then 1.  It has a row with its error in a
    table and in JSON lines, and none in .npy and .csv.

    With --engine ray, PATHS is one folder, one text file with a path or an address on each line, or
    the address of a folder (s3://bucket/photos).  It may be interrupted at any moment; run it again
    and it goes on.
    """
    if engine is not None:
        if texts or from_stdin or no_normalize or target:
            raise click.UsageError("--engine takes no --text, --stdin, --no-normalize or --output.")
        from edgeclip.cli import bulk

        bulk.embed(paths, out, workers, again, as_json, **chosen)
        return
    if out is not None or workers is not None or again:
        raise click.UsageError("--out, --workers and --again are for --engine ray.")
    if not (paths or texts or from_stdin):
        raise click.UsageError("Give pictures, --text or --stdin.")
    if as_json and target:
        raise click.UsageError("Give --json or --output: FILE.jsonl holds the same lines.")
    model = options.load(**chosen)
    errors, total = [], 0
    with writer_for(target, as_json, model) as write:
        files = options.pictures_in([*paths, *(_paths_on_stdin() if from_stdin else ())])
        for row in _rows(model, files, texts, not no_normalize, as_json):
            write(row)
            errors += [row.error] if row.error else []
            total += 1
        if target and len(errors) == total:
            options.raise_failed(errors, total)  # within the block: an older file stays
    if target:
        output.remark(f"wrote {output.printable(str(target))}")
    options.raise_failed(errors, total)


def _paths_on_stdin() -> list[str]:
    data = os.fsdecode(options.stdin_bytes())
    paths = [path for path in data.split("\0" if "\0" in data else "\n") if path]
    if not paths:
        raise EdgeclipError("there are no paths on stdin. Write one a line.")
    return paths


def _rows(
    model: Any, paths: list[str], texts: tuple[str, ...], normalize: bool, lines: bool
) -> Iterator[Row]:
    found = model.embed_images(options.sources(paths), normalize=normalize, on_error="return")
    shown = output.progress(found, total=len(paths), lines=lines)
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
