"""Progress: how far an index is on its way to equal its folder, as every process sees it.

It stands in the cache, where anything may be lost at any moment, and nothing waits for the disk.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from edgeclip.index import place

_NAME = "progress.json"
_EVERY_S = 2.0
_FRESH_S = 60.0
"""What was told before that was told by a process that has died, or before a restart."""
_T = TypeVar("_T")


class Progress(NamedTuple):
    """Of the pictures that are new, changed or gone."""

    done: int
    total: int


def telling(folder: Path, entries: Generator[_T, None, None], total: int) -> Iterator[_T]:
    """Pass entries on, and tell now and then how many of ``total`` have come.

    Args:
        folder: of the index.
        entries: closed when this is.
        total: how many there will be, at most.
    """
    due = 0.0
    with contextlib.closing(entries), contextlib.ExitStack() as stack:
        stack.callback(_forget, folder)
        _tell(folder, Progress(0, total))
        for done, entry in enumerate(entries, 1):
            if (now := time.monotonic()) >= due:
                _tell(folder, Progress(done, total))
                due = now + _EVERY_S
            yield entry


def told(folder: Path) -> Progress | None:
    """Return what was told lately, or None."""
    try:
        found = json.loads((folder / place.CACHE / _NAME).read_bytes())
        # The same clock in all processes, until the next start of the machine.
        age = time.monotonic() - float(found["at"])
        progress = Progress(int(found["done"]), int(found["total"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return progress if 0 <= age <= _FRESH_S else None


def _tell(folder: Path, progress: Progress) -> None:
    path = folder / place.CACHE / _NAME
    draft = path.with_name(f"{_NAME}.new")
    with contextlib.suppress(OSError):
        draft.write_text(json.dumps(progress._asdict() | {"at": time.monotonic()}), "ascii")
        draft.replace(path)


def _forget(folder: Path) -> None:
    with contextlib.suppress(OSError):
        (folder / place.CACHE / _NAME).unlink(missing_ok=True)
