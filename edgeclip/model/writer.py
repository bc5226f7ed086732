"""Write a model folder so that it is whole or absent.

The folder is made beside its place, checked there, and renamed into place only after the check has
passed; a power cut or a failed check leaves the old folder, or none, and no half.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edgeclip.errors import EdgeclipError, ModelError
from edgeclip.model.identity import SHARING, seal, space_id
from edgeclip.model.manifest import FILENAME, FORMAT

_FILLED_IN = ("format", "files", "space", "sha256")
Check = Callable[[Path], Mapping[str, Any] | None]


def bare(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a manifest's record without what `write_model` fills in."""
    return copy.deepcopy({key: value for key, value in record.items() if key not in _FILLED_IN})


def write_model(
    folder: Path, record: Mapping[str, Any], files: Mapping[str, Path | bytes], *, check: Check
) -> Path:
    """Write a model folder in one step.

    Args:
        folder: where it shall stand; an older model there is replaced, anything else is refused.
        record: the manifest as in ``model.json``; ``format``, ``files``, ``space`` and ``sha256``
            are filled in.
        files: plain file name to its content, or to the path it is copied from.
        check: is given the finished temporary folder and raises to refuse it; a mapping that it
            returns is merged into ``model.json`` (parity figures, goldens).

    Returns:
        ``folder``.

    Raises:
        ModelError: the place is taken by something that is no model folder, or cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and not (folder / FILENAME).is_file():
        raise ModelError(
            f"{folder} exists and is no model folder. Move it away, or choose another place."
        )
    try:
        with _beside(folder) as temporary:
            entries = {name: _put(temporary / name, content) for name, content in files.items()}
            whole = {"format": FORMAT, "sharing": dict(SHARING), **record, "files": entries}
            whole["space"] = space_id(whole)
            _put(temporary / FILENAME, _dump(whole))
            found = check(temporary)
            if found:
                _put(temporary / FILENAME, _dump({**whole, **found}))
            _publish(temporary, folder)
    except OSError as error:
        if isinstance(error, EdgeclipError):  # some are OSErrors too
            raise
        raise ModelError(
            f"{folder} cannot be written: {error.strerror or error}. "
            "Free some space, or choose another place with --models."
        ) from error
    return folder


@contextlib.contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """Yield an empty folder on the same file system, gone afterwards whatever happens."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.partial-", dir=folder.parent))
    try:
        temporary.chmod(0o755)  # mkdtemp makes 0700, which another user could not read
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _put(path: Path, content: Path | bytes) -> dict[str, str | int]:
    """Write or copy one file durably; return its SHA-256 and size."""
    if isinstance(content, Path):
        shutil.copyfile(content, path)
    else:
        path.write_bytes(content)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    return {"sha256": digest, "bytes": path.stat().st_size}


def _dump(record: Mapping[str, Any]) -> bytes:
    # Through JSON first: what is sealed must be what a reader will see.
    plain = json.loads(json.dumps(record))
    plain["sha256"] = seal(plain)
    return (json.dumps(plain, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def _publish(temporary: Path, folder: Path) -> None:
    """Rename the finished folder into place; an old one stands aside until the new one does."""
    _sync_folder(temporary)
    old = temporary.with_name(temporary.name + "-old")
    if folder.exists():
        folder.rename(old)
    try:
        temporary.rename(folder)
    except BaseException:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
