"""Parts: a folder of Parquet files in which each key stands once, and what is known of its rows.

A part appears whole or not at all.  A picture that is embedded again has two rows until the older
part has been written anew without its; the younger one counts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import IO

from edgeclip.errors import SpaceMismatch
from edgeclip.grow import parquet, tables
from edgeclip.grow.places import Local, Place, is_address, place
from edgeclip.grow.sources import Entry
from edgeclip.grow.tables import Head, Row
from edgeclip.model.headers import printable
from edgeclip.watch.lock import Lock

SUFFIX = ".parquet"
_NUMBER = re.compile(r"part-(\d{8})\.parquet")


class Parts:
    """What has been embedded into one place; one process at a time writes."""

    def __init__(self, where: str | os.PathLike[str], head: Head) -> None:
        """Look at what is there.

        Raises:
            SpaceMismatch: there are vectors of another model, or of other options.
            EdgeclipError: nothing can be read or written there; or another process writes there.
        """
        tables.arrow()
        self._place: Place = place(where)
        self.head = head
        self._lock = self._locked()
        self._known: dict[str, tuple[int, str | None, bool]] = {}
        self._names: list[str] = []
        # Part → keys in it that a younger part has, too.
        self._stale: dict[int, set[str]] = {}
        for name in filter(_NUMBER.fullmatch, self._place.files(SUFFIX)):
            self._look(name)
        self.tidy()

    def close(self) -> None:
        """Let others write."""
        if self._lock is not None:
            self._lock.close()

    def lacks(self, entry: Entry, decoders: str) -> bool:
        """Tell whether a picture is to be embedded: new, changed, or one that could not be read.

        Args:
            entry: its key and stamp.
            decoders: what decodes pictures here; what another one failed at is tried again.
        """
        key, stamp = entry
        known = self._known.get(key)
        if known is None:
            return True
        _, kept, failed = known
        if failed:
            return kept is None or stamp is None or kept != f"{stamp} {decoders}"
        return stamp is not None and kept != stamp

    def has_failed(self, key: str) -> bool:
        """Tell whether the row of a picture is an error."""
        known = self._known.get(key)
        return known is not None and known[2]

    def forget_failed(self, listed: Callable[[str], bool]) -> None:
        """Take out the errors of what is not there any more."""
        gone = [key for key, (_, _, bad) in self._known.items() if bad and not listed(key)]
        for key in gone:
            number, _, _ = self._known.pop(key)
            self._stale.setdefault(number, set()).add(key)

    def add(self, rows: list[Row]) -> None:
        """Keep rows as a new part; they are durable when this returns."""
        last = _NUMBER.fullmatch(self._names[-1]) if self._names else None
        name = f"part-{int(last[1]) + 1 if last else 0:08}{SUFFIX}"
        self._keep(name, rows)
        self._names.append(name)
        for row in rows:
            self._note(row.key, row.stamp, row.error is not None)

    def tidy(self) -> None:
        """Write what is left of parts, some of whose rows a younger one has, as new parts.

        Not everything that keeps files can replace one.
        """
        for number, keys in sorted(self._stale.items()):
            name, stale = self._names[number], set(keys)
            kept = [row for rows in self._read(name) for row in rows if row.key not in stale]
            if kept:
                self.add(kept)
            self._place.remove(name)
        self._stale.clear()

    def _look(self, name: str) -> None:
        title = f"{self._place.name}/{name}"
        with self._place.open(name) as file:
            head = parquet.head_of(file, title)
        if (head.space, head.dim) != (self.head.space, self.head.dim):
            raise SpaceMismatch(
                f"{title} holds vectors of {printable(head.model) or 'another model'} (space "
                f"{head.space[:12]}…), not of {self.head.model} with these options "
                f"({self.head.space[:12]}…). Use that model with its options, or another folder."
            )
        self._names.append(name)
        with self._place.open(name) as file:
            for key, stamp, failed in parquet.states(file, title):
                self._note(key, stamp, failed)

    def _note(self, key: str, stamp: str | None, failed: bool) -> None:
        number = len(self._names) - 1
        before = self._known.get(key)
        if before is not None and failed and stamp is None and not before[2]:
            # It could not be read this time: its vector is worth more than that.
            self._stale.setdefault(number, set()).add(key)
            return
        if before is not None and before[0] != number:
            self._stale.setdefault(before[0], set()).add(key)
        self._known[key] = (number, stamp, failed)

    def _read(self, name: str) -> Iterator[list[Row]]:
        with self._place.open(name) as file:
            yield from parquet.read(file, f"{self._place.name}/{name}")

    def _keep(self, name: str, rows: list[Row]) -> None:
        def write(file: IO[bytes]) -> None:
            with parquet.writer(file, self.head) as put:
                put(rows)

        self._place.keep(name, write)

    def _locked(self) -> Lock | None:
        """Be the one writer; of an address nobody can tell."""
        if not isinstance(self._place, Local):
            return None
        taken = (
            f"another process embeds into {self._place.name}. Wait for it, or give another folder."
        )
        lock = Lock(self._place.folder / ".lock", folder="folder", taken=taken)
        self._place.sweep()
        return lock


def files_of(where: str | os.PathLike[str]) -> tuple[Place, list[str]]:
    """Return the place and names of the Parquet files that a path or an address names.

    Args:
        where: a folder of them, or one of them.
    """
    text = os.fspath(where)
    if not text.endswith(SUFFIX) or _is_folder(text):
        found = place(text)
        return found, found.files(SUFFIX)
    folder, _, name = text.rpartition("/")
    return place(folder or "."), [name]


def _is_folder(text: str) -> bool:
    return not is_address(text) and os.path.isdir(text)  # noqa: PTH112
