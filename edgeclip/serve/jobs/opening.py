"""From a folder to an open table of jobs: made where it is missing, set aside where damaged."""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path

from edgeclip.errors import StoreDamaged
from edgeclip.index import place
from edgeclip.index.database import Database, files
from edgeclip.serve.jobs.schema import QUEUE, ROOTS, SPACE, STEADY, TABLES
from edgeclip.serve.jobs.table import DAMAGED, NAME, JobTable
from edgeclip.watch.clock import Clock


def opened(folder: Path, clock: Clock | None = None) -> tuple[JobTable, str | None]:
    """Open the table for writing, also when it is damaged; return what there is to say about it.

    A damaged one is set aside, in place of an earlier one: a device that nobody looks after takes
    new jobs rather than none.

    Raises:
        StoreFull, StoreError: it cannot be written.
    """
    if not (folder / DAMAGED).exists():
        with contextlib.suppress(StoreDamaged):
            return _made(folder, clock), None
    aside = folder / f"{NAME}.damaged"
    for old, new in zip(files(folder / NAME), files(aside), strict=True):
        new.unlink(missing_ok=True)
        if old.exists():
            old.rename(new)
    note = f"The table of jobs was damaged: it is kept as {aside}, and its jobs are lost."
    table = _made(folder, clock)
    (folder / DAMAGED).unlink(missing_ok=True)
    return table, note


def _made(folder: Path, clock: Clock | None) -> JobTable:
    if not (folder / NAME).exists():
        _create(folder / NAME)
    return JobTable(folder, clock=clock)


def _create(path: Path) -> None:
    """Make an empty table that appears whole or not at all."""
    draft = path.with_name(f"{path.name}.new")
    for old in files(draft):
        old.unlink(missing_ok=True)
    settings = f"('{STEADY}', 0.0), ('{QUEUE}', '{uuid.uuid4().hex}'), ('{ROOTS}', '[]')"
    settings += f", ('{SPACE}', '')"
    Database.create(draft, f"{TABLES} INSERT INTO setting VALUES {settings}")
    with contextlib.closing(Database.open(draft, read_only=False)) as database:
        database.checkpoint("TRUNCATE")  # a log that stays behind would be lost
    place.publish(draft, path)
