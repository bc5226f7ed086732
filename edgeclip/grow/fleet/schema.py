"""The tables of a fleet: made by the first push, checked by all."""

from __future__ import annotations

from edgeclip.errors import FleetError
from edgeclip.grow.fleet.server import Server

_FORMAT = "edgeclip fleet, format 1"
_LEAST_PGVECTOR = (0, 8)
_MAKING = "edgeclip tables"
# `halfvec` is what an index keeps, bit for bit.  It has no dim here, so that the vectors of several
# models share the table; each space has a graph of its own, over its rows alone.
_TABLES = f"""
CREATE TABLE IF NOT EXISTS edgeclip_item (
    device text COLLATE "C" NOT NULL,
    id bigint NOT NULL,
    key text COLLATE "C" NOT NULL,
    space text COLLATE "C" NOT NULL,
    metadata jsonb,
    times jsonb,
    content_hash bytea,
    mark bigint NOT NULL,
    vector halfvec NOT NULL,
    PRIMARY KEY (device, id)
);
CREATE TABLE IF NOT EXISTS edgeclip_device (
    device text COLLATE "C" PRIMARY KEY,
    index_id text NOT NULL,
    generation bigint NOT NULL,
    space text COLLATE "C" NOT NULL,
    model text NOT NULL,
    dim integer,
    last_id bigint NOT NULL,
    seq bigint NOT NULL,
    writer text NOT NULL,
    items bigint NOT NULL,
    pushed timestamptz
);
COMMENT ON TABLE edgeclip_item IS '{_FORMAT}'
"""
DIGEST = r"sha256(replace(key, '\', '\\')::bytea)"
"""Of the bytes of a key, which may be longer than an entry of an index."""
_KEYS = f"CREATE UNIQUE INDEX IF NOT EXISTS edgeclip_item_key ON edgeclip_item (device, ({DIGEST}))"
_SEEN = """
SELECT to_regclass('edgeclip_item') IS NOT NULL,
    obj_description(to_regclass('edgeclip_item'), 'pg_class'),
    (SELECT extversion FROM pg_extension WHERE extname = 'vector'),
    current_setting('server_encoding')
"""


def check(server: Server) -> bool:
    """Tell whether the tables are there, and can be used.

    Raises:
        FleetError: they cannot.
    """
    there, format_, version, encoding = server.all(_SEEN)[0]
    if encoding != "UTF8":
        raise FleetError(f"{server.name} has the encoding {encoding}. Use a database with UTF8.")
    if version is not None and tuple(map(int, version.split(".")[:2])) < _LEAST_PGVECTOR:
        raise FleetError(
            f"{server.name} has pgvector {version}, and fleets need 0.8 or newer. Update it, then: "
            "ALTER EXTENSION vector UPDATE"
        )
    if there and format_ != _FORMAT:
        raise FleetError(
            f"the table edgeclip_item in {server.name} was made by another version ({format_}). "
            "Use the same version of edgeclip on all boards, or another database."
        )
    return bool(there)


def make(server: Server) -> bool:
    """Make the tables where they are missing; tell whether they were.

    Raises:
        FleetError: this user may not, or the server has no pgvector.
    """
    if check(server):
        return False
    _make_extension(server)
    try:
        with server.transaction():
            # Two boards may be the first at the same time.
            server.all("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (_MAKING,))
            for statement in (*_TABLES.split(";"), _KEYS):
                server.all(statement)
    except FleetError as error:
        raise FleetError(
            f"the tables are not there, and {server.user} cannot make them ({error}) Let their "
            "owner run, once: edgeclip push --setup"
        ) from None
    check(server)
    return True


def _make_extension(server: Server) -> None:
    if server.all("SELECT 1 FROM pg_extension WHERE extname = 'vector'"):
        return
    if not server.all("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"):
        raise FleetError(
            f"{server.name} has no pgvector. Install it there (Debian: postgresql-17-pgvector)."
        )
    try:
        with server.transaction():
            server.all("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (_MAKING,))
            server.all("CREATE EXTENSION IF NOT EXISTS vector")
    except FleetError as error:
        raise FleetError(
            f"pgvector is not switched on in {server.name}, and {server.user} cannot do it "
            f"({error}) Let a superuser run, in that database: CREATE EXTENSION vector"
        ) from None
