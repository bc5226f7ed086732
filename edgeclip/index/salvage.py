"""A damaged database → a new one with every row that is still right; the old one is kept.

The order makes it safe to be killed anywhere: the new file is complete and durable, then the old
one has a second name in ``quarantine/``, then a note says that the change of files may be finished,
and only then the old name goes.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgeclip import errors
from edgeclip.index import carve, place
from edgeclip.index.changes import Change, Fail, Setting, Statement, row_from, values_of
from edgeclip.index.database import files
from edgeclip.index.failpoints import reach
from edgeclip.index.identity import NAMES, SEAL, Identity, new_identity
from edgeclip.index.items import MAX_KEY_BYTES
from edgeclip.index.rows import Row, checksum
from edgeclip.index.store import Store, remove_files

_COLUMNS = 7
_BATCH = 1024
_NOT_KEPT = {*NAMES, SEAL, "horizon"}


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What came out of a damaged database."""

    items: int
    kept: Path
    """Where the damaged files are."""


@dataclass(frozen=True, slots=True)
class _Remains:
    """What can be read of a database, page by page."""

    candidates: list[tuple[Row, int]]
    settings: dict[str, Any]
    failed: list[tuple[bytes, str | None, str]]


def is_due(folder: Path) -> bool:
    """Tell whether a change of files was begun and not finished."""
    return (folder / place.SALVAGE_NOTE).exists()


def finish(folder: Path) -> bool:
    """Finish a change of files that was begun; tell whether there was one."""
    note, database = folder / place.SALVAGE_NOTE, folder / place.DATABASE
    draft = folder / place.SALVAGED
    if not note.exists():
        _remove_draft(folder)  # of a salvage that was killed while it wrote
        return False
    if draft.exists():
        # A log beside a database that it does not belong to would be played into it.
        for log in files(database)[1:]:
            log.unlink(missing_ok=True)
        place.fsync(folder)
        reach("salvage.log-gone")
        draft.replace(database)
        place.fsync(folder)
        reach("salvage.switched")
    note.unlink()
    place.fsync(folder)
    reach("salvage.done")
    return True


def salvage(folder: Path, space: str | None, model: str) -> Salvaged:
    """Replace the damaged database of an index.

    Args:
        folder: the index, which nobody has open.
        space: the space id that its opener expects, or None.
        model: the model's name, for when the database no longer tells it.

    Raises:
        StoreDamaged: not even the space can be told.
        StoreError: there is no room for the new file.
    """
    reach("salvage.begin")
    finish(folder)
    database, log, _ = files(folder / place.DATABASE)
    try:
        with database.open("rb") as file:
            remains = _remains(carve.Pages(file, log))
        identity, rows = _identified(remains, space, model, folder)
        _build(folder / place.SALVAGED, identity, rows, remains)
        reach("salvage.built")
        kept = _set_aside(folder, [database, log])
        reach("salvage.kept")
        _write_note(folder)
        reach("salvage.marked")
        finish(folder)
    except OSError as error:
        if not is_due(folder):
            _remove_draft(folder)
        if isinstance(error, errors.StoreError):
            raise
        raise place.failed(f"{folder} cannot be salvaged", error) from error
    return Salvaged(len(rows), kept)


def set_rows_aside(folder: Path, store: Store, bad: Iterable[Row]) -> int:
    """Move rows whose checksum does not fit out of the database, into a file; return how many."""
    rows = list(bad)
    if not rows:
        return 0
    target = folder / place.QUARANTINE / f"{_stamp()}-rows.jsonl"
    target.parent.mkdir(exist_ok=True)
    try:
        _write_rows(target, rows)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    reach("quarantine.rows-written")
    store.write([Statement("DELETE FROM item WHERE id = ?", (row.id,)) for row in rows])
    reach("quarantine.rows-removed")
    return len(rows)


def is_foreign(database: Path, newer: Mapping[int, bytes]) -> bool:
    """Tell whether pages of a log belong to another store: they name it otherwise."""
    with database.open("rb") as file:
        pages = carve.Pages(file)
        for number, page in newer.items():
            named = _remains({number: page}).settings.get("uuid")
            own = _remains({number: pages.get(number, b"")}).settings.get("uuid")
            if named and own and named != own:
                return True
    return False


def set_log_aside(folder: Path) -> Path:
    """Move a log that must not be played into the database to ``quarantine/``; return where."""
    _, log, shared = files(folder / place.DATABASE)
    kept = _set_aside(folder, [log])
    log.unlink()
    shared.unlink(missing_ok=True)
    place.fsync(folder)
    reach("quarantine.log-removed")
    return kept


def _write_rows(target: Path, rows: list[Row]) -> None:
    with target.open("w") as file:
        for row in rows:
            told = {"id": row.id, "key": row.key, "metadata": row.metadata, "stamp": row.stamp}
            file.write(json.dumps(told | {"vector": row.vector.hex()}) + "\n")
        file.flush()
        os.fsync(file.fileno())
    place.fsync(target.parent)


