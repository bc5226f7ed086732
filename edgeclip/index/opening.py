"""From a path to an open store: made, locked, mended, and checked against what is wanted of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

from edgeclip import errors
from edgeclip.index import place, salvage, wal
from edgeclip.index.database import files
from edgeclip.index.exact import Precision
from edgeclip.index.failpoints import reach
from edgeclip.index.identity import new_identity
from edgeclip.index.memory import Memory
from edgeclip.index.store import Store


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an index is opened for."""

    folder: Path
    space: str | None
    """The space id of the vectors; None: whatever the index holds."""
    model: str
    """The model's name; empty: unknown."""
    precision: Precision | None = None
    force: bool = False


@dataclass(slots=True)
class Opened:
    """A store that is ready, and what was found on the way."""

    store: Store
    memory: Memory
    lock: int | None = None
    """Descriptor of the writer's lock."""
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Left:
    """What the last writer left."""

    torn_off: bool
    """It was stopped, and nobody has looked at its log yet."""
    notes: list[str] = field(default_factory=list)
    """What became of its log."""


def for_reading(wanted: Wanted) -> Opened:
    """Open an existing index beside whoever writes to it.

    Raises:
        StoreNotFound: there is none.
        SpaceMismatch: it holds vectors of another model.
        StoreDamaged, StoreError: it cannot be read.
    """
    store = Store.open(wanted.folder / place.DATABASE, read_only=True)
    try:
        check_space(store, wanted)
        opened = Opened(store, Memory(store, wanted.precision))
    except BaseException:
        store.close()
        raise
    if opened.memory.bad:
        count = len(opened.memory.bad)
        items = "1 damaged item is" if count == 1 else f"{count} damaged items are"
        opened.notes.append(f"{items} left out, and set aside by the next opening for writing.")
    return opened


def for_writing(wanted: Wanted) -> Opened:
    """Open an index as its one writer; make it when it is missing, mend it when it is damaged.

    Raises:
        StoreNotFound: there is none, and no space was given to make one for.
        StoreLocked: another process writes.
        SpaceMismatch: it holds vectors of another model.
        StoreReadOnly, StoreFull, StoreError: it cannot be written.
    """
    folder = wanted.folder
    if wanted.space is None and not is_there(folder):
        raise place.not_found(folder)
    place.check_file_system(folder, force=wanted.force)
    place.make(folder)
    lock = place.lock(folder)
    left = _Left(place.was_left_open(folder))
    try:
        opened = _locked(wanted, left)
    except BaseException:
        # Whoever opens it next is told what became of the log, or takes it over.
        due = left.torn_off or left.notes or files(folder / place.DATABASE)[1].exists()
        place.unlock(lock, mended=not due)
        raise
    place.sign(lock, is_open=True)
    opened.lock = lock
    with contextlib.suppress(errors.StoreFull):
        opened.store.trim()
    return opened


def is_there(folder: Path) -> bool:
    """Tell whether a folder is one of an index, also of a damaged one."""
    return (folder / place.DATABASE).exists() or salvage.is_due(folder)


def close(store: Store, lock: int | None) -> None:
    """Close a store, and let others write.

    The mark of an open database goes when the log holds nothing that the file lacks, and before the
    log does: a kill on the way is not taken for a log that was lost.
    """
    try:
        if lock is not None:
            with contextlib.suppress(errors.EdgeclipError):
                store.settle(wait=False)
                place.sign(lock, is_open=False)
        store.close()
        reach("close.closed")
    finally:
        if lock is not None:
            place.unlock(lock)


def check_space(store: Store, wanted: Wanted) -> None:
    """Refuse an index of another model.

    Raises:
        SpaceMismatch: it names both.
    """
    known = store.identity
    if wanted.space is not None and wanted.space != known.space:
        raise errors.SpaceMismatch(
            f"{wanted.folder} holds vectors of {known.model or 'another model'} (space "
            f"{known.space[:12]}…), not of {wanted.model or 'this model'} ({wanted.space[:12]}…). "
            "Use that model with the same options, or index into another place."
        )


