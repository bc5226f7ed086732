"""``edgeclip search``: rank the pictures of a folder, in memory."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeclip.cli import options, output
from edgeclip.errors import EdgeclipError, ImageRejected

if TYPE_CHECKING:
    from edgeclip.model.model import Model
    from edgeclip.vectors import Match, Vector

Found = list[tuple[str, "list[Match]"]]
Errors = dict[str, str]


@click.command("search")
@click.argument("queries", nargs=-1, required=True)
@click.option(
    "--in", "folder", required=True, type=click.Path(path_type=Path), help="Folder of pictures."
)
@click.option("--count", type=click.IntRange(1), default=5, show_default=True, help="Best matches.")
@click.option(
    "--min-score", type=options.NumberRange(-1, 1), default=-1.0, help="Leave out lower cosines."
)
@click.option("--sheet", type=click.Path(path_type=Path), help="Write a contact sheet (PNG).")
@options.as_json
@options.model_options
def search_command(
    queries: tuple[str, ...],
    folder: Path,
    count: int,
    min_score: float,
    sheet: Path | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Rank the pictures of a folder for queries.

    A query is words, an existing picture, or a weighted sum: "horse + stripes",
    "2:beach - people", "./cat.jpg + snow".
    """
    _check(folder, sheet)
    clock = [time.perf_counter()]
    model = options.load(**chosen)
    model.open()
    clock.append(time.perf_counter())
    # Before the pictures: a mistake in a query shows at once, not after an hour of embedding.
    wanted = [model.embed_query(query) for query in queries]
    clock.append(time.perf_counter())
    files = options.pictures_in([os.fspath(folder)])
    keys, vectors, errors = _embedded(model, files)
    clock.append(time.perf_counter())
    found = _ranked(queries, wanted, keys, vectors, count, min_score)
    clock.append(time.perf_counter())
    times = _times(clock, len(files), len(queries))
    if as_json:
        _print_json(found, errors, times)
    else:
        _print(found, folder, min_score, times)
    if sheet is not None:
        _draw(sheet, found)


def _check(folder: Path, sheet: Path | None) -> None:
    """Refuse what could not work, before the work begins."""
    if sheet is not None:
        options.check_target(sheet, ".png")
    if not options.is_folder(folder):
        raise EdgeclipError(f"{folder} is no folder. Give a folder of pictures with --in.")


def _times(clock: Sequence[float], pictures: int, queries: int) -> dict[str, float]:
    load, ask, look, rank = (after - before for before, after in pairwise(clock))
    return {
        "model_load_s": load,
        "image_per_item_ms": 1000 * look / pictures,
        "text_per_query_ms": 1000 * (ask + rank) / queries,
    }


def _embedded(model: Model, files: list[str]) -> tuple[list[str], list[Vector], Errors]:
    """Embed what can be; say what cannot."""
    keys, vectors, errors = [], [], {}
    found = model.embed_images(files, on_error="return")
    for path, vector in zip(files, output.progress(found, total=len(files)), strict=True):
        if isinstance(vector, ImageRejected):
            errors[path] = str(vector)
        else:
            keys.append(path)
            vectors.append(vector)
    if not vectors:
        options.raise_failed(list(errors.values()), len(files))
    for error in errors.values():
        output.note(f"left out: {output.printable(error)}")
    return keys, vectors, errors


def _ranked(
    queries: Sequence[str],
    wanted: Sequence[Vector],
    keys: list[str],
    vectors: list[Vector],
    count: int,
    least: float,
) -> Found:
    import numpy as np

    from edgeclip.vectors import ranked

    table = np.stack(vectors)
    best = (ranked(keys, table @ vector, count) for vector in wanted)
    return [
        (query, [match for match in matches if match.score >= least])
        for query, matches in zip(queries, best, strict=True)
    ]


def _draw(sheet: Path, found: Found) -> None:
    from edgeclip.model.sheet import write_sheet

    write_sheet(sheet, found)
    output.note(f"wrote {output.printable(str(sheet))}")


def _print_json(found: Found, errors: Errors, times: dict[str, float]) -> None:
    answers = [
        {"query": query, "matches": [{"key": m.key, "score": m.score} for m in matches]}
        for query, matches in found
    ]
    left_out = [{"file_path": path, "error": error} for path, error in errors.items()]
    output.json_line({"queries": answers, "left_out": left_out, "times": times})


def _print(found: Found, folder: Path, least: float, times: dict[str, float]) -> None:
    for query, matches in found:
        output.say(output.printable(query))
        rows = [(f"{match.score:.3f}", Path(match.key).relative_to(folder)) for match in matches]
        if rows:
            output.table(("  score", "picture"), rows)
        else:
            output.say(f"  no picture reaches {least:g}")
        output.say()
    output.table(tuple(times), [tuple(f"{value:.2f}" for value in times.values())])
