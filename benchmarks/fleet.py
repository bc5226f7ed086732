"""Fleets: a push beside PostgreSQL's bare COPY, and searches of the server beside exact ones.

The server is the one of the tests: a real PostgreSQL with pgvector on this machine, which shares
its cores, with ``fsync`` off for both sides.
"""

from __future__ import annotations

import os
import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from psycopg.adapt import Dumper
from psycopg.types import TypeInfo
from psycopg.types.json import Jsonb

from benchmarks import measure
from edgeclip import Index
from edgeclip.grow.fleet import graph, schema
from edgeclip.grow.fleet.push import push
from edgeclip.grow.fleet.search import Fleet
from edgeclip.index.items import Item
from edgeclip.vectors import Vector, unit
from tests.grow.fleet.conftest import Database
from tests.grow.fleet.cuts import cut
from tests.grow.fleet.postgres import PASSWORD, Postgres, postgres

_ITEMS, _DIM, _CENTRES, _ROUNDS = 20_000, 512, 200, 5
_FEWER, _MORE = 4_000, 60_000
"""So few that a graph is soon made for them, and so many that `search --on` asks the graph."""
_QUERIES, _COUNT = 100, 10
_SPACE = "5" * 64
_FEW = {"n": {"<": 5}}
"""A filter that lets 1 of 200 items through."""


def rows() -> list[measure.Row]:
    """Measure and return the rows."""
    os.environ["PGPASSWORD"] = PASSWORD
    with tempfile.TemporaryDirectory() as scratch, postgres(maintenance_work_mem="512MB") as server:
        folder = Path(scratch)
        clustered, random = _clustered(), _random(_MORE, 1)
        path = _index(folder / "photos.index", clustered[:_ITEMS])
        fewer = _index(folder / "fewer.index", clustered[:_FEWER])
        some = _index(folder / "some.index", random[:_ITEMS])
        return [
            *_push(_database(server, "fleet"), path),
            _push_to_graph(_database(server, "graph"), fewer),
            _cuts(_database(server, "cuts"), folder / "cut.index"),
            *_recall(_database(server, "few"), some, random[:_ITEMS], "random", ">= 0.99"),
            *_graph(_database(server, "clustered"), folder / "more", clustered, "clustered"),
            *_graph(_database(server, "random"), folder / "random", random, "random"),
        ]


def _random(count: int, seed: int) -> Vector:
    return unit(np.random.default_rng(seed).standard_normal((count, _DIM)))


def _clustered() -> Vector:
    centres = _random(_CENTRES, 2)[np.random.default_rng(3).integers(0, _CENTRES, _MORE)]
    return unit(centres + 0.9 * _random(_MORE, 4))


def _index(path: Path, vectors: Vector) -> Path:
    with Index.open(path, _SPACE, hnsw=False) as index:
        index.add_many(
            Item(f"2026/05/{n:06}.jpg", vector, {"camera": f"c{n % 7}", "n": n % 1000})
            for n, vector in enumerate(vectors)
        )
    return path


def _database(server: Postgres, name: str) -> Database:
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return Database(server, name)


def _push(database: Database, path: Path) -> list[measure.Row]:
    """Push a device that the server does not know, beside COPY as a program would use it."""
    with database.open() as server:
        schema.make(server)
    with Index.open(path, read_only=True, hnsw=False) as index:
        items = list(index.items())

    def pushed() -> None:
        with database.open() as server:
            push(path, server, "door")

    def copied(table: str) -> None:
        with database.connect() as connection:
            _copy(connection, table, items)

    def emptied() -> None:
        database.all("TRUNCATE edgeclip_item, edgeclip_device")
        for name, more in (("bare", ""), ("keyed", " INCLUDING INDEXES")):
            database.all(f"DROP TABLE IF EXISTS {name}")
            database.all(f"CREATE TABLE {name} (LIKE edgeclip_item{more})")
        database.all("CHECKPOINT")

    jobs: dict[str, Callable[[], object]] = {
        "push": pushed,
        "bare": lambda: copied("bare"),
        "keyed": lambda: copied("keyed"),
    }
    seconds = _in_turn(jobs, emptied, _ROUNDS)
    return [
        measure.Row(
            f"push of {_ITEMS:,} vectors of {_DIM} numbers, against psycopg's COPY of the same "
            f"items in memory into a table {what}: seconds",
            measure.ratio(seconds["push"], seconds[name]),
            "<= 2.00",
            _detail(seconds["push"], seconds[name]),
        )
        for name, what in (("keyed", "with the same keys"), ("bare", "without any index"))
    ]


def _push_to_graph(database: Database, path: Path) -> measure.Row:
    """The same where both tables have an HNSW index, which takes nearly all of the time."""
    with Index.open(path, read_only=True, hnsw=False) as index:
        items = list(index.items())
    with database.open() as server:
        schema.make(server)
        graph.make(server, _SPACE, _DIM, at_once=True)
    database.all("CREATE TABLE keyed (LIKE edgeclip_item INCLUDING INDEXES)")

    def pushed() -> None:
        with database.open() as server:
            push(path, server, "door")

    def copied() -> None:
        with database.connect() as connection:
            _copy(connection, "keyed", items)

    def emptied() -> None:
        database.all("TRUNCATE edgeclip_item, edgeclip_device, keyed")

    seconds = _in_turn({"push": pushed, "copy": copied}, emptied, 3)
    return measure.Row(
        f"the same with {_FEWER:,} vectors, where both tables have an HNSW index: seconds",
        measure.ratio(seconds["push"], seconds["copy"]),
        "<= 2.00",
        _detail(seconds["push"], seconds["copy"]),
    )


