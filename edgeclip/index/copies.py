"""Copies of an index that is in use."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from pathlib import Path

from edgeclip.errors import StoreError, StoreFull, StoreLocked
from edgeclip.index import place
from edgeclip.index.failpoints import reach
from edgeclip.index.store import Store, remove_files


def backup(store: Store, target: Path) -> None:
    """Copy a store into a new folder, which appears whole or not at all.

    Raises:
        StoreError: the folder exists, has no folder to stand in, or cannot be written.
        StoreLocked: another process copies to there.
    """
    target = target.absolute()
    _check(target)
    if target.resolve().is_relative_to(store.path.parent.resolve()):
        raise StoreError(f"{target} is in the index that it copies. Give another place.")
    draft = _draft(target)
    try:
        _make(draft, target)
        lock = place.lock(draft)
        try:
            _copy(store, draft, target, lock)
        finally:
            place.unlock(lock)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.rmdir()  # where not even the lock found room
        told = _told(error, draft, target)
        if told is error:
            raise
        raise told from error


def _check(target: Path) -> None:
    """Refuse a path that cannot become a new folder."""
    if target.is_symlink() and not target.exists():
        raise StoreError(
            f"{target} is a link to {target.readlink()}, which does not exist. Remove it, or "
            "give the path of a new folder."
        )
    if target.exists():
        raise StoreError(f"{target} exists already. Give the path of a new folder.")
    if not target.parent.is_dir():
        raise StoreError(f"{target} cannot be made: {target.parent} is no folder. Make it first.")


def _told(error: OSError, draft: Path, target: Path) -> StoreError:
    """Return the error that names the target, and not what it is called until it is whole."""
    gone = isinstance(error.__cause__ or error, FileNotFoundError)  # renamed, or tidied up
    if gone or isinstance(error, StoreLocked):
        return StoreLocked(
            f"another process copies an index to {target}. Wait for it, or give another path."
        )
    if isinstance(error, StoreFull) and str(draft) in str(error):
        return StoreFull(f"the disk of {target} is full. Free some space, or choose another place.")
    if isinstance(error, StoreError):
        told = str(error).replace(str(draft), str(target))
        return error if told == str(error) else type(error)(told)
    return place.failed(f"{target} cannot be written", error)


def _draft(target: Path) -> Path:
    """Return a name that is the same each time, so that what a killed process left is found."""
    mark = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]
    return target.with_name(f".edgeclip-{mark}.partial")


def _make(draft: Path, target: Path) -> None:
    """Make the folder to copy into; what stands there must be what a killed process left.

    In a folder that many can write to, somebody may have put a link there, or an index.
    """
    try:
        draft.mkdir()
        return
    except FileExistsError:
        found = draft.lstat()
    left = {place.LOCK, *(f"{place.DATABASE}{end}" for end in ("", "-wal", "-shm", "-journal"))}
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    if not is_ours or not left.issuperset(each.name for each in draft.iterdir()):
        raise StoreError(
            f"{target} cannot be made: {draft.name}, beside it, is no copy of yours that was "
            "stopped. Move that away, or give another path."
        )


def _copy(store: Store, draft: Path, target: Path, lock: int) -> None:
    """Fill a folder, whose lock is held, and give it its name."""
    try:
        remove_files(draft / place.DATABASE)
        reach("backup.begun")
        store.backup(draft / place.DATABASE)
        reach("backup.copied")
        _check(target)  # another process may have been faster
        place.publish(draft, target)
        reach("backup.published")
    except BaseException:
        # Once it has its name, the draft may be that of another process.
        if place.holds(lock, draft):
            _remove(draft)
        raise


def _remove(draft: Path) -> None:
    with contextlib.suppress(OSError):
        remove_files(draft / place.DATABASE)
        (draft / place.LOCK).unlink()
        draft.rmdir()
