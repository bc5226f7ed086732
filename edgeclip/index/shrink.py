"""Shrink: a database gives the pages that it does not use back to the disk."""

from __future__ import annotations

from edgeclip.index.database import Database

_AT_ONCE = 500
"""Pages a commit: others may write in between."""


def shrink(database: Database) -> None:
    """Give unused pages back.

    Raises:
        StoreError: see `Database.writing`.
    """
    ((free,),) = database.execute("PRAGMA freelist_count")
    for start in range(0, free, _AT_ONCE):
        count = min(_AT_ONCE, free - start)
        with database.writing(count):
            # One each time: Python takes a single step of a statement that has no rows.
            for _ in range(count):
                database.execute("PRAGMA incremental_vacuum(1)")
