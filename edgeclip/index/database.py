"""The only importer of sqlite3: a connection that is durable, guarded and speaks our errors.

Write-ahead log, ``synchronous=FULL``: what is committed has reached the disk.  One connection of
one process writes *and* checkpoints, because a checkpoint that races with the commit of another
connection could corrupt the file (the WAL-reset bug, SQLite 3.7.0 to 3.51.2,
https://www.sqlite.org/wal.html#walresetbug).  Readers open the file read-only.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edgeclip import errors
from edgeclip.index.failpoints import reach
from edgeclip.index.header import damaged

_CHECKPOINT_PAGES = 1000
_PAGES_A_COMMIT = 4
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
# A sector that can no longer be read costs what stands there, not the whole file.
_UNREADABLE = {
    sqlite3.SQLITE_IOERR_READ,
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_IOERR_CORRUPTFS,
}
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


class Database:
    """One connection.  Safe to use from several threads, not across a fork."""

    def __init__(self, connection: sqlite3.Connection, path: Path, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._connection = connection
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
            connection = _reader(path) if read_only else _writer(path)
        return cls(connection, path, read_only=read_only)

    def close(self) -> None:
        """Close the file; the last to close takes the log over and removes it."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._broken = self._broken or f"{self.path.parent} is closed. Open it again."
            self._connection.close()

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        with self._guarded():
            return self._connection.execute(sql, values).fetchall()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Keep what is read within the block on one state of the database."""
        with self._guarded():
            try:
                self._begin("DEFERRED")
                yield
            finally:
                self._rollback()

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
        with _translated(self.path):
            source = _reader(self.path)
        with contextlib.closing(source), _translated(target):
            copy = sqlite3.connect(target)
            with contextlib.closing(copy):
                source.backup(copy, pages=-1)
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

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


def _reader(path: Path) -> sqlite3.Connection:
    try:
        return _prepared(_connect(path, "ro"), _READER)
    except sqlite3.OperationalError:
        # A folder that we may not write, and no log left in it: the file alone is the whole truth.
        _, log, shared = files(path)
        hot = log.exists() and log.stat().st_size
        if os.access(path.parent, os.W_OK) or (hot and shared.exists()):
            raise
        if hot:
            raise errors.StoreReadOnly(
                f"{path.parent} cannot be written, and a writer that was stopped left changes in "
                f"{log.name}. Copy the folder, or open it once where it can be written."
            ) from None
        return _prepared(_connect(path, "ro", "&immutable=1"), _READER)


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours; each says what to do next."""
    try:
        yield
    except sqlite3.Error as error:
        raise _error(error, path) from error
    except sqlite3.Warning as error:
        raise errors.StoreError(f"{path}: {error}.") from error
    except UnicodeDecodeError as error:  # SQLite names what it met, and that has rotted
        raise damaged(path, "its schema") from error


def _error(error: sqlite3.Error, path: Path) -> errors.StoreError:
    code = getattr(error, "sqlite_errorcode", None) or 0
    kind, place = code & 0xFF, path.parent
    if kind in _DAMAGE or code in _UNREADABLE:
        return damaged(path, error)
    if kind == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_SHMSIZE:
        return errors.StoreFull(
            f"the disk of {place} is full. Free some space, or remove items; what was kept stays."
        )
    if kind == sqlite3.SQLITE_READONLY:
        return errors.StoreReadOnly(
            f"{place} cannot be written ({error}). Make it writable, or open it for reading only."
        )
    return errors.StoreError(
        f"{path} cannot be used ({error}). Check the disk and the permissions, then open the "
        "index again."
    )
