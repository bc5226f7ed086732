"""``edgeclip search --on``: ask all devices of a fleet at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgeclip.cli import matches as shown
from edgeclip.cli import options, output
from edgeclip.cli.hints import hints, tell

if TYPE_CHECKING:
    from edgeclip.grow.fleet.search import FleetMatch
    from edgeclip.vectors import Vector

Command = TypeVar("Command", bound=Callable[..., Any])
Answer = tuple[str, "list[FleetMatch]"]

_MOST_NAMED = 10
_OTHER = "its vectors are of another model, or of other options"


def fleet_options(command: Command) -> Command:
    """Add the options that name a fleet; pass their values on to `search`."""
    for option in reversed(
        (
            click.option(
                "--on",
                "address",
                metavar="ADDRESS",
                help="Ask a fleet: the server that boards push to, "
                "postgresql://USER@HOST/DATABASE.  It cannot tell whether a match is a good one.",
            ),
            click.option(
                "--fleet",
                "configured",
                is_flag=True,
                help="Ask the fleet whose address is in EDGECLIP_FLEET.",
            ),
            click.option(
                "--device", "devices", multiple=True, help="Only this device of the fleet."
            ),
        )
    ):
        command = option(command)
    return command


def search(
    queries: Sequence[str],
    address: str | None,
    devices: Sequence[str],
    chosen: dict[str, Any],
    *,
    count: int,
    min_score: float,
    where: dict[str, Any] | None,
    as_json: bool,
) -> None:
    """Rank the pictures of a fleet for queries, and print them; None: that of EDGECLIP_FLEET."""
    from edgeclip.grow.fleet.search import Fleet
    from edgeclip.grow.fleet.server import Server

    with Server.open(address) as server:
        fleet, started = Fleet(server), time.perf_counter()
        model = options.load(**chosen)
        times = {"model_load_s": time.perf_counter() - started}
        others = [each.name for each in fleet.check(model.space, devices)]
        missing = fleet.missing_graph(model.space, model.dim, devices)
        started = time.perf_counter()
        # All of them first: a mistake in a query shows before anything is printed.
        wanted: list[Vector] = [model.embed_query(query) for query in queries]
        asked: dict[str, Any] = {
            "count": count,
            "where": where,
            "devices": devices,
            "min_score": min_score,
        }
        found = [
            (query, fleet.search(vector, model.space, **asked))
            for query, vector in zip(queries, wanted, strict=True)
        ]
        times["text_per_query_ms"] = 1000 * (time.perf_counter() - started) / len(queries)
        if where is not None and not any(matches for _, matches in found):
            tell(hints(where, fleet.known(model.space, devices)))
    _note(others, missing)
    if as_json:
        _print_json(found, others, times)
    else:
        _print(found, min_score, times)


def _note(others: Sequence[str], missing: str | None) -> None:
    """Tell which devices were left out, and what would make searches faster."""
    if others:
        more = "" if len(others) <= _MOST_NAMED else ", …"
        names = output.printable(", ".join(others[:_MOST_NAMED]))
        output.note(f"left out: {names}{more}: {_OTHER}.")
    if missing is not None:
        output.note(
            "all rows were compared one by one, as the server has no HNSW index of them. Let the "
            f"owner of the table run: {missing}"
        )


def _print_json(found: Sequence[Answer], others: Sequence[str], times: dict[str, float]) -> None:
    answers = [
        {
            "query": query,
            "good_match": None,
            "threshold": None,
            "matches": [
                {
                    "device": match.device,
                    "key": match.key,
                    "score": match.score,
                    "metadata": match.metadata,
                }
                for match in matches
            ],
        }
        for query, matches in found
    ]
    left_out = [{"device": name, "error": f"{_OTHER}."} for name in others]
    output.json_line({"queries": answers, "left_out": left_out, "times": times})


def _print(found: Sequence[Answer], least: float, times: dict[str, float]) -> None:
    for query, matches in found:
        output.say(output.printable(query))
        if matches:
            output.table(*shown.fleet_table(matches))
        else:
            output.say(f"  no picture reaches {least:g}" if least > -1 else "  no picture")
        output.say()
    output.table(tuple(times), [tuple(f"{value:.2f}" for value in times.values())])