def _remove_draft(folder: Path) -> None:
    draft = folder / place.SALVAGED
    remove_files(draft)
    remove_files(draft.with_name(f"{draft.name}.new"))


def _remains(pages: Mapping[int, bytes]) -> _Remains:
    found = _Remains([], {}, [])
    for number, record in carve.records(pages):
        if number is not None and len(record) == _COLUMNS:
            # SQLite stores NULL in the column that is an alias of the row's number.
            row, crc = row_from((number, *record[1:]))
            if crc is not None:
                found.candidates.append((row, crc))
        elif number is None and len(record) == 2 and isinstance(record[0], str):
            found.settings.setdefault(*record)
        elif number is None and len(record) == 3 and isinstance(record[0], bytes):
            found.failed.append(record)
    return found


def _identified(
    remains: _Remains, space: str | None, model: str, folder: Path
) -> tuple[Identity, list[Row]]:
    """Tell whose rows these are: of the spaces in question, the one under which most are right."""
    known = remains.settings
    spaces = {s for s in (known.get("space"), space) if isinstance(s, str)}
    if not spaces:
        raise errors.StoreDamaged(
            f"{folder / place.DATABASE} is damaged so much that it does not tell its model. Name "
            "the model, and what can be read is salvaged."
        )
    found = {s: _right(remains.candidates, s) for s in sorted(spaces)}
    best = max(found, key=lambda s: (len(found[s]), s == known.get("space")))
    if remains.candidates and not found[best]:
        raise errors.StoreDamaged(
            f"{folder / place.DATABASE} is damaged, and none of its items fits "
            f"{model or 'this model'}. Name the model that it was made with, also its options fit "
            "and draft, or move the folder away."
        )
    identity = new_identity(best, str(known.get("model") or model))
    secret, number = known.get("secret"), known.get("generation")
    return replace(
        identity,
        uuid=known["uuid"] if isinstance(known.get("uuid"), str) else identity.uuid,
        secret=secret if isinstance(secret, bytes) and len(secret) == 32 else identity.secret,
        dim=len(found[best][0].vector) // 2 if found[best] else None,
        generation=(number if isinstance(number, int) else int(time.time())) + 1,
    ), found[best]


def _right(candidates: list[tuple[Row, int]], space: str) -> list[Row]:
    """Return the rows whose checksum fits, by id, the newest for each key."""
    by_key: dict[str, Row] = {}
    for row, crc in candidates:
        old = by_key.get(row.key)
        if (old is None or row.id >= old.id) and checksum(row, space) == crc:
            by_key[row.key] = row
    by_id = {row.id: row for row in by_key.values()}  # one of two names of the same item
    return [by_id[number] for number in sorted(by_id)]


def _build(draft: Path, identity: Identity, rows: list[Row], remains: _Remains) -> None:
    Store.create(draft, identity)
    store = Store.open(draft, read_only=False)
    try:
        insert = "INSERT OR IGNORE INTO item VALUES (?, ?, ?, ?, ?, ?, ?)"
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            store.write([Statement(insert, values_of(row, identity.space)) for row in batch])
        store.write(_beside(remains, rows))
        store.settle()
    finally:
        store.close()


def _beside(remains: _Remains, kept: Sequence[Row]) -> list[Change]:
    """Return what else is worth keeping: settings of the folder, and which files had failed.

    Settings have no checksum, so what is made of vectors (bytes) is left to be made again.
    """
    settings: list[Change] = [
        Setting(name, value)
        for name, value in remains.settings.items()
        if name not in _NOT_KEPT and (isinstance(value, str | int) or _is_finite(value))
    ]
    known = {row.key for row in kept}
    failed = [
        Fail(key.decode("utf-8", "surrogateescape"), stamp, reason)
        for key, stamp, reason in remains.failed
        if 0 < len(key) <= MAX_KEY_BYTES and b"\0" not in key and _is_text(stamp, reason)
    ]
    return settings + [change for change in failed if change.key not in known]


def _is_finite(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _is_text(stamp: Any, reason: Any) -> bool:
    return isinstance(stamp, str | None) and isinstance(reason, str)


def _set_aside(folder: Path, found: list[Path]) -> Path:
    """Give the damaged files a second name in ``quarantine/``."""
    kept = folder / place.QUARANTINE / f"{_stamp()}-store"
    kept.mkdir(parents=True)
    for path in found:
        if path.exists():
            try:
                os.link(path, kept / path.name)
            except OSError:  # a file system without second names
                shutil.copy2(path, kept / path.name)
    place.fsync(kept)
    place.fsync(kept.parent)
    return kept


def _write_note(folder: Path) -> None:
    draft = folder / f"{place.SALVAGE_NOTE}.new"
    draft.write_text("The salvaged database is complete; opening the index puts it in place.\n")
    place.publish(draft, folder / place.SALVAGE_NOTE)


def _stamp() -> str:
    """Return a name that sorts by time; the clock of a board may be wrong, so it is not all."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
