"""The only importer of psycopg: a connection that gives up in time, and errors without secrets."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from edgeclip.errors import EdgeclipError, ExtraMissing, FleetError

if TYPE_CHECKING:
    import psycopg

ADDRESS = "EDGECLIP_FLEET"
"""Variable with the address of the server; there it may hold a password."""
_FORM = "postgresql://USER@HOST/DATABASE"
_SECRETS = (
    *("password", "sslpassword", "oauth_client_secret"),
    *("scram_client_key", "scram_server_key"),
)
_ADVICE = (
    "Leave it out there, and put it into ~/.pgpass or PGPASSWORD, or the whole address into "
    f"{ADDRESS}."
)
_UNREAD = (
    f"the address of the server cannot be read. Give {_FORM}, with %40 for an @, %2F for a / and "
    "so on in names and passwords."
)
# What the address, or libpq's own variables, do not say otherwise: name → value, and variable.
_DEFAULTS = {
    "connect_timeout": "15",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "application_name": "edgeclip",
}
# The server, too, must notice that a board is gone: what it holds would keep the next push out.
_SESSION = """
SET idle_in_transaction_session_timeout = '120s';
SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
SET tcp_user_timeout = '30s';
SET client_connection_check_interval = '5s'; SET client_min_messages = 'error'
"""
LOCK_S = 15
"""Seconds that a lock is waited for."""
_LEAST_SERVER = 140_000

Values = Sequence[Any] | Mapping[str, Any]


class Server:
    """A connection to PostgreSQL; outside of `transaction` each statement is one."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        info = connection.info
        self.name = f"{info.host or 'localhost'}:{info.port}/{info.dbname}"
        """For people: host, port and database."""
        self.user = info.user

    @classmethod
    def open(cls, address: str | None) -> Self:
        """Connect.

        Args:
            address: ``postgresql://user@host/database``; None: what `ADDRESS` holds.  What it does
                not say comes from where libpq looks: ``PG…`` variables, ``~/.pgpass``, services.

        Raises:
            EdgeclipError: the address cannot be read, or shows a password to everybody.
            ExtraMissing: psycopg is not installed.
            FleetError: the server cannot be reached, refuses, or is too old.
        """
        psycopg = _library()
        chosen = _parameters(address)
        shown = _shown(chosen)
        try:
            connection = psycopg.connect(**chosen, autocommit=True, prepare_threshold=None)
        except psycopg.Error as error:
            reason = _without(_reason(error), chosen)
            raise FleetError(
                f"{shown} cannot be used: {reason}. Check the address, the network, and the "
                "password in ~/.pgpass or PGPASSWORD."
            ) from None
        server = cls(connection)
        try:
            server._prepare()
        except BaseException:
            server.close()
            raise
        return server

    def __enter__(self) -> Self:
        """Use it as a context manager; it is closed at the end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the connection; what is not committed is undone."""
        self._connection.close()

    def all(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Run one statement with its values, and return its rows."""
        with self._translated():
            cursor = self._connection.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []

    def change(self, sql: str, values: Values = ()) -> int:
        """Run one statement with its values, and return how many rows it changed."""
        with self._translated():
            return self._connection.execute(sql, values or None).rowcount

    def copy(self, sql: str, blocks: Iterable[bytes], meanwhile: Callable[[], object]) -> int:
        """Run one COPY … FROM STDIN, feed it, and return how many rows it has brought.

        Args:
            sql: the statement.
            blocks: what it is fed with.
            meanwhile: called when all is sent, while the server works on it.
        """
        with self._translated(), self._connection.cursor() as cursor:
            with cursor.copy(sql) as copy:
                for block in blocks:
                    copy.write(block)
                meanwhile()
            return cursor.rowcount

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is done within the block, or none of it."""
        with self._translated(), self._connection.transaction():
            yield

    def hold(self, name: str) -> bool:
        """Take a lock that this connection holds until it ends; tell whether that was possible."""
        from psycopg.errors import LockNotAvailable

        sql = "SELECT pg_advisory_lock(hashtextextended(%s, 0))"
        with self._translated():
            try:
                self._connection.execute(sql, (name,))
            except LockNotAvailable:
                return False
        return True

    def limit_waiting(self) -> None:
        """Wait for a lock of somebody else's no longer than `LOCK_S`."""
        self.all(f"SET lock_timeout = '{LOCK_S}s'")

    def literal(self, text: str) -> str:
        """Return a text as it may stand in a statement that takes no values, such as CREATE."""
        from psycopg import sql

        return sql.Literal(text).as_string(self._connection)

    def _prepare(self) -> None:
        found = self._connection.info.server_version
        if found < _LEAST_SERVER:
            raise FleetError(
                f"{self.name} is PostgreSQL {found // 10_000}, and fleets need 14 or newer. "
                "Update it."
            )
        self.all(_SESSION)
        self.limit_waiting()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn psycopg's errors into ours; each says what to do next."""
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            raise self._error_of(error) from None

    def _error_of(self, error: psycopg.Error) -> EdgeclipError:
        from psycopg import errors

        reason = _reason(error)
        if self._connection.broken or self._connection.closed:
            return FleetError(
                f"the connection to {self.name} was lost: {reason}. What had arrived is kept; do "
                "the same again to go on."
            )
        if isinstance(error, errors.InsufficientPrivilege) and "row-level security" in reason:
            return FleetError(
                f"{self.name} refuses {self.user}: {reason}. Give --device the name that this user "
                "may write as, or ask the owner for a policy."
            )
        if isinstance(error, errors.InsufficientPrivilege):
            return FleetError(f"{self.name} refuses {self.user}: {reason}. Ask its owner.")
        if isinstance(error, errors.LockNotAvailable):
            return FleetError(f"{self.name} is busy: {reason}. Try again later.")
        return FleetError(f"{self.name}: {reason}. Its log may tell more.")


def _library() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise ExtraMissing("fleets need psycopg: pip install 'edgeclip[pg]'") from error
    return psycopg


def _parameters(address: str | None) -> dict[str, Any]:
    """Return what to connect with.

    No message repeats the address, nor what libpq says of it: a part of a password that was
    misread as a port would be shown.
    """
    from psycopg import Error
    from psycopg.conninfo import conninfo_to_dict

    told = os.environ.get(ADDRESS, "") if address is None else address
    if not told:
        raise EdgeclipError(f"there is no address of a server. Give {_FORM}, or set {ADDRESS}.")
    scheme, _, rest = told.partition("://")
    if scheme not in ("postgresql", "postgres"):
        raise EdgeclipError(f"the address of the server cannot be read. Give {_FORM}.")
    if address is not None and ":" in rest.rpartition("@")[0]:
        raise EdgeclipError(f"the address shows a password to whoever lists processes. {_ADVICE}")
    try:
        chosen = conninfo_to_dict(told)
    except Error:
        raise EdgeclipError(_UNREAD) from None
    # After an @ or a / that is not escaped, libpq takes a piece of the password for a name.
    if any("@" in str(chosen.get(name) or "") for name in ("host", "hostaddr", "port", "dbname")):
        raise EdgeclipError(_UNREAD)
    if address is not None and any(chosen.get(name) for name in _SECRETS):
        raise EdgeclipError(f"the address shows a password to whoever lists processes. {_ADVICE}")
    return {**_defaults(), **{name: value for name, value in chosen.items() if value is not None}}


def _defaults() -> dict[str, str]:
    variables = {"connect_timeout": "PGCONNECT_TIMEOUT", "application_name": "PGAPPNAME"}
    return {
        name: value
        for name, value in _DEFAULTS.items()
        if not os.environ.get(variables.get(name, ""))
    }


def _shown(chosen: Mapping[str, Any]) -> str:
    host = chosen.get("host") or os.environ.get("PGHOST") or "localhost"
    port = chosen.get("port") or os.environ.get("PGPORT") or "5432"
    if not str(port).replace(",", "").isdigit():
        return "the server"  # what stands there is no port; it may be a piece of a password
    return f"{host}:{port}/{chosen.get('dbname') or os.environ.get('PGDATABASE') or ''}"


def _without(reason: str, chosen: Mapping[str, Any]) -> str:
    """Return a message, or another one where it may repeat a password, or a piece of one."""
    if _shown(chosen) == "the server":
        return "the address has a port that is no number"
    secrets = [chosen.get(name) for name in _SECRETS] + [os.environ.get("PGPASSWORD")]
    # Stars in its place would tell a short one.
    return "it refuses" if any(secret in reason for secret in secrets if secret) else reason


def _reason(error: psycopg.Error) -> str:
    """Return what went wrong, on one line and without a mark at its end."""
    text = error.diag.message_primary or str(error) or type(error).__name__
    return " ".join(text.split()).rstrip(".?")
