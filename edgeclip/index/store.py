"""The truth: items in one database, durable, each row under a checksum."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeclip import errors
from edgeclip.index import header, identity, lineage, schema
from edgeclip.index.changes import Change, Ledger, Outcome, Setting, apply, keep, row_from
from edgeclip.index.database import Database, files
from edgeclip.index.failpoints import reach
from edgeclip.index.identity import Identity as Identity
from edgeclip.index.identity import settings_of
from edgeclip.index.lineage import Lineage
from edgeclip.index.place import not_found, publish
from edgeclip.index.rows import Row, checksum
from edgeclip.index.shrink import shrink

_CHUNK = 4096
_MOST_CHANGES = 20_000
"""Changes that are remembered for readers; they take about 30 bytes and a key each."""


@dataclass(frozen=True, slots=True)
class News:
    """What happened since somebody last looked."""

    new: list[Row]
    changed: list[tuple[int, Row | None]]
    """Id, and what it is now; None: it is gone."""
    state: tuple[int, int]
    """Where to look from next time; see `Store.state`."""


class Store:
    """Items in one database file.  Safe to use from several threads, not across a fork."""

    identity: Identity

    def __init__(self, database: Database) -> None:
        self._db = database
        self.path = database.path
        self.read_only = database.read_only
        self._check_format()
        self.read_identity()
        self._last_id = self._last("item")
        self._version: tuple[int, int] | None = self._db.version()
        self._has_written = False

    @classmethod
    def create(cls, path: Path, wanted: Identity) -> None:
        """Make an empty store that appears whole, under its name, or not at all.

        Raises:
            StoreError: it cannot be written.
        """
        draft = path.with_name(f"{path.name}.new")
        remove_files(draft)
        try:
            Database.create(draft, schema.TABLES)
            with contextlib.closing(Database.open(draft, read_only=False)) as database:
                with database.writing(0):
                    keep(database.execute, settings_of(wanted))
                database.checkpoint("TRUNCATE")  # a log that stays behind would be lost
            reach("create.database")
            publish(draft, path)
        except BaseException:
            remove_files(draft)
            raise
        reach("create.published")

    @classmethod
    def open(cls, path: Path, *, read_only: bool) -> Store:
        """Open a store.

        Raises:
            StoreNotFound: there is none.
            StoreDamaged: it is no database, or its first pages are damaged.
            StoreReadOnly: it cannot be written.
            StoreError: it was made by another version, or cannot be read.
        """
        if not path.is_file():
            raise not_found(path.parent)
        header.check(path)
        database = Database.open(path, read_only=read_only)
        try:
            return cls(database)
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def select(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement that reads."""
        return self._db.execute(sql, values)

    def setting(self, name: str) -> Any:
        """Return what `Setting` kept under a name, or None."""
        found = self.select("SELECT value FROM setting WHERE name = ?", (name,))
        return found[0][0] if found else None

    def write(self, changes: Sequence[Change]) -> list[Outcome]:
        """Make all changes, durable when it returns, or none of them; see `Database.writing`."""
        try:
            return self._write(changes)
        except errors.StoreFull:
            self.settle()  # what the log takes may be all that is missing
            return self._write(changes)

    def _write(self, changes: Sequence[Change]) -> list[Outcome]:
        ledger = Ledger(self._db.execute, self.identity.space, self._new_id)
        sealed = any(isinstance(c, Setting) and c.name in identity.NAMES for c in changes)
        with self._db.writing(pages=len(changes)):
            if not self._has_written:
                writers = Lineage(self.setting(lineage.NAME)).begun(self.state())
                keep(self._db.execute, {lineage.NAME: writers})
            outcomes = [apply(ledger, change) for change in changes]
            if sealed:
                keep(self._db.execute, {identity.SEAL: identity.seal(self._settings())})
        self._has_written = True
        reach("write.acknowledged")
        if sealed:
            self.read_identity()
        return outcomes

    def all_rows(self, after: int = 0) -> Iterator[tuple[Row, bool]]:
        """Yield rows by id, and whether the checksum fits; in many short read transactions."""
        sql = f"SELECT {schema.COLUMNS} FROM item WHERE id > ? ORDER BY id LIMIT {_CHUNK}"
        while chunk := self.select(sql, (after,)):
            for values in chunk:
                if values[0] <= after:  # a number that rotted; it would name another row
                    raise header.damaged(self.path, "rows are out of order")
                after = values[0]
                yield self._checked(values)

    def rows(self, after: int = 0) -> Iterator[Row]:
        """Yield the rows with a higher id, by id; rows whose checksum does not fit are left out."""
        return (row for row, good in self.all_rows(after) if good)

    def row(self, number: int) -> Row | None:
        """Return one row, or None when it is gone or damaged."""
        found = self.select(f"SELECT {schema.COLUMNS} FROM item WHERE id = ?", (number,))
        row, good = self._checked(found[0]) if found else (None, False)
        return row if good else None

    def content_hashes(self) -> dict[int, bytes]:
        """Return the content hash of each id that has one."""
        sql = "SELECT id, content_hash FROM item WHERE content_hash IS NOT NULL"
        return dict(self.select(sql))

    def seq(self) -> int:
        """Return the number of the last change to an older item."""
        return self._last("change")

    def state(self) -> tuple[int, int]:
        """Return two numbers of which one rises when items come, change or go."""
        return self._last("item"), self._last("change")

    def moved(self) -> bool:
        """Tell whether another process has committed since the store was opened, or `news`."""
        return self._version != self._db.version()

    def news(self, last_id: int, seq: int) -> News | None:
        """Return what happened since then, or None when it is no longer known: read all anew."""
        version, found = self._db.at_once(lambda: (self._db.version(), self._news(last_id, seq)))
        if found is not None:
            self._version = version
        return found

    def _news(self, last_id: int, seq: int) -> News | None:
        if seq < int(self.setting("horizon") or 0):
            return None
        logged = self.select("SELECT seq, id FROM change WHERE seq > ? ORDER BY seq", (seq,))
        older = dict.fromkeys(number for _, number in logged if number <= last_id)
        return News(
            new=list(self.rows(last_id)),
            changed=[(number, self.row(number)) for number in older],
            state=self.state(),
        )

    def look_again(self) -> None:
        """Forget that somebody looked: `moved` says yes until the next `news`."""
        self._version = None

    def problems(self) -> list[str]:
        """Return what SQLite's own check finds: damaged pages, though not rotted vectors."""
        found = self.select("PRAGMA integrity_check(20)")
        return [str(line) for (line,) in found if line != "ok"]

    def whole(self, number_of: Callable[[str], int | None], good: int, bad: int) -> bool:
        """Tell whether the index on the keys leads to the rows; it is read from end to end.

        Args:
            number_of: key → id of the rows that were read.
            good: how many were read and fit their checksum.
            bad: how many did not.
        """
        entries = self.select(schema.KEYS)
        held = before = b""
        right = 0
        for key, number in entries:
            held = key if isinstance(key, bytes) else b""
            right += held > before and number_of(held.decode("utf-8", "surrogateescape")) == number
            before = held
        for sql in schema.BESIDE:
            self.select(sql)
        (reached,) = self.select(schema.REACHED)[0]
        return right == good and len(entries) == good + bad == reached

    def trim(self) -> None:
        """Forget a long log of changes; readers that are behind read everything anew."""
        (first,), *_ = self.select("SELECT min(seq) FROM change")
        if first is not None and self.seq() - first >= _MOST_CHANGES:
            self._forget_changes()

    def compact(self) -> None:
        """Give unused pages back and forget the log of changes."""
        reach("compact.before")
        self._forget_changes()
        shrink(self._db)
        self._db.checkpoint("TRUNCATE")
        reach("compact.after")

    def settle(self, *, wait: bool = True) -> None:
        """Bring everything into the one file; ``wait`` for readers, so that its log can go."""
        self._db.checkpoint("TRUNCATE" if wait else "PASSIVE")

    def backup(self, target: Path) -> None:
        """Copy the database as it is now to a new file, while it is in use."""
        self._db.backup(target)

    def _forget_changes(self) -> None:
        with self._db.writing(0):
            keep(self._db.execute, {"horizon": self.seq()})
            self._db.execute("DELETE FROM change")

    def _last(self, table: str) -> int:
        found = self.select("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,))
        number = found[0][0] if found else 0
        if not isinstance(number, int):
            raise header.damaged(self.path, "a counter is no number")
        return number

    def _checked(self, values: Sequence[Any]) -> tuple[Row, bool]:
        row, crc = row_from(values)
        return row, checksum(row, self.identity.space) == crc

    def _new_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _check_format(self) -> None:
        number = self.select("PRAGMA user_version")[0][0]
        if number == schema.FORMAT:
            self._check_schema()
            return
        if self._kept_format() == schema.FORMAT:
            raise header.damaged(self.path, "its version has rotted")
        raise errors.StoreError(
            f"{self.path.parent} has format {number}, and this version of edgeclip reads format "
            f"{schema.FORMAT}. "
            + ("Index the folder anew." if number < schema.FORMAT else "Install a newer edgeclip.")
        )

    def _check_schema(self) -> None:
        # SQLite obeys whatever still is SQL: one flipped bit renames a column.
        held = {sql for (sql,) in self.select("SELECT sql FROM sqlite_schema") if sql is not None}
        if held != schema.STATEMENTS:
            raise header.damaged(self.path, "its schema has rotted")

    def _kept_format(self) -> Any:
        with contextlib.suppress(errors.StoreError):
            return self._settings().get("format")
        return None

    def read_identity(self) -> None:
        """Read the identity anew: the first item sets the dim."""
        found = identity.identity_from(self._settings())
        if found is None:
            raise header.damaged(self.path, "its settings have rotted")
        self.identity = found

    def _settings(self) -> dict[str, Any]:
        marks = ", ".join("?" * (len(identity.NAMES) + 1))
        sql = f"SELECT name, value FROM setting WHERE name IN ({marks})"
        return dict(self.select(sql, (*identity.NAMES, identity.SEAL)))


def remove_files(path: Path) -> None:
    """Remove a database file and what belongs to it, also of one that was not finished."""
    for each in (*files(path), path.with_name(f"{path.name}-journal")):
        each.unlink(missing_ok=True)
