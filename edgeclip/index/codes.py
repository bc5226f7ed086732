"""SQLite's error codes (https://www.sqlite.org/rescode.html) → our errors, with what to do next."""

from __future__ import annotations

import os
from pathlib import Path

from edgeclip import errors
from edgeclip.index.header import damaged

_READONLY, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 8, 11, 13, 14, 26
_IOERR_READ, _IOERR_SHORT_READ, _IOERR_CORRUPTFS = 0x010A, 0x020A, 0x210A
_IOERR_SHMOPEN, _IOERR_SHMSIZE, _IOERR_SHMMAP = 0x120A, 0x130A, 0x150A
# A sector that can no longer be read costs what stands there, not the whole file.
_UNREADABLE = {_IOERR_READ, _IOERR_SHORT_READ, _IOERR_CORRUPTFS}


def error_of(error: Exception, path: Path) -> errors.StoreError:
    """Return our error for one of SQLite's.

    Args:
        error: what sqlite3 raised.
        path: the database file.
    """
    code, place = _code(error), path.parent
    kind = code & 0xFF
    if kind in (_CORRUPT, _NOTADB) or code in _UNREADABLE:
        return damaged(path, error)
    if is_full(error):
        return errors.StoreFull(
            f"the disk of {place} is full. Free some space, or remove items; what was kept stays."
        )
    if kind == _READONLY:
        return errors.StoreReadOnly(
            f"{place} cannot be written ({error}). Make it writable, or open it for reading only."
        )
    return errors.StoreError(
        f"{path} cannot be used ({error}). Check the disk and the permissions, then open the "
        "index again."
    )


def is_full(error: Exception) -> bool:
    """Tell whether an error says that no space is left."""
    return _code(error) & 0xFF == _FULL or _code(error) == _IOERR_SHMSIZE


def cannot_write(error: Exception) -> bool:
    """Tell whether a reader failed at what it has to write: shared memory, or an empty log."""
    code = _code(error)
    wanted = (_IOERR_SHMOPEN, _IOERR_SHMSIZE, _IOERR_SHMMAP)
    return code in wanted or code & 0xFF in (_FULL, _CANTOPEN, _READONLY)


def unread(error: Exception, path: Path) -> errors.StoreError:
    """Return our error where there is a log that cannot be read, for want of what it needs."""
    place, left = path.parent, f"a writer that was stopped left changes in {path.name}-wal"
    if is_full(error):
        return errors.StoreFull(
            f"the disk of {place} is full, and {left}. Free some space; reading them takes a bit."
        )
    if os.access(place, os.W_OK) or path.with_name(f"{path.name}-shm").exists():
        return error_of(error, path)
    return errors.StoreReadOnly(
        f"{place} cannot be written, and {left}. Copy the folder, or open it once where it can be "
        "written."
    )


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", None) or 0
