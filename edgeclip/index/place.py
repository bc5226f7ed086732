"""The folder of an index: its names, its one writer, its file system and its ballast."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
import sys
from pathlib import Path

from edgeclip.errors import (
    StoreError,
    StoreFull,
    StoreLocked,
    StoreNotFound,
    StoreReadOnly,
    next_step,
)
from edgeclip.index.failpoints import reach

DATABASE, CACHE, LOCK, QUARANTINE, BALLAST = "store.db", "cache", "lock", "quarantine", "ballast"
DAMAGED = "damaged"
"""A mark left by a writer that met a damaged page: the next opening salvages."""
SALVAGED, SALVAGE_NOTE = f"{DATABASE}.salvaged", "salvage.json"
BALLAST_BYTES = 8 << 20
"""SQLite cannot even delete on a full disk; giving this up first lets it."""
_LEAST_BALLAST = 128 << 10
_BALLAST_SHARE = 8

# SQLite's write-ahead log needs shared memory and locks that work; on these they do not, or not
# between machines, and FAT loses files when the plug is pulled.
_UNFIT = re.compile(
    r"nfs\d?|cifs|smb\w*|9p|afs|ceph|ncpfs|coda|lustre|glusterfs|davfs|msdos|vfat|exfat|umsdos|"
    r"fuse\.(sshfs|rclone|davfs2?|s3fs|glusterfs|cifs|exfat|smbnetfs|gcsfuse)"
)

_held: set[int] = set()
"""Descriptors of the locks of this process."""


def is_own(name: str) -> bool:
    """Tell whether a name is one that stands in the folder of an index before its database does.

    Also what a creation or a salvage leaves that was killed.
    """
    begun = (f"{DATABASE}.new", SALVAGED, SALVAGE_NOTE)
    return name in {CACHE, LOCK, QUARANTINE, BALLAST, DAMAGED} or name.startswith(begun)


def fsync(path: Path) -> None:
    """Make the content of a file durable, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make(folder: Path) -> None:
    """Make the folder of an index, and what stands in it.

    Raises:
        StoreError: it cannot be made, or the path is a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CACHE).mkdir(exist_ok=True)
    except FileExistsError as error:
        raise StoreError(f"{folder} is a file, not an index. Give another path.") from error
    except OSError as error:
        if is_read_only(error):
            raise StoreReadOnly(
                f"{folder} cannot be written: {error.strerror}. Open the index for reading only, "
                "or choose another place."
            ) from error
        raise failed(f"{folder} cannot be made", error) from error


def is_read_only(error: OSError) -> bool:
    """Tell whether an error says that the place cannot be written at all."""
    return isinstance(error, PermissionError) or error.errno == errno.EROFS


def failed(what: str, error: OSError) -> StoreError:
    """Return the error that says what cannot be done, why, and what to do next."""
    kind = StoreReadOnly if is_read_only(error) else StoreError
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        kind = StoreFull
    return kind(f"{what}: {error.strerror or error}. {next_step(error)}")


def lock(folder: Path) -> int:
    """Become the one writer of an index and return the descriptor that keeps it so.

    The kernel frees the lock when the process ends, however it ends.

    Raises:
        StoreLocked: another process, or another `Index` of this one, writes; it is named.  Or the
            folder was moved away meanwhile.
        StoreReadOnly: the folder cannot be written.
    """
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        if is_read_only(error):
            raise StoreReadOnly(
                f"{folder} cannot be written: {error.strerror}. Open the index for reading only, "
                "or make the folder writable."
            ) from error
        raise failed(f"{folder} cannot be written", error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = _owner(descriptor)
        os.close(descriptor)
        if not isinstance(error, BlockingIOError):
            raise failed(f"{folder} cannot be locked", error) from error
        raise StoreLocked(
            f"{folder} is being written by {owner}. Wait for it or stop it; reading is possible "
            "at any time."
        ) from error
    if not holds(descriptor, folder):
        os.close(descriptor)
        raise StoreLocked(f"{folder} was moved or removed while it was opened. Try again.")
    _held.add(descriptor)
    # What the last writer left stays written here until the database has been mended.
    sign(descriptor, is_open=was_left_open(folder))
    return descriptor


def holds(descriptor: int, folder: Path) -> bool:
    """Tell whether a lock is that of the folder which has this path now."""
    try:
        return os.path.samestat(os.fstat(descriptor), (folder / LOCK).stat())
    except OSError:
        return False


def sign(descriptor: int, *, is_open: bool) -> None:
    """Say in the lock who holds it, and whether it has the database open."""
    told = {"pid": os.getpid(), "command": " ".join(sys.argv)[:200], "open": is_open}
    with contextlib.suppress(OSError):  # a full disk must not keep anyone from deleting
        # In one step: there is no moment, and no failure, after which neither text stands there.
        size = os.fstat(descriptor).st_size
        os.pwrite(descriptor, json.dumps(told).encode().ljust(size), 0)


def unlock(descriptor: int, *, mended: bool = True) -> None:
    """Let others write; the database is closed.

    Args:
        descriptor: what `lock` returned.
        mended: whether to forget that the last writer was stopped.
    """
    with contextlib.suppress(OSError):
        if mended:
            os.ftruncate(descriptor, 0)
    _held.discard(descriptor)
    os.close(descriptor)


def was_left_open(folder: Path) -> bool:
    """Tell whether the last writer was stopped before it had closed the database."""
    try:
        return json.loads((folder / LOCK).read_bytes())["open"] is True
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _owner(descriptor: int) -> str:
    try:
        told = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {int(told['pid'])} ({str(told['command']) or 'unnamed'})"
    except (ValueError, KeyError, TypeError, OSError):
        return "another process"


def _let_go() -> None:
    """Keep a forked child from holding the locks of its parent when that is gone."""
    while _held:
        os.close(_held.pop())


def check_file_system(folder: Path, *, force: bool = False) -> None:
    """Refuse file systems on which an index does not survive.

    Args:
        folder: the folder of the index, which may not exist yet.
        force: let it pass.

    Raises:
        StoreError: a network or FAT file system.
    """
    kind = file_system(folder)
    if kind is not None and _UNFIT.fullmatch(kind) and not force:
        raise StoreError(
            f"{folder} is on {kind}, where locks and durable writes do not work as an index needs "
            "them. Put it on a local disk, or force it at your own risk."
        )


def file_system(path: Path, table: Path = Path("/proc/self/mountinfo")) -> str | None:
    """Return the type of the file system that a path is on, or None where nobody says.

    Args:
        path: need not exist.
        table: the kernel's list of mounts (proc(5)).
    """
    target = os.path.realpath(path)
    best, found = -1, None
    try:
        # Names may hold anything that splitlines() takes for the end of a line.
        lines = os.fsdecode(table.read_bytes()).split("\n")
    except OSError:
        return None
    for line in lines:
        before, _, after = (part.split(" ") for part in line.partition(" - "))
        if len(before) < 5:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), before[4])
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:  # of two mounts on one point the later one counts
            best, found = len(point), after[0]
    return found


def keep_ballast(folder: Path) -> None:
    """Set some space aside for the day when the disk is full; less on a small disk."""
    target = folder / BALLAST
    with contextlib.suppress(OSError):
        if target.exists() and target.stat().st_size >= _LEAST_BALLAST:
            return
        size = min(BALLAST_BYTES, shutil.disk_usage(folder).free // _BALLAST_SHARE)
        if size < _LEAST_BALLAST:
            return
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError:
            target.unlink()
        finally:
            os.close(descriptor)
        reach("ballast.written")


def free_ballast(folder: Path) -> bool:
    """Give the ballast up; tell whether there was any."""
    try:
        (folder / BALLAST).unlink()
    except OSError:
        return False
    reach("ballast.freed")
    return True


def not_found(folder: Path) -> StoreNotFound:
    """Return the error that says that there is no index, and how to make one."""
    return StoreNotFound(
        f"there is no index at {folder}. Make one: edgeclip index DIR --index {folder}"
    )


def publish(draft: Path, path: Path) -> None:
    """Give a finished file, or a folder, its name, durably."""
    try:
        fsync(draft)
        draft.rename(path)
        fsync(path.absolute().parent)
    except OSError as error:
        raise failed(f"{path} cannot be made", error) from error


os.register_at_fork(after_in_child=_let_go)
