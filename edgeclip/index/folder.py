"""Folder: keep an index true to a folder of pictures.

`plan` compares the two, and `carry_out` makes the index equal; what it yields is durable.  Both may
be stopped at any moment, and begun again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgeclip.errors import SpaceMismatch, StoreError
from edgeclip.index.index import Index
from edgeclip.index.progress import telling
from edgeclip.index.records import Records, drives_setting, root_setting, rules_setting
from edgeclip.index.scan import Rules, Scan, scan
from edgeclip.model import facts
from edgeclip.model.headers import printable

if TYPE_CHECKING:
    from edgeclip.model.model import Model

Status = Literal["added", "updated", "renamed", "unchanged", "removed", "failed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one picture."""

    key: str
    """POSIX path relative to the folder."""
    status: Status
    error: str | None = None
    """Why it failed: a sentence, and one that says what to do."""
    tried: bool = True
    """False: it failed before and has not changed since, so nothing was tried."""


@dataclass(slots=True)
class Plan:
    """What is to be done."""

    root: Path
    rules: Rules
    records: Records
    unchanged: list[str] = field(default_factory=list)
    failed: list[Entry] = field(default_factory=list)
    """Failed before and not changed since; or out of sight now."""
    todo: list[str] = field(default_factory=list)
    """New or changed: they are read."""
    gone: dict[str, None] = field(default_factory=dict)
    """Perhaps renamed, else to be removed."""
    forgotten: list[str] = field(default_factory=list)
    """Failed before and are gone."""
    drives: set[str] = field(default_factory=set)
    """Folders that lie on drives of their own now, or are out of sight."""

    def __len__(self) -> int:
        """Return how many entries there will be; fewer where files were renamed."""
        return len(self.unchanged) + len(self.failed) + len(self.todo) + len(self.gone)


def sync(
    index: Index,
    model: Model,
    root: str | os.PathLike[str],
    *,
    rules: Rules | None = None,
    allow_empty: bool = False,
    stop: threading.Event | None = None,
) -> Iterator[Entry]:
    """Make an index equal to a folder, and yield what became of each picture, after its commit.

    New and changed files are embedded.  A file whose content the index knows is not: it was
    renamed, copied or touched.  What cannot be read stays recorded with its reason.  Items that a
    program has added (without a stamp) are left alone.

    Args:
        index: open for writing.
        model: of the same space as the index.
        root: the folder; the index remembers it, and belongs to no other while it exists.
        rules: what belongs to the folder; the index remembers it.  None: as it was the last time.
        allow_empty: empty the index when there is no picture at all, or none that it knows; remove
            what is gone from a folder whose own drive is not mounted any more.
        stop: ends it soon when it is set; what has been embedded is kept, and told.

    Raises:
        StoreError: the folder cannot be read, is another one or looks unmounted; or the index
            cannot be written.  What was yielded is kept.
        SpaceMismatch: the index holds vectors of another model, or of other options.
        ModelError: the model cannot be used.
    """
    known = index.records()
    made = plan(index, root, known, rules=rules, allow_empty=allow_empty)
    return carry_out(index, model, made, stop)


def plan(
    index: Index,
    root: str | os.PathLike[str],
    records: Records,
    *,
    rules: Rules | None = None,
    allow_empty: bool = False,
    below: Iterable[str] | None = None,
    step: Callable[[], object] = lambda: None,
) -> Plan:
    """Compare a folder with an index; nothing is opened or changed.

    Args:
        index: the index.
        root: the folder.
        records: what the index knows.
        rules: see `sync`.
        allow_empty: see `sync`.
        below: keys of files and folders that may have changed; None: all may have.
        step: called while the folder is looked at, for each folder in it and more often.

    Raises:
        StoreError: as `sync`.
    """
    folder = Path(os.path.realpath(root))
    _check_root(index, folder, records)
    rules = records.rules if rules is None else rules
    found = scan(folder, rules, own=index.path, below=below, step=step)
    made = _compared(Plan(folder, rules, records), found)
    if not allow_empty:
        _check_gone(index, made, found)
        _check_drives(index, made)
    return made


def carry_out(
    index: Index, model: Model, plan: Plan, stop: threading.Event | None = None
) -> Generator[Entry, None, None]:
    """Do what was planned; see `sync`."""
    # Only here: a plan without work needs none of it.
    from edgeclip.index.work import Work

    _check_model(index, model)
    stop = stop or threading.Event()
    _remember(index, plan)
    for entry in chain((Entry(key, "unchanged") for key in plan.unchanged), plan.failed):
        if stop.is_set():
            return
        yield entry
    if plan.todo or plan.gone or plan.forgotten:
        total = len(plan.todo) + len(plan.gone)
        yield from telling(index.path, Work(index, model, plan, stop).run(), total)


