"""Watching: follow what happens in a folder; the only importer of watchfiles.

The kernel tells which names changed, though not always: its queue may overflow, network drives tell
nothing, and files may arrive in a new folder before it is watched.  So the whole folder is compared
when the watch begins, after a great many changes, and every ten minutes.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgeclip.errors import ExtraMissing, StoreError
from edgeclip.index.folder import Entry, Plan, carry_out, lost_drive, plan
from edgeclip.index.index import Index
from edgeclip.index.scan import Rules, stamp_of
from edgeclip.model.headers import printable

if TYPE_CHECKING:
    from edgeclip.model.model import Model

RESCAN_S = 600.0
"""At least so often everything is compared."""
_TICK_MS, _STEP_MS = 400, 100
_SETTLE_S = 0.4
"""A file is read when nothing of it changed for so long: it may still be being copied."""
_MANY = 1000


def check() -> None:
    """Make sure that watchfiles is there.

    Raises:
        ExtraMissing: it is not.
    """
    try:
        import watchfiles  # noqa: F401
    except ImportError as error:
        raise ExtraMissing(
            "to follow a folder, install watchfiles: pip install 'edgeclip[folder]'"
        ) from error


def follow(
    index: Index,
    model: Model,
    root: str | os.PathLike[str],
    *,
    rules: Rules | None = None,
    stop: threading.Event,
    step: Callable[[], object] = lambda: None,
) -> Iterator[Entry]:
    """Keep an index true to a folder, and yield what becomes of each changed picture.

    Args:
        index: open for writing; nobody else writes to it meanwhile.
        model: of the same space.
        root: the folder.
        rules: what belongs to it; None: as the index remembers it.
        stop: ends it within a second when it is set; what has been embedded is kept, and told.
        step: called several times a second while all goes well, and for each folder looked at.

    Raises:
        ExtraMissing: watchfiles is not installed.
        StoreError: the folder, or a drive within it, is unmounted or replaced; or as `folder.sync`.
    """
    check()
    folder = _Folder(root)
    records = index.records()
    changes = _Settling(folder.path, Path(os.path.realpath(index.path)))
    told: set[Entry] = set()
    due, known = 0.0, False
    for batch in _batches(folder.path, stop):
        step()
        folder.check()
        changes.add(batch)
        everything = time.monotonic() >= due or len(changes) > _MANY
        below = None if everything else changes.settled()
        if below is not None and not below:
            continue
        if everything:
            due = time.monotonic() + RESCAN_S
            changes.clear()
        try:
            # At first nobody knows that it is the right folder; later on, what is gone was deleted.
            made = plan(
                index,
                folder.path,
                records,
                rules=rules,
                allow_empty=known,
                below=below,
                step=step,
            )
        finally:
            folder.check()
        drive = lost_drive(made)
        if known and drive is not None:
            raise _replaced(folder.path / drive)
        known = True
        _only_new(made, told)
        yield from carry_out(index, model, made, stop)


class _Folder:
    """A folder that must stay what it is: an empty one may be where a drive was mounted."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(os.path.realpath(path))
        self._before = self._status()

    def check(self) -> None:
        """Make sure that it is the same.

        Raises:
            StoreError: it is gone, or another one is in its place.
        """
        if not os.path.samestat(self._before, self._status()):
            raise _replaced(self.path)

    def _status(self) -> os.stat_result:
        try:
            return self.path.stat()
        except OSError as error:
            raise StoreError(
                f"{printable(str(self.path))} cannot be read any more: {error.strerror}. Watch it "
                "again when it is back, and mounted."
            ) from error


def _replaced(folder: Path) -> StoreError:
    return StoreError(
        f"{printable(str(folder))} was unmounted or replaced. Watch it again when it is back."
    )


def _batches(folder: Path, stop: threading.Event) -> Iterator[Iterable[str]]:
    """Yield the paths that changed, and nothing now and then, until it is stopped."""
    import watchfiles

    try:
        for batch in watchfiles.watch(
            folder,
            watch_filter=None,
            debounce=_TICK_MS,
            step=_STEP_MS,
            stop_event=stop,
            rust_timeout=_TICK_MS,
            yield_on_timeout=True,
            ignore_permission_denied=True,
        ):
            # Whatever has its name now, even its number, is not what is being watched.
            if (watchfiles.Change.deleted, os.fspath(folder)) in batch:
                raise _replaced(folder)
            yield [path for _, path in batch]
    except (OSError, RuntimeError) as error:  # watchfiles raises both
        if isinstance(error, StoreError):
            raise
        raise StoreError(
            f"{printable(str(folder))} cannot be watched ({error}). If the limit of watches is "
            "reached, raise it: sysctl fs.inotify.max_user_watches=524288"
        ) from error


def _only_new(plan: Plan, told: set[Entry]) -> None:
    """Leave out what was told before."""
    plan.unchanged = []
    plan.failed = [entry for entry in plan.failed if entry.tried and entry not in told]
    told.update(plan.failed)


class _Settling:
    """Keys that changed, until they look the same twice."""

    def __init__(self, root: Path, own: Path) -> None:
        self._root, self._own = os.fspath(root), os.fspath(own)
        self._stamps: dict[str, str] = {}
        self._looked = 0.0

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._stamps)

    def add(self, paths: Iterable[str]) -> None:
        """Take notice of changes."""
        for path in paths:
            while "\N{REPLACEMENT CHARACTER}" in path and path != self._root:
                path = os.path.dirname(path)  # noqa: PTH120 - a name that is no UTF-8: its folder
            if path == self._own or path.startswith(self._own + "/"):
                continue
            key = path[len(self._root) :].strip("/")
            self._stamps.setdefault(key, "")

    def clear(self) -> None:
        """Forget all."""
        self._stamps.clear()

    def settled(self) -> list[str]:
        """Return the keys that have not changed since the last time, and forget them."""
        if time.monotonic() - self._looked < _SETTLE_S:
            return []
        self._looked = time.monotonic()
        now = {key: self._stamp(key) for key in self._stamps}
        found = [key for key, stamp in now.items() if stamp == self._stamps[key]]
        self._stamps = {key: stamp for key, stamp in now.items() if stamp != self._stamps[key]}
        return found

    def _stamp(self, key: str) -> str:
        try:
            return stamp_of(Path(self._root, key).lstat())
        except OSError:
            return "gone"
