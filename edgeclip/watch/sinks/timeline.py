"""Timeline: what was seen, as an index that is searched with words: when did the red van arrive?

A timeline is the folder of an index with the folder ``pictures`` in it, and is moved as one::

    door.timeline/
      store.db …      the index; its root is "pictures"
      pictures/2026-05-01/door-person-3f9c0a1b2c3d.jpg

Its items are the events that have ended, with their best frame, and moments: frames that were new
against what was kept before them.  A frame is kept once: the event stands for it.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from edgeclip.errors import EdgeclipError, StoreError
from edgeclip.index.index import Index
from edgeclip.index.records import root_setting
from edgeclip.model.images import PictureSource
from edgeclip.vectors import Vector
from edgeclip.watch.events import Event
from edgeclip.watch.names import file_name
from edgeclip.watch.sinks.pictures import SUFFIX, Pictures
from edgeclip.watch.sinks.reasons import reason
from edgeclip.watch.sinks.retention import STEADY, Retention

PICTURES = "pictures"
_VISIT_S = 60.0
"""What was kept so shortly before belongs to the same visit: it makes nothing familiar."""
_MOST_RECENT, _LATELY, _MOST_UNDATED = 256, 32, 1000
_SAME = timedelta(milliseconds=50)
"""A frame that is told twice differs by less: clocks are put right a little at a time."""
# A moment is kept when it is newer than the bar, which then rises above it and sinks by half in ten
# minutes: about 16 an hour from a scene that never stays the same, none from one that does.
_LEAST_BAR, _RISE, _HALF_S = 0.03, 1.3, 600.0


class Timeline:
    """Keep what was seen.  Any thread may call any method.

    Nothing is ever removed because of the wall clock: ages are counted on ``steady``, and once an
    hour at most a tenth of the items is removed for its age.  When the disk is full, events go on;
    `notes` tells what was not kept.

    Args:
        path: its folder; made when it is missing.
        space: space id of the vectors (`Model.space`).
        model_name: remembered by a new timeline, for ``edgeclip search``.
        pictures: False for privacy: only vectors and times are kept from now on.
        keep_days: remove what is older, in days that the camera has watched; None: nothing.
        keep_bytes: remove the oldest when pictures and vectors take more, about; None: nothing.
        steady: seconds that only grow, also over restarts (`edgeclip.watch.clock.Clock.steady`).

    Raises:
        StoreError, SpaceMismatch: it cannot be opened, see `Index.open`; or it is the index of a
            folder of pictures.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        space: str,
        model_name: str = "",
        *,
        pictures: bool = True,
        keep_days: float | None = None,
        keep_bytes: int | None = None,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._private = not pictures
        self._lock = threading.RLock()
        self._reason = ""
        self.lost = 0
        """Events, moments and pictures that could not be kept."""
        # The graph of a large index would be built while the camera watches.
        self.index = Index.open(path, space, model=model_name, hnsw=False)
        self._pictures = Pictures(self.index.path / PICTURES)
        try:
            self._check_root()
            self._retention = Retention(self.index, self._pictures, keep_days, keep_bytes)
            if pictures and self.index.root is None:
                self.index.write([root_setting(Path(PICTURES))])
        except BaseException:
            self.index.close()
            raise
        # Clocks that have lost their memory begin again below what they once said.
        self._clock, self._offset = steady, max(0.0, self._retention.newest() - steady())
        self._recent: deque[tuple[float, str]] = deque(maxlen=_MOST_RECENT)
        self._moments: deque[tuple[str, datetime, str]] = deque(maxlen=_MOST_RECENT)
        last = map(self.index.get, list(self.index)[-_LATELY:])
        self._lately = deque((item.vector for item in last if item), maxlen=_LATELY)
        self._bar, self._barred = _LEAST_BAR, 0.0
        # Keys from before the board knew the time, and wall − steady time of then.
        self._undated: deque[tuple[str, float]] = deque(maxlen=_MOST_UNDATED)

    def __call__(self, event: Event) -> None:
        """Keep an event when it has ended: its best frame, unless that has no vector."""
        if event.state != "ended" or event.vector is None:
            return
        record = event.record()
        known = {name: record[name] for name in ("camera", "rule", "peak", "end", "duration_s")}
        known |= {name: record[name] for name in ("score", "box", "clock_set")}
        known |= {"time": record["start"], "event": event.id}
        with self._lock:
            novelty = self.novelty(event.vector, before_s=event.duration_s + _VISIT_S)
            known["novelty"] = round(novelty, 4)
            now = event.end or event.peak
            if self._keep(file_name(event.id), now, event.vector, known, event.picture):
                self._stand_for_moment(event)

    def see(
        self,
        picture: PictureSource | None,
        vector: Vector,
        time: datetime,
        *,
        camera: str = "",
        clock_set: bool = True,
    ) -> bool:
        """Keep a frame when it is new against what was kept lately; tell whether it was.

        Args:
            picture: the frame, or None.
            vector: of the frame.
            time: when it was taken: about now.
            camera: its name.
            clock_set: whether the board knows the time.
        """
        with self._lock:
            now = self.now()
            self._bar *= 0.5 ** ((now - self._barred) / _HALF_S)
            self._bar, self._barred = max(self._bar, _LEAST_BAR), now
            new = 1.0 - max((float(vector @ kept) for kept in self._lately), default=0.0)
            if new < self._bar:
                return False
            if self._lately:  # the very first is new by itself, not because much happens here
                self._bar = max(self._bar, new) * _RISE
            known = {
                "camera": camera,
                "clock_set": clock_set,
                "time": time.isoformat(timespec="milliseconds"),
                "novelty": round(self.novelty(vector), 4),
            }
            name = file_name(f"{time:%H%M%S}-{camera}".rstrip("-"))
            kept = self._keep(name, time, vector, known, picture)
            if kept:
                self._moments.append((camera, time, self._recent[-1][1]))
            return kept

    def novelty(self, vector: Vector, *, before_s: float = _VISIT_S) -> float:
        """Return 1 − the greatest cosine with all that was kept: 1.0 when there is nothing.

        Args:
            vector: of a frame.
            before_s: what was kept in the last seconds does not count: it is the same visit.
        """
        with self._lock:
            since = self.now() - before_s
            same = {key for kept, key in self._recent if kept > since}
            found = self.index.search(vector, count=len(same) + 1) if len(self.index) else []
        scores = [match.score for match in found if match.key not in same]
        return 1.0 - scores[0] if scores else 1.0

    def now(self) -> float:
        """Return the steady time; never less than that of an item that is kept."""
        return self._clock() + self._offset

    @property
    def notes(self) -> list[str]:
        """What was mended and what was not kept since it was opened; sentences for people."""
        notes = list(self.index.notes)
        if self.lost:
            notes.append(f"Not all could be kept in {self.index.path}: {self._reason}")
        return notes

    def prune(self) -> int:
        """Remove what is too old or too much, a tenth at most; return how many were removed."""
        with self._lock:
            return self._retention.prune(self.now())

    def close(self) -> None:
        """Close it."""
        self.index.close()

    def _check_root(self) -> None:
        root = self.index.root
        if root is not None and root != self.index.path / PICTURES:
            raise StoreError(
                f"{self.index.path} is an index of the pictures in {root}. Give the timeline a "
                "folder of its own."
            )

    def _keep(
        self,
        name: str,
        wall: datetime,
        vector: Vector,
        known: dict[str, Any],
        picture: PictureSource | None,
    ) -> bool:
        """Keep an item; the picture first, so that no item lacks its own."""
        known[STEADY] = round(self.now(), 3)
        name = self._free(f"{known['time'][:10]}/{name}")
        shown = picture is not None and not self._private
        kept = shown and self._add(name + SUFFIX, vector, known, picture)
        # Without its picture it is small, and may find room where both do not.
        if not kept and not self._add(name, vector, known, None):
            return False
        self._lately.append(np.asarray(vector, np.float32))
        with contextlib.suppress(EdgeclipError):  # the disk is full; it is tried again
            self._date(wall, known["clock_set"])
            self.prune()
        return True

    def _stand_for_moment(self, event: Event) -> None:
        """Remove the moment of the best frame of an event that was kept just now."""
        shown = self._recent[-1][1].endswith(SUFFIX)
        same = [
            key
            for camera, time, key in self._moments
            if camera == event.camera and abs(time - event.peak) < _SAME and key in self.index
        ]
        with contextlib.suppress(EdgeclipError):  # the disk is full: it is found twice
            # A picture is not given for an item that has none.
            self._retention.remove([key for key in same if shown or not key.endswith(SUFFIX)])

    def _add(
        self, key: str, vector: Vector, known: dict[str, Any], picture: PictureSource | None
    ) -> bool:
        size = 0
        try:
            if picture is not None:
                size = self._pictures.write(key, picture)
            self.index.add(key, vector, known)
        except (EdgeclipError, OSError) as error:
            self._pictures.remove(key)
            self.lost, self._reason = self.lost + 1, reason(error)
            return False
        self._retention.added(size)
        self._recent.append((known[STEADY], key))
        return True

    def _date(self, wall: datetime, clock_set: bool) -> None:
        """Correct the times of this run from before the board knew the time, once it does.

        Args:
            wall: about now, as what was just kept has it.
            clock_set: whether that is right.
        """
        offset = wall.timestamp() - self.now()
        if not clock_set:
            self._undated.append((self._recent[-1][1], offset))
            return
        while self._undated:
            key, before = self._undated[0]
            item = self.index.get(key)
            if item is not None and item.metadata is not None:
                moved = {
                    name: _later(item.metadata[name], offset - before)
                    for name in ("time", "peak", "end")
                    if item.metadata.get(name)
                }
                self.index.update(key, {**item.metadata, **moved, "clock_set": True})
            self._undated.popleft()
            later = timedelta(seconds=offset - before)
            for place, (camera, taken, moment) in enumerate(self._moments):
                if moment == key:
                    self._moments[place] = camera, taken + later, key

    def _free(self, key: str) -> str:
        """Return a name that nothing has: what was kept is never written over."""
        number, free = 1, key
        while free in self.index or free + SUFFIX in self.index:
            number += 1
            free = f"{key}-{number}"
        return free


def _later(text: str, seconds: float) -> str:
    moved = datetime.fromisoformat(text) + timedelta(seconds=seconds)
    return moved.astimezone().isoformat(timespec="milliseconds")
