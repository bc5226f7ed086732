"""The folder of saved graphs: each is published whole, a bad one is set aside.

``cache/hnsw-<generation>-<number>.bin`` holds a graph and ``.json`` its manifest, which is written
last, ``.tiers`` is `edgeclip.index.tiers`'.  *generation* is the store's: a salvaged database
is another one.  *number* counts the builds, so that a new file never has the name of an older one.
What was added or removed since the build is brought in by comparing ids, which are never used
twice.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from edgeclip.errors import StoreError, StoreLocked
from edgeclip.index.failpoints import reach
from edgeclip.index.place import CACHE, QUARANTINE, fsync
from edgeclip.index.saved import Manifest, Refused, signed

_NAME = re.compile(r"hnsw-(\d{1,18})-(\d{1,18})\.(json|bin|tiers|partial)", re.ASCII)
_LOCK = "lock"


def manifests(folder: Path) -> list[Path]:
    """Return the manifests of an index's saved graphs, the newest build first."""
    names = sorted(_names(folder), reverse=True)
    return [folder / CACHE / name for _, _, suffix, name in names if suffix == "json"]


@contextlib.contextmanager
def building(folder: Path) -> Iterator[None]:
    """Be the only one who builds a graph for this index, and clear what others left half done.

    Raises:
        StoreLocked: another process builds.
        StoreError: the folder cannot be written.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(folder / CACHE / _LOCK, flags, 0o644)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        _lock(descriptor, folder)
        reach("cache.locked")
        whole = {path.stem for path in manifests(folder)}
        _forget(folder, lambda name: name.rpartition(".")[0] not in whole)
        yield
    finally:
        os.close(descriptor)


def publish(
    folder: Path,
    manifest: Manifest,
    secret: bytes,
    *,
    save: Callable[[Path], int],
    probe: Callable[[Path], None],
) -> Manifest:
    """Save a graph so that the next opening finds all of it, or the one before, or none.

    Args:
        folder: of the index; the caller holds `building`.
        manifest: its number, bytes and hash are filled in here.
        secret: of the store.
        save: writes the file and returns how many bytes it must have.
        probe: reads the file again, as a search would, and raises when it is no good.

    Raises:
        StoreError: it could not be saved whole; nothing was published.
    """
    number = 1 + max((number for _, number, _, _ in _names(folder)), default=0)
    manifest = replace(manifest, number=number)
    draft = folder / CACHE / f"{manifest.stem}.partial"
    try:
        _save(draft, save)
        probe(draft)
        reach("cache.probed")
        manifest = signed(draft, manifest, secret)
        reach("cache.synced")
        draft.replace(draft.with_suffix(".bin"))
        fsync(draft.parent)
        reach("cache.renamed")
        _write_manifest(draft, manifest)
    except BaseException as error:
        _forget(folder, lambda name: name.startswith(f"{manifest.stem}."))
        raise _translated(folder, error) from error
    reach("cache.published")
    _forget(folder, lambda name: not name.startswith(f"{manifest.stem}."))
    reach("cache.old-removed")
    return manifest


def set_aside(folder: Path, path: Path) -> None:
    """Move a refused graph to the quarantine; at most one is kept there, as all can be rebuilt.

    Args:
        folder: of the index.
        path: the manifest.
    """
    quarantine = folder / QUARANTINE
    with contextlib.suppress(OSError):
        quarantine.mkdir(exist_ok=True)
    keep = quarantine.is_dir() and not any(quarantine.glob("hnsw-*"))
    time = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    # The manifest first: a file without one is never looked at.
    _delete(path.with_suffix(".tiers"))
    for file in (path, path.with_suffix(".bin")):
        if keep:
            with contextlib.suppress(OSError):
                file.rename(quarantine / f"{file.stem}.{time}{file.suffix}")
        _delete(file)
        reach("cache.set-aside")


def _save(draft: Path, save: Callable[[Path], int]) -> None:
    size = save(draft)
    reach("cache.saved")
    written = draft.lstat().st_size if draft.exists() else 0
    if written != size:  # hnswlib reports success all the same
        raise StoreError(
            f"only {written:,} of {size:,} bytes of {draft} were written. Free some space."
        )


def _write_manifest(draft: Path, manifest: Manifest) -> None:
    with draft.open("xb") as file:
        file.write(json.dumps(asdict(manifest), indent=1).encode())
        file.flush()
        os.fsync(file.fileno())
    reach("cache.manifest-written")
    draft.replace(draft.with_suffix(".json"))
    fsync(draft.parent)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StoreLocked(
            f"another process builds the graph of {folder}. Wait until it has finished."
        ) from error


def _names(folder: Path) -> Iterator[tuple[int, int, str, str]]:
    """Yield generation, number, suffix and name of each file that may belong to a saved graph."""
    with contextlib.suppress(OSError):
        for path in (folder / CACHE).iterdir():
            if match := _NAME.fullmatch(path.name):
                yield int(match[1]), int(match[2]), match[3], path.name


def _forget(folder: Path, unwanted: Callable[[str], bool]) -> None:
    # Manifests before their files: a file without one is never looked at.
    names = [(suffix == "bin", name) for _, _, suffix, name in _names(folder)]
    for _, name in sorted(names):
        if unwanted(name):
            _delete(folder / CACHE / name)


def _delete(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _translated(folder: Path, error: BaseException) -> BaseException:
    if isinstance(error, Refused):
        return StoreError(f"the graph of {folder} was not saved well: {error}. Check the disk.")
    if isinstance(error, OSError) and not isinstance(error, StoreError):
        return _unwritable(folder, error)
    return error


def _unwritable(folder: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{folder / CACHE} cannot be written: {error.strerror or error}. Make it writable, or free "
        "some space."
    )
