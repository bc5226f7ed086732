"""Copies of an index that is in use."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from edgeclip.errors import StoreError
from edgeclip.index import place
from edgeclip.index.failpoints import reach
from edgeclip.index.store import Store


def backup(store: Store, target: Path) -> None:
    """Copy a store into a new folder, which appears whole or not at all.

    Raises:
        StoreError: the folder exists, or cannot be written.
    """
    if target.exists():
        raise StoreError(f"{target} exists already. Give the path of a new folder.")
    draft = target.absolute().with_name(f".{secrets.token_hex(8)}.partial")
    try:
        draft.mkdir(parents=True)
        store.backup(draft / place.DATABASE)
        place.fsync_folder(draft)
        reach("backup.copied")
        draft.rename(target)
        place.fsync_folder(target.absolute().parent)
        reach("backup.published")
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(
            f"{target} cannot be written: {error.strerror}. Free some space, or choose another "
            "place."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
