"""A real PostgreSQL for all tests of fleets, and an empty database for each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from edgeclip.grow.fleet.server import ADDRESS, Server
from tests.cli.conftest import album, cli, here  # noqa: F401  (fixtures)
from tests.grow.fleet.postgres import PASSWORD, Postgres, postgres
from tests.index.conftest import tmp_path  # noqa: F401  (in RAM)

_NUMBERS = itertools.count()


@pytest.fixture(scope="package")  # others count the processes that there are
def postgres_server() -> Iterator[Postgres]:
    """The server; one for all."""
    with postgres() as server:
        yield server


@dataclass(frozen=True)
class Database:
    """An empty database of the server."""

    server: Postgres
    name: str

    @property
    def url(self) -> str:
        return self.server.url(self.name)

    def open(self) -> Server:
        """Connect as edgeclip does."""
        return Server.open(self.url)

    def all(self, sql: str, *values: object) -> list[tuple]:
        """Ask it beside edgeclip, as somebody who may do all."""
        with self.connect() as connection:
            cursor = connection.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []

    def connect(self) -> psycopg.Connection:
        return self.server.connect(self.name)


@pytest.fixture
def database(postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """An empty database; the password is in the environment, and nothing else is."""
    name = f"fleet{next(_NUMBERS)}"
    for variable in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGSERVICE", ADDRESS):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.setenv("PGPASSFILE", str(Path("/nonexistent/pgpass")))
    with postgres_server.connect() as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield Database(postgres_server, name)
    with postgres_server.connect() as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
