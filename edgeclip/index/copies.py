"""Copies of an index that is in use."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from edgeclip.errors import StoreError, StoreFull, StoreLocked
from edgeclip.index import place
from edgeclip.index.database import files
from edgeclip.index.failpoints import reach
from edgeclip.index.store import Store


def backup(store: Store, target: Path) -> None:
    """Copy a store into a new folder, which appears whole or not at all.

    Raises:
        StoreError: the folder exists, has no folder to stand in, or cannot be written.
        StoreLocked: another process copies to there.
    """
    target = target.absolute()
    if target.exists():
        raise StoreError(f"{target} exists already. Give the path of a new folder.")
    if not target.parent.is_dir():
        raise StoreError(f"{target} cannot be made: {target.parent} is no folder. Make it first.")
    draft = _draft(target)
    try:
        draft.mkdir(exist_ok=True)
        lock = place.lock(draft)
        try:
            _copy(store, draft, target)
        finally:
            place.unlock(lock)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.rmdir()  # where not even the lock found room
        told = _told(error, draft, target)
        if told is error:
            raise
        raise told from error


def _told(error: OSError, draft: Path, target: Path) -> StoreError:
    """Return the error that names the target, and not what it is called until it is whole."""
    if isinstance(error, StoreLocked):
        return StoreLocked(
            f"another process copies an index to {target}. Wait for it, or give another path."
        )
    if isinstance(error, StoreFull) and str(draft) in str(error):
        return StoreFull(f"the disk of {target} is full. Free some space, or choose another place.")
    if isinstance(error, StoreError):
        return error
    return place.failed(f"{target} cannot be written", error)


def _draft(target: Path) -> Path:
    """Return a name that is the same each time, so that what a killed process left is found."""
    mark = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]
    return target.with_name(f".edgeclip-{mark}.partial")


def _copy(store: Store, draft: Path, target: Path) -> None:
    """Fill a folder, whose lock is held, and give it its name."""
    try:
        _clear(draft)
        reach("backup.begun")
        store.backup(draft / place.DATABASE)
        reach("backup.copied")
        place.publish(draft, target)
        reach("backup.published")
    except BaseException:
        with contextlib.suppress(OSError):
            _clear(draft)
            (draft / place.LOCK).unlink()
            draft.rmdir()
        raise


def _clear(draft: Path) -> None:
    """Remove what a killed process had copied; nothing but that is ever removed."""
    database = draft / place.DATABASE
    for each in (*files(database), database.with_name(f"{place.DATABASE}-journal")):
        each.unlink(missing_ok=True)
