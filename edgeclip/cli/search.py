"""``edgeclip search``: rank the pictures of an index, or of a folder in memory, for queries."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeclip.cli import coach, filters, fleet, indexes, options, output, sheets
from edgeclip.cli import matches as shown
from edgeclip.cli.gallery import Gallery, folder_gallery, index_gallery, open_towers
from edgeclip.cli.hints import tell
from edgeclip.errors import EdgeclipError

if TYPE_CHECKING:
    from edgeclip.index.background import Judgement
    from edgeclip.vectors import Match, Vector

Answer = tuple[str, "list[Match]", "Judgement | None"]
"""A query, its matches, and whether the best of them is a good one."""


@click.command("search")
@click.argument("queries", nargs=-1, required=True)
@indexes.index_option
@click.option(
    "--in",
    "folder",
    type=click.Path(path_type=Path),
    help="Search a folder of pictures, embedded there and then, instead of an index.",
)
@fleet.fleet_options
@click.option(
    "--count",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="Matches to show for each query, at most.",
)
@click.option(
    "--min-score",
    type=options.NumberRange(-1, 1),
    default=-1.0,
    help="Leave out matches of a lower cosine.",
)
@filters.filter_options
@sheets.sheet_option
@coach.hints_option
@options.as_json
@options.model_options
def search_command(
    queries: tuple[str, ...],
    index: Path | None,
    folder: Path | None,
    address: str | None,
    configured: bool,
    devices: tuple[str, ...],
    count: int,
    min_score: float,
    conditions: tuple[str, ...],
    since: str | None,
    until: str | None,
    sheet: Path | None,
    no_hints: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Rank the pictures of an index, a folder or a fleet for queries.

    A query is words, an existing picture, or a weighted sum: "horse + stripes",
    "2:beach - people", "./cat.jpg + snow".

    "no good match" means that the best score is not above what unrelated words get on these
    pictures; the matches are shown all the same.
    """
    where = filters.where_of(conditions, since, until)
    if address is not None or configured or devices:
        _check_fleet(address, configured, folder or index, sheet)
        if not (no_hints or as_json):
            coach.hint(queries)
        asked: dict[str, Any] = {
            "count": count,
            "min_score": min_score,
            "where": where,
            "as_json": as_json,
        }
        fleet.search(queries, address, devices, chosen, **asked)
        return
    _check(folder, index, where, sheet)
    clock = [time.perf_counter()]
    source = folder_gallery(folder, chosen) if folder else index_gallery(index, chosen)
    with source as gallery:
        open_towers(gallery, queries)
        clock.append(time.perf_counter())
        # Before the pictures: a mistake in a query shows at once, not after an hour of embedding.
        wanted = [gallery.model.embed_query(query) for query in queries]
        if not (no_hints or as_json):
            coach.hint(queries)
        clock.append(time.perf_counter())
        gallery.fill()
        clock.append(time.perf_counter())
        found = [
            _answer(gallery, query, vector, count, where)
            for query, vector in zip(queries, wanted, strict=True)
        ]
        clock.append(time.perf_counter())
        if where is not None and not any(matches for _, matches, _ in found):
            tell(gallery.hints(where))
        found = [(q, [m for m in ms if m.score >= min_score], j) for q, ms, j in found]
        times = _times(clock, gallery, len(queries))
        if as_json:
            _print_json(found, gallery, times)
        else:
            _print(found, min_score, times)
        if sheet is not None:
            rows = [(query, [(m.key, m.score) for m in matches]) for query, matches, _ in found]
            sheets.draw(sheet, gallery.path_of, rows)


def _check_fleet(
    address: str | None, configured: bool, other: Path | None, sheet: Path | None
) -> None:
    """Refuse what a fleet is not asked with."""
    if address is None and not configured:
        raise click.UsageError("--device needs a fleet: --fleet, or its server with --on.")
    if other is not None or (address is not None and configured):
        raise click.UsageError("Give --on, --fleet, --index or --in, only one of them.")
    if sheet is not None:
        raise click.UsageError("--sheet needs pictures, and those of a fleet are on its boards.")


def _check(
    folder: Path | None, index: Path | None, where: dict[str, Any] | None, sheet: Path | None
) -> None:
    """Refuse what could not work, before the work begins."""
    if sheet is not None:
        options.check_target(sheet, ".png")
    if folder is None:
        return
    if index is not None:
        raise click.UsageError("Give --index or --in, not both.")
    if where is not None:
        raise click.UsageError("--where, --since and --until need an index: edgeclip index DIR.")
    if not options.is_folder(folder):
        raise EdgeclipError(f"{folder} is no folder. Give a folder of pictures with --in.")


def _answer(
    gallery: Gallery, query: str, vector: Vector, count: int, where: dict[str, Any] | None
) -> Answer:
    matches = gallery.search(vector, count, where)
    judgement = gallery.judge(query, vector, where, matches[0].score) if matches else None
    return query, matches, judgement


def _times(clock: Sequence[float], gallery: Gallery, queries: int) -> dict[str, float]:
    load, ask, look, rank = (after - before for before, after in pairwise(clock))
    times = {"model_load_s": load}
    if gallery.embedded:
        times["image_per_item_ms"] = 1000 * look / gallery.embedded
    return times | {"text_per_query_ms": 1000 * (ask + rank) / queries}


def _print_json(found: Sequence[Answer], gallery: Gallery, times: dict[str, float]) -> None:
    answers = [
        {
            "query": query,
            "good_match": None if judgement is None else judgement.good,
            "threshold": None if judgement is None else judgement.threshold,
            "matches": [
                {
                    "key": match.key,
                    "file_path": gallery.path_of(match.key),
                    "score": match.score,
                    "metadata": match.metadata,
                }
                for match in matches
            ],
        }
        for query, matches, judgement in found
    ]
    left_out = [{"file_path": path, "error": error} for path, error in gallery.errors.items()]
    output.json_line({"queries": answers, "left_out": left_out, "times": times})


def _print(found: Sequence[Answer], least: float, times: dict[str, float]) -> None:
    for query, matches, judgement in found:
        output.say(output.printable(query))
        if matches:
            output.table(*shown.table(matches))
        else:
            output.say(f"  no picture reaches {least:g}" if least > -1 else "  no picture")
        if judgement is not None and not judgement.good:
            output.say(f"  {judgement}")
        output.say()
    output.table(tuple(times), [tuple(f"{value:.2f}" for value in times.values())])