def _copy(connection: psycopg.Connection[Any], table: str, items: Sequence[Item]) -> None:
    """COPY as psycopg's documentation has it: binary, row by row, in one transaction."""
    info = TypeInfo.fetch(connection, "halfvec")
    assert info is not None
    info.register(connection)
    connection.adapters.register_dumper(np.ndarray, _halfvec_dumper(info.oid))
    columns = "device, id, key, space, metadata, content_hash, mark, vector"
    kinds = ["text", "int8", "text", "text", "jsonb", "bytea", "int8", "halfvec"]
    into = f"COPY {table} ({columns}) FROM STDIN (FORMAT binary)"
    with connection.transaction(), connection.cursor() as cursor, cursor.copy(into) as copy:
        copy.set_types(kinds)
        for number, item in enumerate(items):
            known = Jsonb(item.metadata)
            copy.write_row(
                ("door", number, item.key, _SPACE, known, item.content_hash, 0, item.vector)
            )


def _halfvec_dumper(kind: int) -> type[Dumper]:
    class HalfvecDumper(Dumper):
        format, oid = psycopg.pq.Format.BINARY, kind

        def dump(self, obj: Vector) -> bytes:
            return struct.pack(">HH", len(obj), 0) + obj.astype(">f2").tobytes()

    return HalfvecDumper


def _cuts(database: Database, folder: Path) -> measure.Row:
    report = cut(database, folder, 20)
    return measure.Row(
        "connections cut at random moments of pushes: rows lost or doubled",
        0,  # `cut` compares row by row after each, and fails otherwise
        "<= 0",
        f"{report.cuts} cuts, {report.pushes} pushes came to an end, {report.sent} rows",
        digits=0,
    )


def _graph(database: Database, path: Path, vectors: Vector, kind: str) -> list[measure.Row]:
    """Searches where the graph is asked, and what it takes.

    Random directions are the worst that a graph can meet: they are all as far from each other, and
    no model makes such.  They are reported, and have no target.
    """
    target = ">= 0.99" if kind == "clustered" else ""
    found = _recall(database, _index(path, vectors), vectors, kind, target)
    return [*found, *_sizes(database)] if target else found


def _recall(
    database: Database, path: Path, vectors: Vector, kind: str, target: str
) -> list[measure.Row]:
    """Searches as `search --on` makes them, without and with a filter."""
    with database.open() as server:
        push(path, server, "door")
        started = time.perf_counter()
        made = graph.make(server, _SPACE, _DIM, at_once=False)
        seconds = time.perf_counter() - started
        how = f"by the graph, {seconds:.0f} s to make" if made else "exactly"
        what = f"{len(vectors):,} {kind} vectors, {how}"
        fleet = Fleet(server)
        return [
            _row(what, fleet, vectors, {}, target),
            _row(f"{what}, filter for 1 of 200", fleet, vectors, {"where": _FEW}, target),
        ]


def _sizes(database: Database) -> list[measure.Row]:
    """What the server keeps; `docs/scale.md` reckons with it."""
    name = graph.name_of(_SPACE)
    sizes = [
        database.all("SELECT pg_table_size('edgeclip_item')")[0][0],
        database.all("SELECT pg_relation_size(%s::regclass)", name)[0][0],
    ]
    sizes.append(database.all("SELECT pg_total_relation_size('edgeclip_item')")[0][0] - sum(sizes))
    return [
        measure.Row(
            f"an item on the server, {part}: KB", size / _MORE / 1000, "", f"{_MORE:,} items"
        )
        for part, size in zip(("table", "HNSW graph", "keys"), sizes, strict=True)
    ]


def _row(
    what: str, fleet: Fleet, vectors: Vector, asked: Mapping[str, Any], target: str
) -> measure.Row:
    stored = vectors.astype(np.float16).astype(np.float32)
    let = np.arange(len(vectors)) % 1000 < 5 if "where" in asked else np.ones(len(vectors), bool)
    chosen = np.random.default_rng(9).integers(0, len(vectors), _QUERIES)
    queries = unit(vectors[chosen] + 0.5 * _random(_QUERIES, 10))
    hits, seconds = 0, []
    for query in queries:
        scores = np.where(let, stored @ query, -2)
        wanted = {f"2026/05/{n:06}.jpg" for n in np.argsort(-scores)[:_COUNT]}
        started = time.perf_counter()
        matches = fleet.search(query, _SPACE, count=_COUNT, **asked)
        seconds.append(time.perf_counter() - started)
        hits += len(wanted & {match.key for match in matches})
    return measure.Row(
        f"search on the server, {what}: recall@{_COUNT} against exact search",
        hits / (_QUERIES * _COUNT),
        target,
        f"{measure.median_ms(seconds)} a search",
        digits=4,
    )


def _in_turn(
    jobs: Mapping[str, Callable[[], object]], before: Callable[[], object], rounds: int
) -> dict[str, list[float]]:
    """Time jobs in turn, each after something that is not timed; the first round is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(rounds + 1):
        for name, job in jobs.items():
            before()
            started = time.perf_counter()
            job()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def _detail(ours: list[float], theirs: list[float]) -> str:
    return f"{statistics.median(ours):.2f} against {statistics.median(theirs):.2f} s"
