"""The only importer of sqlite3: a connection that is durable, guarded and speaks our errors.

Write-ahead log, ``synchronous=FULL``: what is committed has reached the disk.  One connection of
one process writes *and* checkpoints, because a checkpoint that races with the commit of another
connection could corrupt the file (the WAL-reset bug, SQLite 3.7.0 to 3.51.2,
https://www.sqlite.org/wal.html#walresetbug).  Readers open the file read-only.

A reader needs shared memory, a file of 32 KB beside the database.  Where there is no room for it,
or the folder cannot be written, the file is read as it stands, without locks, as long as no log
stands beside it; each answer counts only if the file is the same after it as before.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from edgeclip import errors
from edgeclip.index import codes, place
from edgeclip.index.failpoints import reach
from edgeclip.index.header import damaged

_CHECKPOINT_PAGES = 1000
_PAGES_A_COMMIT = 4
_WRITER = (
    "PRAGMA synchronous=FULL",
    "PRAGMA wal_autocheckpoint=0",  # done below, between named steps
    "PRAGMA journal_size_limit=8388608",
    # What is erased is overwritten: a person in a picture may ask for it, and salvage must not
    # bring it back.
    "PRAGMA secure_delete=ON",
)
_READER = ("PRAGMA query_only=ON",)
_BOTH = (
    "PRAGMA mmap_size=0",  # a read error would be a SIGBUS
    "PRAGMA cell_size_check=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA busy_timeout=5000",
)
_T = TypeVar("_T")
_Seen = tuple[int, ...]


class Database:
    """One connection.  Safe to use from several threads, not across a fork."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._connection, self._still = _reader(path) if read_only else (_writer(path), None)
        self._opened = 1
        self._lock = threading.RLock()
        self._broken: str | None = None
        self._pages = 0

    @classmethod
    def create(cls, path: Path, script: str) -> None:
        """Make a database file and run a script in it, in one transaction."""
        with _translated(path), contextlib.closing(_connect(path, "rwc")) as connection:
            connection.execute("PRAGMA page_size=4096")
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.executescript(f"BEGIN;{script};COMMIT")

    @classmethod
    def open(cls, path: Path, *, read_only: bool) -> Database:
        """Open an existing database file.

        Raises:
            StoreDamaged: it is no database, or damaged where everything begins.
            StoreReadOnly: it cannot be written.
            StoreError: it cannot be read.
        """
        with _translated(path):
            return cls(path, read_only=read_only)

    def close(self) -> None:
        """Close the file; the last to close takes the log over and removes it."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._broken = self._broken or f"{self.path.parent} is closed. Open it again."
            self._connection.close()

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        with self._guarded():
            return self._settled(lambda: self._connection.execute(sql, values).fetchall())

    def at_once(self, read: Callable[[], _T]) -> _T:
        """Return what a function reads, all from one state; it may be called more than once."""

        def transaction() -> _T:
            try:
                self._begin("DEFERRED")
                return read()
            finally:
                self._rollback()

        with self._guarded():
            return self._settled(transaction)

    def version(self) -> tuple[int, int]:
        """Return what differs once another connection has committed."""
        number = int(self.execute("PRAGMA data_version")[0][0])
        return self._opened, number

    @contextlib.contextmanager
    def writing(self, pages: int) -> Iterator[None]:
        """Commit what is written within the block, durable when it ends, or none of it.

        Args:
            pages: about how many pages it changes; enough of them are followed by a checkpoint.

        Raises:
            StoreFull: the disk is full.
            StoreReadOnly: opened for reading, or the disk has become read-only.
            StoreDamaged, StoreError: the file or the disk is damaged; nothing more is written until
                the database has been opened again.
        """
        if self.read_only:
            raise errors.StoreReadOnly(
                f"{self.path.parent} is open for reading only. Open it for writing."
            )
        with self._guarded():
            reach("write.begin")
            try:
                self._begin("IMMEDIATE")
                yield
                reach("write.before-commit")
                self._connection.execute("COMMIT")
            except BaseException:
                self._rollback()
                raise
            reach("write.committed")
            self._pages += _PAGES_A_COMMIT + pages
            if self._pages >= _CHECKPOINT_PAGES:
                # What was written is committed; on a full disk the log waits for the next one.
                with contextlib.suppress(errors.StoreFull):
                    self.checkpoint("PASSIVE")

    def checkpoint(self, mode: str) -> None:
        """Take the log over into the file; a long reader may keep this from finishing."""
        with self._guarded():
            reach("checkpoint.before")
            self._connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
            self._pages = 0
            reach("checkpoint.after")

    def backup(self, target: Path) -> None:
        """Copy the database as it is now to a new file, while it is in use."""
        # A connection of its own: nobody waits for the copy, and its failure is not this file's.
        source = Database.open(self.path, read_only=True)
        try:
            with contextlib.closing(source), _translated(target):
                copy = sqlite3.connect(target)
                with contextlib.closing(copy):
                    source._settled(lambda: source._connection.backup(copy, pages=-1))
        except errors.StoreDamaged as error:  # a new file is not: it is this one
            raise damaged(self.path, error.__cause__) from error
        place.fsync(target)

    def _settled(self, read: Callable[[], _T]) -> _T:
        """Return what a function reads; again, where a writer came between without locks."""
        while not self._connection.in_transaction:
            try:
                found = read()
            except (sqlite3.Error, errors.StoreError):
                if not self._is_outdated():
                    raise
            else:
                if not self._is_outdated():
                    return found
            old = self._connection
            with _translated(self.path):
                self._connection, self._still = _reader(self.path)
            self._opened += 1
            old.close()
        return read()

    def _is_outdated(self) -> bool:
        return self._still is not None and _seen(self.path) not in (None, self._still)

    def _begin(self, kind: str) -> None:
        if self._connection.in_transaction:  # of a thread that was interrupted at the wrong moment
            self._connection.rollback()
        self._connection.execute(f"BEGIN {kind}")

    def _rollback(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.rollback()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Let one thread in, and turn SQLite's errors into ours."""
        with self._lock:
            if self._broken:
                raise errors.StoreError(self._broken)
            try:
                with _translated(self.path):
                    yield
            except (errors.StoreFull, errors.StoreReadOnly):
                raise
            except errors.StoreError as error:
                # After a failed fsync nobody knows what the disk holds: no write may follow.
                if not self.read_only:
                    self._broken = str(error)
                raise


