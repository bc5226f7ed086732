"""Upkeep: what has to be looked after while jobs are done, in a thread of its own."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
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
        self._troubles: dict[str, str | None] = {}
        """Step → what went wrong when it was taken last."""
        self._folder, self._table, self._queue = folder, table, queue
        self._crew, self._keep_s = crew, keep_s
        self._unknown: set[str] = set()
        """Jobs that waited at the last look, and that the queue did not know."""
        self._is_lost = False
        self._due: dict[str, float] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="edgeclip-jobs", daemon=True)

    @property
    def problem(self) -> str | None:
        """What is wrong at the moment; a sentence for people."""
        return next(filter(None, list(self._troubles.values())), None)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more."""
        self._closing.set()

    def close(self, until: float) -> None:
        """Stop, and wait for that until `time.monotonic` is that."""
        self.stop()
        self._thread.join(max(0.0, until - time.monotonic()))  # it may wait for a Redis that hangs

    def _run(self) -> None:
        period = LOOK_S if self._crew else CHECK_S
        while not self._closing.wait(period):
            self._look()

    def _look(self) -> None:
        """Take each step that is due."""
        # What gives room on a full disk comes first.
        steps = [self._expire] if self._is_due("expire", EXPIRE_S) else []
        steps += [self._collect] if self._crew else []
        steps += [self._bury, self._check] if self._is_due("check", CHECK_S) else []
        steps += [self._refill]
        steps += [self._keep_clock] if self._is_due("clock", KEEP_CLOCK_S) else []
        for step in steps:
            self._troubles[step.__name__] = _trouble(step)

    def _collect(self) -> None:
        if self._crew is not None:
            self._is_lost |= self._crew.collect()

    def _bury(self) -> None:
        if self._crew is not None:
            self._is_lost |= self._crew.bury()

    def _check(self) -> None:
        self._is_lost |= self._has_lost()

    def _refill(self) -> None:
        if self._is_lost:
            self._queue.refill(self._table.waiting)
            self._is_lost = False

    def _keep_clock(self) -> None:
        place.keep_ballast(self._folder)
        counts = self._table.counts()
        if counts["ok"] + counts["error"]:
            self._table.keep_clock()

    def _has_lost(self) -> bool:
        """Tell whether a job waits that the queue does not know, at two looks in a row.

        Also whether it holds much that is outdated.
        """
        if self._queue.problem or self._queue.missed:
            return True
        before, self._unknown = self._unknown, set()
        size = self._queue.size()
        if size and size > _MANY:
            return size > 2 * len(self._table.waiting())  # hints of jobs that were cancelled
        if size == 0:
            # Between a hint that is taken and its job that is taken there is a moment.
            self._unknown = {hint.id for hint in self._table.waiting()}
        return bool(self._unknown & before)

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


def _trouble(step: Callable[[], None]) -> str | None:
    """Take a step, and return what went wrong; the others must not suffer for it."""
    try:
        step()
    except (EdgeclipError, OSError) as error:
        return str(error)
    return None
