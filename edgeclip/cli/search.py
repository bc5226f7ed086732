"""``edgeclip search``: rank the pictures of a folder, in memory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeclip.cli import options, output
from edgeclip.errors import ImageRejected

if TYPE_CHECKING:
    from edgeclip.model.model import Model
    from edgeclip.vectors import Match, Vector


@click.command("search")
@click.argument("queries", nargs=-1, required=True)
@click.option(
    "--in", "folder", required=True, type=click.Path(path_type=Path), help="Folder of pictures."
)
@click.option("--count", type=click.IntRange(1), default=5, show_default=True, help="Best matches.")
@click.option("--min-score", type=float, default=-1.0, help="Leave out lower cosines.")
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
    started = time.perf_counter()
    model = options.load(**chosen)
    model.open()
    loaded = time.perf_counter()
    files = list(options.pictures_in([str(options.existing_folder(folder))]))
    keys, vectors = _embedded(model, files)
    embedded = time.perf_counter()
    found = {query: _best(model, query, keys, vectors, count, min_score) for query in queries}
    done = time.perf_counter()
    times = {
        "model_load_s": loaded - started,
        "image_per_item_ms": 1000 * (embedded - loaded) / max(1, len(files)),
        "text_per_query_ms": 1000 * (done - embedded) / len(queries),
    }
    _show(found, times, as_json)
    if sheet is not None:
        from edgeclip.model.sheet import write_sheet

        write_sheet(sheet, found)
        output.note(f"wrote {output.printable(str(sheet))}")


def _embedded(model: Model, files: list[str]) -> tuple[list[str], list[Vector]]:
    keys, vectors = [], []
    found = model.embed_images(files, on_error="return")
    for path, vector in zip(files, output.progress(found, total=len(files)), strict=True):
        if isinstance(vector, ImageRejected):
            output.note(f"left out: {output.printable(str(vector))}")
        else:
            keys.append(path)
            vectors.append(vector)
    return keys, vectors


def _best(
    model: Model, query: str, keys: list[str], vectors: list[Vector], count: int, least: float
) -> list[Match]:
    import numpy as np

    from edgeclip.vectors import ranked

    wanted = model.embed_query(query)
    scores = np.stack(vectors) @ wanted if vectors else np.zeros(0, np.float32)
    return [match for match in ranked(keys, scores, count) if match.score >= least]


def _show(found: dict[str, list[Match]], times: dict[str, float], as_json: bool) -> None:
    if as_json:
        answers = [
            {"query": query, "matches": [{"key": m.key, "score": m.score} for m in matches]}
            for query, matches in found.items()
        ]
        output.json_line({"queries": answers, "times": times})
        return
    for query, matches in found.items():
        output.say(output.printable(query))
        rows = [(f"{match.score:.3f}", Path(match.key).name) for match in matches]
        output.table(("  score", "picture"), rows)
        output.say()
    output.table(tuple(times), [tuple(f"{value:.2f}" for value in times.values())])