def files(path: Path) -> list[Path]:
    """Return the names that belong to a database file, whether or not they exist."""
    return [path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")]


def _connect(path: Path, mode: str, more: str = "") -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode={mode}{more}"
    connection = sqlite3.connect(
        address, uri=True, isolation_level=None, check_same_thread=False, timeout=5.0
    )
    # Rotted text must come as far as its checksum.
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    return connection


def _prepared(connection: sqlite3.Connection, settings: Sequence[str]) -> sqlite3.Connection:
    try:
        for statement in (*_BOTH, *settings):
            connection.execute(statement).fetchall()
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _writer(path: Path) -> sqlite3.Connection:
    connection = _connect(path, "rw")
    try:
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    except BaseException:
        connection.close()
        raise
    if mode != "wal":
        connection.close()
        raise errors.StoreReadOnly(
            f"{path} cannot keep a write-ahead log here (journal mode {mode}). Make the folder "
            "writable, or open the index for reading only."
        )
    return _prepared(connection, _WRITER)


def _reader(path: Path) -> tuple[sqlite3.Connection, _Seen | None]:
    """Open a file for reading; also return what it looks like when it is read without locks."""
    try:
        return _prepared(_connect(path, "ro"), _READER), None
    except sqlite3.OperationalError as error:
        seen = _seen(path)
        if seen is None or not codes.cannot_write(error):
            raise
        if _log_bytes(path):
            raise codes.unread(error, path) from error
        return _prepared(_connect(path, "ro", "&immutable=1"), _READER), seen


def _seen(path: Path) -> _Seen | None:
    """Return what cannot stay the same when something is written; None: the file has gone."""
    # The log first: what has left it since is in the file.
    pending = _log_bytes(path)
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size, pending


def _log_bytes(path: Path) -> int:
    try:
        return files(path)[1].stat().st_size
    except FileNotFoundError:
        return 0


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours; each says what to do next."""
    try:
        yield
    except sqlite3.Error as error:
        raise codes.error_of(error, path) from error
    except sqlite3.Warning as error:
        raise errors.StoreError(f"{path}: {error}.") from error
    except UnicodeDecodeError as error:  # SQLite names what it met, and that has rotted
        raise damaged(path, "its schema") from error
