"""Graph: the HNSW index of the vectors of one space, made by whoever owns the table."""

from __future__ import annotations

import contextlib
import hashlib
import re

from edgeclip.errors import FleetError
from edgeclip.grow.fleet import texts
from edgeclip.grow.fleet.server import Server

LARGE = 50_000
"""From so many vectors of a space on there is a graph for them; fewer are compared one by one."""


def make(server: Server, space: str, dim: int, *, at_once: bool) -> bool:
    """Make the graph of a space where it is due, while others go on; tell whether it was made.

    Args:
        server: where.
        space: of the vectors.
        dim: of the vectors.
        at_once: not only from `LARGE` vectors on.

    Raises:
        FleetError: it was not made; searches compare one by one, and are right.
    """
    name = name_of(space)
    if is_valid(server, name) or not (at_once or _is_large(server, space)):
        return False
    if not _is_owner(server):
        statements = missing(server, space, dim)
        if not at_once or statements is None:
            return False  # whoever searches is told; or somebody makes it now
        raise FleetError(f"{server.user} does not own the table. Let its owner run: {statements}")
    if not server.all("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (name,))[0][0]:
        return False  # another board makes it
    if is_valid(server, name) or _is_being_made(server, name):
        return False
    _drop(server, name)  # of somebody who was stopped
    try:
        # It waits for every transaction that runs, however long.
        server.all("SET lock_timeout = 0")
        server.all(_statement(server, space, dim))
    except FleetError:
        with contextlib.suppress(FleetError):
            _drop(server, name)  # each new row would have to enter it
        raise
    finally:
        with contextlib.suppress(FleetError):
            server.limit_waiting()
    return True


def missing(server: Server, space: str, dim: int) -> str | None:
    """Return the statements that make the graph of a space; None where it is there, or comes."""
    name = name_of(space)
    if is_valid(server, name) or _is_being_made(server, name):
        return None
    ruin = server.all("SELECT to_regclass(%s) IS NOT NULL", (name,))[0][0]
    drop = f"DROP INDEX CONCURRENTLY {name}; " if ruin else ""
    return f"{drop}{_statement(server, space, dim)}"


def name_of(space: str) -> str:
    """Return the name of the graph of a space."""
    if not re.fullmatch("[0-9a-f]{12,}", space):
        space = hashlib.sha256(space.encode("utf-8", "surrogatepass")).hexdigest()
    return f"edgeclip_graph_{space[:12]}"


def is_valid(server: Server, name: str) -> bool:
    """Tell whether an index of the server is there and finished."""
    sql = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND indisvalid"
    return bool(server.all(sql, (name,)))


def _statement(server: Server, space: str, dim: int) -> str:
    return (
        f"CREATE INDEX CONCURRENTLY {name_of(space)} ON edgeclip_item USING hnsw "
        f"((vector::halfvec({int(dim)})) halfvec_ip_ops) "
        f"WHERE space = {server.literal(texts.encoded(space))}"
    )


def _drop(server: Server, name: str) -> None:
    server.all(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def _is_being_made(server: Server, name: str) -> bool:
    """Tell whether somebody makes it, by our commands or by hand; or that of another space."""
    # Who makes an index and who locks what is seen by everybody; which index it is, is not.
    sql = """
        SELECT 1 FROM pg_index AS made JOIN pg_locks AS held ON held.relation = made.indrelid
        WHERE made.indexrelid = to_regclass(%s) AND NOT made.indisvalid
        AND held.mode = 'ShareUpdateExclusiveLock' AND held.granted
        AND held.pid IN (SELECT pid FROM pg_stat_progress_create_index)
        AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
    return bool(server.all(sql, (name,)))


def _is_large(server: Server, space: str) -> bool:
    sql = "SELECT coalesce(sum(items), 0) >= %s FROM edgeclip_device WHERE space = %s"
    return bool(server.all(sql, (LARGE, texts.encoded(space)))[0][0])


def _is_owner(server: Server) -> bool:
    sql = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass(%s)"
    return bool(server.all(sql, ("edgeclip_item",))[0][0])
