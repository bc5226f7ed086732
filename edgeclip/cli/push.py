"""``edgeclip push``: send what is new, changed and gone in an index to the server of a fleet."""

from __future__ import annotations

import socket
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeclip.cli import indexes, options, output
from edgeclip.errors import FleetError

if TYPE_CHECKING:
    from edgeclip.grow.fleet.push import Pushed
    from edgeclip.grow.fleet.server import Server

_ANEW = (
    "everything was compared: the index no longer knows what has changed since its last push, or "
    "it was put back from a copy. If two boards push copies of one index, index one of them anew."
)


@click.command("push", context_settings={"allow_extra_args": True})
@click.option(
    "--to",
    "address",
    metavar="ADDRESS",
    help="The server: postgresql://USER@HOST/DATABASE (EDGECLIP_FLEET).  Its password comes from "
    "~/.pgpass or PGPASSWORD.",
)
@click.option("--device", metavar="NAME", help="Name of this board there.  [default: its hostname]")
@indexes.index_option
@click.option(
    "--replace", "replaces", is_flag=True, help="Take the place of another index with this name."
)
@click.option("--compare", is_flag=True, help="Compare everything, also what was sent before.")
@click.option(
    "--graph", is_flag=True, help="Make the HNSW index now, not only from 50,000 vectors on."
)
@click.option(
    "--setup", is_flag=True, help="Make the tables, as who shall own them, and send nothing."
)
@options.as_json
@click.pass_context
def push_command(
    context: click.Context,
    address: str | None,
    device: str | None,
    index: Path | None,
    replaces: bool,
    compare: bool,
    graph: bool,
    setup: bool,
    as_json: bool,
) -> None:
    """Send what is new in an index to the server of a fleet.

    The server is PostgreSQL with pgvector.  What has changed or gone is sent, too; pictures never
    are.  It may be stopped at any moment, and the network may go: what has arrived stays, and the
    next push goes on from there.  The index may be in use meanwhile.  The tables are made where
    they are missing.
    """
    if context.args:  # it may be an address with a password: it is not repeated
        raise click.UsageError("push takes options only. Give the address with --to.")
    from edgeclip.grow.fleet.push import push
    from edgeclip.grow.fleet.server import Server

    if setup:
        _set_up(address, as_json)
        return
    name = socket.gethostname() if device is None else device
    started = time.perf_counter()
    asked = {"replaces": replaces, "compare": compare}
    with Server.open(address) as server:
        with output.bar("row") as bar:
            pushed = push(indexes.index_path(index), server, name, **asked, progress=bar)
        made = _make_graph(server, pushed, graph)
    if pushed.anew and not (compare or replaces):
        output.note(_ANEW)
    seconds = time.perf_counter() - started
    if as_json:
        output.json_line(asdict(pushed) | {"graph_made": made, "seconds": seconds})
    else:
        header = ("device", "sent", "unchanged", "removed", "items", "seconds")
        counts = (pushed.sent, pushed.unchanged, pushed.removed, pushed.items)
        output.table(header, [(name, *map(str, counts), f"{seconds:.1f}")])


def _set_up(address: str | None, as_json: bool) -> None:
    from edgeclip.grow.fleet import schema
    from edgeclip.grow.fleet.server import Server

    with Server.open(address) as server:
        made = schema.make(server)
        if as_json:
            output.json_line({"made": made})
        else:
            output.say(f"{server.name}: the tables {'are made' if made else 'were there already'}")


def _make_graph(server: Server, pushed: Pushed, at_once: bool) -> bool:
    """Make the graph where it is due; the rows are there in any case, and searches are right."""
    from edgeclip.grow.fleet import graph as graphs

    if not pushed.dim:
        return False
    try:
        return graphs.make(server, pushed.space, pushed.dim, at_once=at_once)
    except FleetError as error:
        output.note(output.printable(f"the HNSW index was not made: {error}"))
        return False
