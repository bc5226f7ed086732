"""Work: what a plan of `edgeclip.index.folder` asks for: read, embed, commit, and then tell."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np

from edgeclip.errors import ImageRejected, InvalidItem
from edgeclip.index.changes import Amend, Change, Fail, Remove
from edgeclip.index.commits import MOST_ROWS, MOST_SECONDS
from edgeclip.index.folder import Entry, Plan, Status
from edgeclip.index.index import Index
from edgeclip.index.items import MAX_METADATA_BYTES, Item, metadata_text
from edgeclip.index.lane import Embedded, Lane
from edgeclip.index.reading import Reading, Unread, reader
from edgeclip.index.records import Failure, File
from edgeclip.model import facts
from edgeclip.model.model import Model
from edgeclip.model.prefetch import prefetched
from edgeclip.vectors import Vector

_READ_AHEAD = 3
_MOST_PENDING = 10
"""More than `Model.embed_images` decodes ahead, so that it never waits for the next picture."""
_MOST_SPARE = 4096
_POLL_S = 0.1
_MOST_FACTS_BYTES = 2048


class Work:
    """One run.  `Records` is ahead of the store by what waits for the next commit."""

    def __init__(self, index: Index, model: Model, plan: Plan, stop: threading.Event) -> None:
        self._index, self._model, self._plan, self._stop = index, model, plan, stop
        self._records = plan.records
        self._changes: list[Change] = []
        self._entries: list[Entry] = []
        self._since = 0.0
        # Vectors of contents that have lost their last key, but may turn up under another.
        self._spare: dict[bytes, Vector] = {}
        # Content hash → files that wait for the vector of the first of them.
        self._twins: dict[bytes, list[Reading]] = {}
        self._decoders = ""

    def run(self) -> Generator[Entry, None, None]:
        """Do all of it, or until it is stopped; yield each entry after its commit."""
        yield from self._embedded()
        yield from self._removed()
        yield from self._commit()

    def _removed(self) -> Iterator[Entry]:
        """Take out what is gone, and was not found under another name."""
        gone = [(key, Entry(key, "removed")) for key in self._plan.gone]
        for key, entry in (*gone, *((key, None) for key in self._plan.forgotten)):
            if self._stop.is_set():
                return
            self._note(Remove(key), entry)
            self._records.drop(key)
            yield from self._due()

    def _embedded(self) -> Iterator[Entry]:
        """Bring in what is new or changed."""
        read, budget = reader(self._plan.root, _described, self._plan.rules.follow_symlinks)
        readings = prefetched(read, self._plan.todo, workers=1, ahead=_READ_AHEAD)
        lane: Lane[Reading] = Lane(self._embed, lambda reading: budget.give(len(reading.data)))
        # Left in this order: without a budget the reader ends, and the lane is the last to go.
        with closing(lane), closing(readings), closing(budget):
            for found in readings:
                if self._stop.is_set():
                    break
                if isinstance(found, Unread):
                    self._unread(found)
                elif self._must_embed(found):
                    lane.put(found, found.data)
                else:
                    yield from self._known(found)
                    budget.give(len(found.data))
                yield from self._taken(lane, _MOST_PENDING)
            yield from self._taken(lane, 0)

    def _embed(self, pictures: Iterable[bytes]) -> Iterator[Embedded]:
        return self._model.embed_images(pictures, on_error="return")

    def _taken(self, lane: Lane[Reading], most: int) -> Iterator[Entry]:
        """Take vectors until no more than ``most`` are pending; commit what is due meanwhile.

        When it is stopped, it takes what is there.
        """
        while True:
            full = lane.pending > most
            for reading, found in lane.take(wait=_POLL_S if full else 0.0):
                for each in (reading, *self._twins.pop(reading.content_hash)):
                    self._arrived(each, found)
            yield from self._due()
            if lane.pending <= most or self._stop.is_set():
                return

    def _must_embed(self, reading: Reading) -> bool:
        """Tell whether the index lacks this content and nobody is embedding it."""
        content = reading.content_hash
        if content in self._twins:
            return False
        if content in self._spare or next(self._records.keys_of(content), None) is not None:
            return False
        self._set_aside(reading.key)
        self._twins[content] = []
        return True

    def _known(self, reading: Reading) -> Iterator[Entry]:
        """Bring in a content that needs no embedding."""
        key, content = reading.key, reading.content_hash
        known = self._records.files.get(key)
        if known is not None and known.content_hash == content:
            text = metadata_text(self._metadata(key, reading))
            self._note(Amend(key, text, stamp=reading.stamp), Entry(key, "unchanged"))
            self._records.put(key, File(reading.stamp, content))
            return
        self._set_aside(key)
        if content in self._twins:
            self._twins[content].append(replace(reading, data=b""))
            return
        holders = list(self._records.keys_of(content))
        gone = next((each for each in holders if each in self._plan.gone), None)
        if gone is not None:
            self._rename(gone, reading)
            return
        if holders:
            yield from self._commit()  # what it holds may be waiting
        item = self._index.get(holders[0]) if holders else None
        vector = self._spare.get(content) if item is None else item.vector
        if vector is None:
            reason = "what the index has of its content is damaged. Index again."
            self._unread(Unread(key, reason, passing=True))
        else:
            self._arrived(reading, vector)

    def _rename(self, old: str, reading: Reading) -> None:
        key, text = reading.key, metadata_text(self._metadata(old, reading))
        self._note(Amend(old, text, key, reading.stamp), Entry(key, "renamed"))
        del self._plan.gone[old]
        self._records.drop(old)
        self._records.put(key, File(reading.stamp, reading.content_hash))

    def _metadata(self, key: str, reading: Reading) -> dict[str, Any]:
        """Return the facts of a file with what programs have added to those of its item."""
        item = self._index.get(key) if key in self._records.files else None
        before = {} if item is None or item.metadata is None else item.metadata
        added = {name: value for name, value in before.items() if name not in facts.FIELDS}
        # What a program has filled to the brim has no room for longer facts.
        room = len(json.dumps(added)) < MAX_METADATA_BYTES - _MOST_FACTS_BYTES
        return reading.metadata | (added if room else {})

    def _arrived(self, reading: Reading, found: Embedded) -> None:
        """Note a vector, or why there is none."""
        key, stamp, content = reading.key, reading.stamp, reading.content_hash
        status: Status = "updated" if key in self._records.files else "added"
        try:
            if isinstance(found, ImageRejected):
                raise found
            metadata = self._metadata(key, reading)
            change = self._index.put(Item(key, found, metadata, content, stamp))
        except (ImageRejected, InvalidItem) as error:
            # Its name stands before the reason.
            self._fail(key, stamp, re.sub("^the picture ", "it ", str(error)))
            return
        self._note(change, Entry(key, status))
        self._records.put(key, File(stamp, content))

    def _unread(self, found: Unread) -> None:
        """Note a file that could not be read: what the index has of it stays, and may be right."""
        if found.stamp is not None:
            self._fail(found.key, found.stamp, found.reason)
            return
        failure, change = Failure(None, found.reason), None
        lasting = not found.passing and found.key not in self._records.files
        if lasting and self._records.failed.get(found.key) != failure:
            change = Fail(found.key, *failure)
            self._records.fail(found.key, failure)
        self._note(change, Entry(found.key, "failed", found.reason))

    def _fail(self, key: str, stamp: str, reason: str) -> None:
        self._decoders = self._decoders or facts.decoders()
        failure = Failure(f"{stamp} {self._decoders}", reason)
        self._note(Fail(key, *failure), Entry(key, "failed", reason))
        self._records.fail(key, failure)

    def _set_aside(self, key: str) -> None:
        """Keep the vector of a content that is about to be overwritten: files may have rotated."""
        known = self._records.files.get(key)
        if known is None or known.content_hash is None or len(self._spare) >= _MOST_SPARE:
            return
        if all(each == key for each in self._records.keys_of(known.content_hash)):
            item = self._index.get(key)
            if item is not None and item.content_hash == known.content_hash:
                self._spare[known.content_hash] = np.asarray(item.vector)

    def _note(self, change: Change | None, entry: Entry | None) -> None:
        """Keep a change, and what is to be told of it, for the next commit."""
        if not (self._changes or self._entries):
            self._since = time.monotonic()
        self._changes += [] if change is None else [change]
        self._entries += [] if entry is None else [entry]

    def _due(self) -> Iterator[Entry]:
        """Commit if enough has gathered, or it has waited long enough."""
        full = max(len(self._changes), len(self._entries)) >= MOST_ROWS
        waited = bool(self._entries) and time.monotonic() - self._since >= MOST_SECONDS
        if full or waited:
            yield from self._commit()

    def _commit(self) -> Iterator[Entry]:
        changes, entries = self._changes, self._entries
        self._changes, self._entries = [], []
        if changes:
            self._index.write(changes)
        yield from entries


def _described(data: bytes, status: os.stat_result) -> dict[str, Any]:
    return facts.facts(data, status.st_mtime)