def mark_damaged(folder: Path) -> None:
    """Ask the next opening for writing to salvage."""
    with contextlib.suppress(OSError):
        (folder / place.DAMAGED).touch()


def _locked(wanted: Wanted, left: _Left) -> Opened:
    """Open the store of a folder whose lock is held; the ballast helps where the disk is full."""
    try:
        opened = _tried(wanted, left)
    except errors.StoreFull:
        if not place.free_ballast(wanted.folder):
            raise
        opened = _tried(wanted, left)
    place.keep_ballast(wanted.folder)
    return opened


def _tried(wanted: Wanted, left: _Left) -> Opened:
    try:
        return _mended(wanted, left)
    except OSError as error:
        if isinstance(error, errors.EdgeclipError):
            raise
        raise place.failed(f"{wanted.folder} cannot be opened", error) from error


def _mended(wanted: Wanted, left: _Left) -> Opened:
    folder, database = wanted.folder, wanted.folder / place.DATABASE
    if salvage.finish(folder):
        left.torn_off = False
        left.notes.append(
            "the database was damaged, and its salvage was interrupted: it is finished now, and "
            f"what was there before is kept in {folder / place.QUARANTINE}."
        )
    if not database.exists():
        assert wanted.space is not None
        Store.create(database, new_identity(wanted.space, wanted.model))
        left.torn_off = False
    notes, log_is_damaged = _examined(folder, left.torn_off)
    left.torn_off = False
    left.notes += notes
    opened = _opened_or_salvaged(wanted, log_is_damaged)
    opened.notes[:0] = left.notes
    return opened


def _examined(folder: Path, torn_off: bool) -> tuple[list[str], bool]:
    """Look at the log that a stopped writer left; return notes, and whether to salvage from it."""
    database, path, _ = files(folder / place.DATABASE)
    if torn_off and not path.exists():
        return [
            "the last writer was stopped, and the log of its latest changes is missing: they may "
            "be lost."
        ], False
    log = wal.read(path)
    if salvage.is_foreign(database, log.newer):
        kept = salvage.set_log_aside(folder)
        return [f"the log beside the database was another one's; it is kept in {kept}."], False
    if log.damaged and not log.newer:
        kept = salvage.set_log_aside(folder)
        return [
            f"the log of the latest changes was damaged: they may be lost. It is kept in {kept}."
        ], False
    return [], log.damaged


def _opened_or_salvaged(wanted: Wanted, log_is_damaged: bool) -> Opened:
    marked = wanted.folder / place.DAMAGED
    if not (marked.exists() or log_is_damaged):
        with contextlib.suppress(errors.StoreDamaged):
            return _opened(wanted)
    found = salvage.salvage(wanted.folder, wanted.space, wanted.model)
    marked.unlink(missing_ok=True)
    opened = _opened(wanted)
    opened.notes.append(
        f"the database was damaged: {_were(found.items)} salvaged, and what was there before is "
        f"kept in {found.kept}."
    )
    return opened


def _opened(wanted: Wanted) -> Opened:
    store = Store.open(wanted.folder / place.DATABASE, read_only=False)
    try:
        check_space(store, wanted)
        memory = Memory(store, wanted.precision)
        memory.check_keys()
        opened = Opened(store, memory)
        opened.notes += _set_aside(wanted.folder, opened)
    except BaseException:
        store.close()
        raise
    return opened


def _reason(error: OSError) -> str:
    return str(error) if isinstance(error, errors.StoreError) else f"{error.strerror}."


def _set_aside(folder: Path, opened: Opened) -> list[str]:
    try:
        count = salvage.set_rows_aside(folder, opened.store, opened.memory.bad)
    except OSError as error:
        if isinstance(error, errors.StoreDamaged):
            raise
        return [f"damaged items are left out, and could not be set aside: {_reason(error)}"]
    opened.memory.bad = []
    if not count:
        return []
    return [f"{_were(count)} damaged, and set aside in {folder / place.QUARANTINE}."]


def _were(count: int) -> str:
    return "1 item was" if count == 1 else f"{count} items were"