def _remember(index: Index, plan: Plan) -> None:
    """Keep with the index what it is kept true to."""
    records = plan.records
    if (records.root, records.rules) != (plan.root, plan.rules):
        index.write([root_setting(plan.root), rules_setting(plan.rules)])
        records.root, records.rules = plan.root, plan.rules
    if records.drives != plan.drives:
        index.write([drives_setting(plan.drives)])
        records.drives = plan.drives


def _compared(plan: Plan, found: Scan) -> Plan:
    """Sort what was found by what is known of it."""
    files, failed = plan.records.files, plan.records.failed
    plan.failed = [
        Entry(key or ".", "failed", f"it cannot be read: {reason}. Check its permissions.")
        for key, reason in sorted(found.unread.items())
    ]
    tried_with = f" {facts.decoders()}" if failed else ""
    for key, stamp in found.files.items():
        known, failure = files.get(key), failed.get(key)
        if known is not None and known.stamp == stamp:
            plan.unchanged.append(key)
        elif failure is not None and failure.stamp == stamp + tried_with:
            plan.failed.append(Entry(key, "failed", failure.reason, tried=False))
        elif key in plan.records.others:
            plan.failed.append(Entry(key, "failed", _TAKEN))
        else:
            plan.todo.append(key)
    plan.gone = dict.fromkeys(sorted(key for key in files if found.lacks(key)))
    plan.forgotten = sorted(key for key in failed if found.lacks(key))
    plan.drives = found.drives | {key for key in plan.records.drives if not found.lacks(key)}
    return plan


_TAKEN = "an item of this name was added by a program, and is left alone. Remove it first."


def _check_model(index: Index, model: Model) -> None:
    """Refuse to mix vectors that cannot be compared."""
    if model.space != index.space:
        raise SpaceMismatch(
            f"{index.path} holds vectors of {index.model or 'another model'} (space "
            f"{index.space[:12]}…), not of {model.name} with these options ({model.space[:12]}…). "
            "Use that model with its options, or another index."
        )


def _check_root(index: Index, root: Path, records: Records) -> None:
    """Refuse a second folder; one that has moved is the same."""
    own = Path(os.path.realpath(index.path))
    if root == own or own in root.parents:
        raise StoreError(
            f"{printable(str(root))} is in the index {index.path}, where no picture is looked for. "
            "Keep the index in a folder of its own."
        )
    old = records.root
    if old is None or old == root or not _is_there(old):
        return
    raise StoreError(
        f"{index.path} is the index of {printable(str(old))}, not of {printable(str(root))}. Give "
        "another index, or that folder."
    )


def _is_there(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except OSError:  # nobody may ask about it, so it is there
        return True


def _check_gone(index: Index, plan: Plan, found: Scan) -> None:
    """Refuse to empty an index because a drive is not mounted, or another is in its place."""
    count, gone = len(plan.records.files), len(plan.gone)
    moved = plan.records.root != plan.root  # None: a damaged index has lost it
    # Another folder in the place of the old one has to hold most of what the old one held.
    if not gone or (found.files and not (moved and gone > count // 2)):
        return
    root, left = printable(str(plan.root)), f"only {count - gone:,} of them"
    left = left if count > gone else "none of them"
    what = left if found.files else "no picture at all"
    raise StoreError(
        f"{index.path} knows {count:,} pictures, and {root} holds {what}: is its drive mounted? "
        "To empty the index all the same, give allow_empty=True."
    )


def lost_drive(plan: Plan) -> str | None:
    """Return a folder whose own drive is not mounted any more, though its items would be removed.

    Nobody can tell what is deleted on a drive that is not there; on one that is, files are deleted
    as anywhere, even all of them.
    """
    for drive in sorted(plan.records.drives):
        if _below(drive, plan.gone) and not _is_drive(plan.root / drive):
            return drive
    return None


def _check_drives(index: Index, plan: Plan) -> None:
    """Refuse to remove what is on a drive within the folder that is not mounted."""
    drive = lost_drive(plan)
    if drive is None:
        return
    count, path = _below(drive, plan.gone), printable(str(plan.root / drive))
    known = f"{count:,} picture{'' if count == 1 else 's'}"
    raise StoreError(
        f"{index.path} knows {known} below {path}, and no drive is mounted there any "
        "more. Mount it; to forget them all the same, give allow_empty=True."
    )


def _below(folder: str, keys: Iterable[str]) -> int:
    return sum(key.startswith(f"{folder}/") for key in keys)


def _is_drive(folder: Path) -> bool:
    try:
        return folder.stat().st_dev != folder.parent.stat().st_dev
    except OSError:
        return False
