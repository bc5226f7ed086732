"""What can be written to a store, and how each change is made inside a transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

from edgeclip.index.failpoints import reach
from edgeclip.index.items import key_bytes
from edgeclip.index.rows import Row, checksum
from edgeclip.index.schema import COLUMNS

Execute = Callable[..., list[tuple[Any, ...]]]
"""Runs one statement with its values and returns its rows."""


@dataclass(frozen=True, slots=True)
class Put:
    """Keep an item under its key; nothing is written when it is there already."""

    row: Row
    """Without an id."""


@dataclass(frozen=True, slots=True)
class Amend:
    """Change what is known about an item; its vector and id stay."""

    key: str
    metadata: str | None = None
    """JSON text; None: as it is."""
    new_key: str | None = None
    stamp: str | None = None


@dataclass(frozen=True, slots=True)
class Remove:
    """Forget an item, or that a file failed."""

    key: str


@dataclass(frozen=True, slots=True)
class Fail:
    """Remember that a file could not be embedded, and why."""

    key: str
    stamp: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Setting:
    """Keep a value under a name; None forgets it."""

    name: str
    value: str | int | float | bytes | None


@dataclass(frozen=True, slots=True)
class Statement:
    """Run one statement: for who is in which group, and for whole rows in salvage."""

    sql: str
    values: tuple[Any, ...] = ()


Change = Put | Amend | Remove | Fail | Setting | Statement
Outcome = str
"""``added``, ``updated``, ``unchanged``, ``removed``, ``missing``, ``failed`` or ``set``."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """A transaction in progress."""

    execute: Execute
    space: str
    new_id: Callable[[], int]


def apply(ledger: Ledger, change: Change) -> Outcome:
    """Make one change inside the transaction and say what came of it."""
    return _apply(change, ledger)


@singledispatch
def _apply(change: Any, ledger: Ledger) -> Outcome:
    raise TypeError(f"{change!r} is no change")


@_apply.register
def _put(change: Put, ledger: Ledger) -> Outcome:
    row, key = change.row, key_bytes(change.row.key)
    ledger.execute("DELETE FROM failed WHERE key = ?", (key,))
    old = _find(ledger, key)
    if old is None:
        _insert(ledger, row, key)
        return "added"
    if old.vector != row.vector:
        _delete(ledger, old.id, key)
        _insert(ledger, row, key)
        return "updated"
    if replace(row, id=old.id) == old:
        return "unchanged"
    _rewrite(ledger, replace(row, id=old.id), key)
    return "updated"


@_apply.register
def _amend(change: Amend, ledger: Ledger) -> Outcome:
    key = key_bytes(change.key)
    old = _find(ledger, key)
    if old is None:
        return "missing"
    new_key = change.key if change.new_key is None else change.new_key
    new = replace(
        old,
        key=new_key,
        metadata=old.metadata if change.metadata is None else change.metadata,
        stamp=old.stamp if change.stamp is None else change.stamp,
    )
    if new == old:
        return "unchanged"
    if new_key != change.key:
        _apply(Remove(new_key), ledger)  # as os.replace does
    _rewrite(ledger, new, key)
    return "updated"


@_apply.register
def _remove(change: Remove, ledger: Ledger) -> Outcome:
    key = key_bytes(change.key)
    known = ledger.execute("SELECT key FROM failed WHERE key = ?", (key,))
    ledger.execute("DELETE FROM failed WHERE key = ?", (key,))
    found = ledger.execute("SELECT id FROM item WHERE key = ?", (key,))
    if not found:
        return "removed" if known else "missing"
    _delete(ledger, found[0][0], key)
    return "removed"


@_apply.register
def _fail(change: Fail, ledger: Ledger) -> Outcome:
    _apply(Remove(change.key), ledger)
    ledger.execute(
        "INSERT INTO failed VALUES (?, ?, ?)", (key_bytes(change.key), change.stamp, change.reason)
    )
    return "failed"


@_apply.register
def _setting(change: Setting, ledger: Ledger) -> Outcome:
    if change.value is None:
        ledger.execute("DELETE FROM setting WHERE name = ?", (change.name,))
    else:
        ledger.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (change.name, change.value))
    return "set"


@_apply.register
def _statement(change: Statement, ledger: Ledger) -> Outcome:
    ledger.execute(change.sql, change.values)
    return "set"


def keep(execute: Execute, settings: Mapping[str, Any]) -> None:
    """Keep values under names, inside the transaction."""
    ledger = Ledger(execute, "", lambda: 0)
    for name, value in settings.items():
        apply(ledger, Setting(name, value))


def row_from(values: Sequence[Any]) -> tuple[Row, int | None]:
    """Return a row and its checksum from the columns of the table.

    Where a column holds another type than it must, it has rotted; the checksum is None then.
    """
    number, key, vector, content_hash, stamp, metadata, crc = values
    if content_hash is not None and not isinstance(content_hash, bytes):
        content_hash, crc = None, None
    if stamp is not None and not isinstance(stamp, str):
        stamp, crc = None, None
    if not (isinstance(key, bytes) and isinstance(vector, bytes) and isinstance(metadata, str)):
        key, vector, metadata, crc = b"?", b"", "", None
    name = key.decode("utf-8", "surrogateescape")
    return Row(number, name, vector, content_hash, stamp, metadata), crc


def values_of(row: Row, space: str) -> tuple[Any, ...]:
    """Return the columns of the table for a row."""
    key, crc = key_bytes(row.key), checksum(row, space)
    return (row.id, key, row.vector, row.content_hash, row.stamp, row.metadata, crc)


def _find(ledger: Ledger, key: bytes) -> Row | None:
    """Return the row of a key; one that has rotted since it was read is as good as none."""
    found = ledger.execute(f"SELECT {COLUMNS} FROM item WHERE key = ?", (key,))
    if not found:
        return None
    row, crc = row_from(found[0])
    if checksum(row, ledger.space) != crc:
        _delete(ledger, row.id, key)
        return None
    return row


def _insert(ledger: Ledger, row: Row, key: bytes) -> None:
    reach("write.row")
    values = values_of(replace(row, id=ledger.new_id()), ledger.space)
    ledger.execute("INSERT INTO item VALUES (?, ?, ?, ?, ?, ?, ?)", values)


def _delete(ledger: Ledger, number: int, key: bytes) -> None:
    reach("write.row")
    ledger.execute("DELETE FROM item WHERE id = ?", (number,))
    ledger.execute("DELETE FROM member WHERE id = ?", (number,))
    _log(ledger, number, key)


def _rewrite(ledger: Ledger, row: Row, old_key: bytes) -> None:
    """Change everything but the vector: only one page is touched."""
    reach("write.row")
    _, key, _, content_hash, stamp, metadata, crc = values_of(row, ledger.space)
    ledger.execute(
        "UPDATE item SET key = ?, content_hash = ?, stamp = ?, metadata = ?, crc = ? WHERE id = ?",
        (key, content_hash, stamp, metadata, crc, row.id),
    )
    _log(ledger, row.id, old_key)


def _log(ledger: Ledger, number: int, key: bytes) -> None:
    """Tell readers, and whoever copies this index elsewhere, that an older item changed."""
    ledger.execute("INSERT INTO change (id, key) VALUES (?, ?)", (number, key))
