"""Records: what an index knows of the files of a folder: stamps, content hashes, and failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from edgeclip.errors import EdgeclipError
from edgeclip.index.changes import Setting
from edgeclip.index.excludes import excluded_by
from edgeclip.index.scan import Rules
from edgeclip.index.store import Store

_ROOT, _RULES, _DRIVES = "root", "rules", "drives"


class File(NamedTuple):
    """A file that has an item."""

    stamp: str
    content_hash: bytes | None


class Failure(NamedTuple):
    """A file that could not be embedded."""

    stamp: str | None
    """What it was and what it was tried with; None: it is tried again each time."""
    reason: str


class Records:
    """What is known of each file; kept in step by whoever writes."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.failed: dict[str, Failure] = {}
        self.others: set[str] = set()
        """Keys of items that no folder has brought: nobody's but their program's."""
        self.root: Path | None = None
        """The folder that the index is kept true to, absolute."""
        self.rules = Rules()
        """What belonged to it the last time."""
        self.drives: set[str] = set()
        """Keys of the folders in it that lay on drives of their own; see `scan.Scan.drives`."""
        # Hash → keys; made when it is first asked for, which an unchanged folder never does.
        self._keys: dict[bytes, dict[str, None]] | None = None

    def put(self, key: str, file: File) -> None:
        """Note that a file has an item, or another one than before."""
        self.drop(key)
        self.files[key] = file
        if self._keys is not None and file.content_hash is not None:
            self._keys.setdefault(file.content_hash, {})[key] = None

    def fail(self, key: str, failure: Failure) -> None:
        """Note that a file has no item, and why."""
        self.drop(key)
        self.failed[key] = failure

    def drop(self, key: str) -> None:
        """Forget a file."""
        self.failed.pop(key, None)
        old = self.files.pop(key, None)
        if self._keys is not None and old is not None and old.content_hash in self._keys:
            self._keys[old.content_hash].pop(key, None)

    def keys_of(self, content_hash: bytes) -> Iterator[str]:
        """Yield the keys of the files with a content, in the order of their writing."""
        if self._keys is None:
            self._keys = {}
            for key, file in self.files.items():
                if file.content_hash is not None:
                    self._keys.setdefault(file.content_hash, {})[key] = None
        yield from self._keys.get(content_hash, ())


def read(store: Store, folder: Path) -> Records:
    """Read the records of a store in a folder; 100,000 files take 0.3 s."""
    found = Records()
    for key, stamp, content_hash in store.select("SELECT key, stamp, content_hash FROM item"):
        name = key.decode("utf-8", "surrogateescape")
        if stamp is None:
            found.others.add(name)
        else:
            found.files[name] = File(stamp, content_hash)
    for key, stamp, reason in store.select("SELECT key, stamp, reason FROM failed"):
        found.failed[key.decode("utf-8", "surrogateescape")] = Failure(stamp, reason)
    found.root = root_of(store, folder)
    found.rules = _rules_of(store)
    found.drives = _drives_of(store)
    return found


def root_of(store: Store, folder: Path) -> Path | None:
    """Return the folder that an index is kept true to, if there is one.

    A relative one is in the folder of the index, and moves with it.
    """
    kept = store.setting(_ROOT)
    if kept is None:
        return None
    return folder / str(kept if kept.startswith("/") else json.loads(kept))


def _rules_of(store: Store) -> Rules:
    try:
        kept = json.loads(store.setting(_RULES) or "{}")
        names = kept.get("exclude", [])
        flags = {name: kept.get(name, False) for name in ("hidden", "follow_symlinks")}
        if not _are_texts(names) or not all(isinstance(each, bool) for each in flags.values()):
            return Rules()
        excluded_by(names)
        return Rules(tuple(names), **flags)
    except (AttributeError, TypeError, ValueError, EdgeclipError):  # it has rotted
        return Rules()


def _drives_of(store: Store) -> set[str]:
    try:
        kept = json.loads(store.setting(_DRIVES) or "[]")
    except (TypeError, ValueError):  # it has rotted
        return set()
    return set(kept) if _are_texts(kept) else set()


def _are_texts(kept: Any) -> bool:
    return isinstance(kept, list) and all(isinstance(each, str) for each in kept)


def drives_setting(drives: set[str]) -> Setting:
    """Return the change that keeps which folders lie on drives of their own."""
    return Setting(_DRIVES, json.dumps(sorted(drives)) if drives else None)


def rules_setting(rules: Rules) -> Setting:
    """Return the change that keeps what belongs to the folder."""
    return Setting(_RULES, json.dumps(asdict(rules)))


def root_setting(root: Path) -> Setting:
    """Return the change that keeps the folder's path; as JSON if relative or no Unicode text."""
    path = str(root)
    escaped = any("\udc80" <= letter <= "\udcff" for letter in path)
    return Setting(_ROOT, path if root.is_absolute() and not escaped else json.dumps(path))
