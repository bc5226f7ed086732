"""Upkeep: what has to be looked after while jobs are done, in a thread of its own."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

from edgeclip.errors import EdgeclipError, StoreFull
from edgeclip.index import place
from edgeclip.serve.jobs.crew import Crew
from edgeclip.serve.jobs.queue import Queue
from edgeclip.serve.jobs.table import JobTable

LOOK_S = 0.1
"""How soon a result of another process is seen."""
CHECK_S = 1.0
"""How soon a worker that died, or a queue that lost something, is noticed."""
EXPIRE_S = 10.0
KEEP_CLOCK_S = 60.0
_MANY = 1000
_PATIENCE_S = 5.0


class Upkeep:
    """Collects, buries, refills, expires.

    Args:
        folder: of the jobs.
        table: the truth.
        queue: refilled when it has lost something.
        crew: the workers of other processes, if there may be some.
        keep_s: how long results are kept.
    """

    def __init__(
        self, folder: Path, table: JobTable, queue: Queue, crew: Crew | None, keep_s: float
    ) -> None:
        self.problem: str | None = None
        """What went wrong at the last look; a sentence for people."""
        self._folder, self._table, self._queue = folder, table, queue
        self._crew, self._keep_s = crew, keep_s
        self._was_empty = False
        self._due: dict[str, float] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="edgeclip-jobs", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Stop, and wait for that."""
        self._closing.set()
        self._thread.join(_PATIENCE_S)  # it may wait for a Redis that hangs

    def _run(self) -> None:
        period = LOOK_S if self._crew else CHECK_S
        while not self._closing.wait(period):
            try:
                self._look()
                self.problem = None
            except (EdgeclipError, OSError) as error:
                self.problem = str(error)

    def _look(self) -> None:
        is_lost = self._crew is not None and self._crew.collect()
        if self._is_due("check", CHECK_S):
            is_lost |= self._crew is not None and self._crew.bury()
            is_lost |= self._has_lost()
        if is_lost:
            self._queue.refill(self._table.waiting())
        if self._is_due("expire", EXPIRE_S):
            self._expire()
        if self._is_due("clock", KEEP_CLOCK_S):
            place.keep_ballast(self._folder)
            counts = self._table.counts()
            if counts["ok"] + counts["error"]:
                self._table.keep_clock()

    def _has_lost(self) -> bool:
        """Tell whether jobs wait that the queue does not know, at two looks in a row.

        Also whether it holds much that is outdated.
        """
        if self._queue.problem:
            return True
        was_empty, self._was_empty = self._was_empty, False
        size = self._queue.size()
        if size and size > _MANY:
            return size > 2 * len(self._table.waiting())  # hints of jobs that were cancelled
        # Between a hint that is taken and its job that is taken there is a moment.
        if size == 0 and self._table.waiting():
            self._was_empty = not was_empty
            return was_empty
        return False

    def _expire(self) -> None:
        with contextlib.suppress(StoreFull):
            self._table.expire(self._keep_s)
            return
        place.free_ballast(self._folder)  # SQLite needs room to delete
        self._table.expire(self._keep_s)

    def _is_due(self, what: str, period_s: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(what, 0.0):
            return False
        self._due[what] = now + period_s
        return True
