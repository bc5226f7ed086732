"""The truth about jobs: one table, durable, written by one process.

A status changes by compare-and-set, so a job has one result, however often it was run.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from edgeclip.errors import Busy, StoreDamaged, StoreError, StoreFull
from edgeclip.index import header
from edgeclip.index.database import Database
from edgeclip.index.shrink import shrink
from edgeclip.serve.jobs.job import Hint, Job, Kept, Status, Task
from edgeclip.serve.jobs.schema import FORMAT, QUEUE, ROOTS, SPACE, STEADY
from edgeclip.watch.clock import Clock

NAME = "jobs.db"
CANCELLED = "cancelled"
PRIORITIES = range(-(2**31), 2**31)
"""Higher and lower ones count as the nearest of these."""
_MOST_FINISHED = 100_000
"""Results that are kept at most, the newest; about a gigabyte with vectors of 512 numbers."""
_AT_ONCE = 500
_PAGES = 4
DAMAGED = "jobs.damaged"
"""A mark left by whoever met a damaged page: the next opening sets the table aside."""


class JobTable:
    """The jobs of one folder.  Any thread may call any method.

    Args:
        folder: where the table lies; `edgeclip.serve.jobs.opening` makes it.
        read_only: look at what another process writes.
        clock: measures how long a result is kept.
    """

    def __init__(
        self, folder: Path, *, read_only: bool = False, clock: Clock | None = None
    ) -> None:
        self._path = folder / NAME
        self._read_only = read_only
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        self._running: dict[str, str] = {}
        """Job → who runs it."""
        with self._told():
            header.check(self._path)
            self._db = Database.open(self._path, read_only=read_only)
        try:
            self._check_format()
            self._clock.restore({"steady": float(self._setting(STEADY))})
            self.queue = str(self._setting(QUEUE))
            """Names the queue of these jobs, and no others, wherever it is kept."""
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file; what is still running is put back by the next start."""
        self._db.close()

    def tell(self, roots: Sequence[Path], space: str) -> None:
        """Tell other workers which folders may be read, and the space of the vectors."""
        told = {ROOTS: json.dumps([str(root) for root in roots]), SPACE: space}
        for name, value in told.items():
            if value != self._kept(name):
                with self._told(), self._db.writing(1):
                    self._db.execute("REPLACE INTO setting VALUES (?, ?)", (name, value))

    @property
    def space(self) -> str:
        """Space id of the vectors, as the service was started last."""
        return str(self._kept(SPACE) or "")  # an older table has none

    def roots(self) -> list[Path]:
        """Return the folders that may be read, as the service was told last."""
        return [Path(root) for root in json.loads(self._setting(ROOTS))]

    def add(
        self, job_id: str, inputs: Sequence[Kept], *, normalize: bool, priority: int, most: int
    ) -> Hint:
        """Keep a new job, durably.

        Raises:
            Busy: that many wait already.
            StoreFull, StoreError: it cannot be kept.
        """
        told = json.dumps([[each.name, each.uploaded] for each in inputs])
        priority = min(max(priority, PRIORITIES[0]), PRIORITIES[-1])
        with self._told(), self._db.writing(_PAGES + len(told) // 4096):
            self.check_room(most)
            ((number,),) = self._db.execute(
                "INSERT INTO job (id, status, priority, normalize, inputs) "
                "VALUES (?, 'queued', ?, ?, ?) RETURNING number",
                (job_id, priority, normalize, told),
            )
        return Hint(job_id, priority, number)

    def check_room(self, most: int) -> None:
        """Refuse one more job where that many wait or run.

        Raises:
            Busy: they do.
        """
        if self._unfinished() >= most:
            raise Busy(f"{most} jobs wait already. Send this one again later.")

    def take(self, job_id: str, worker: str) -> Task | None:
        """Give a job to a worker; None: it is not to be had any more."""
        with self._lock:
            if job_id in self._running:
                return None
            task = self.task(job_id)
            if task is not None:
                self._running[job_id] = worker
            return task

    def task(self, job_id: str) -> Task | None:
        """Return what a job has to do; None: it is finished, or unknown."""
        with self._told():
            rows = self._db.execute(
                "SELECT inputs, normalize FROM job WHERE id = ? AND status = 'queued'", (job_id,)
            )
        if not rows:
            return None
        ((told, normalize),) = rows
        inputs = tuple(Kept(name, uploaded) for name, uploaded in json.loads(told))
        return Task(job_id, inputs, bool(normalize))

    def finish(self, job_id: str, output: dict[str, Any] | None, error: str | None = None) -> bool:
        """Keep what became of a job, durably; tell whether that is its one result.

        Args:
            job_id: the job.
            output: None: it failed.
            error: why it failed.
        """
        told = None if output is None else json.dumps(output)
        steady = self._clock.steady()
        with self._told(), self._db.writing(_PAGES + len(told or "") // 4096):
            changed = self._db.execute(
                "UPDATE job SET status = ?, output = ?, error = ?, finished = ? "
                "WHERE id = ? AND status = 'queued' RETURNING id",
                ("error" if told is None else "ok", told, error, steady, job_id),
            )
            if changed:
                self._keep_steady(steady)
        with self._lock:
            self._running.pop(job_id, None)
        return bool(changed)

    def put_back(self, worker: str, *, only: str | None = None) -> list[str]:
        """Take back what a worker had, or one job of it; return the ids."""
        with self._lock:
            had = [each for each, by in self._running.items() if by == worker]
            back = [each for each in had if only in (None, each)]
            for each in back:
                del self._running[each]
        return back

    def job(self, job_id: str) -> Job | None:
        """Return what is known of a job; None: it is unknown, or its result has expired."""
        with self._told():
            rows = self._db.execute(
                "SELECT status, priority, output, error FROM job WHERE id = ?", (job_id,)
            )
        if not rows:
            return None
        ((status, priority, output, error),) = rows
        with self._lock:
            runs = status == "queued" and job_id in self._running
        shown = cast("Status", "running" if runs else status)
        return Job(job_id, shown, priority, None if output is None else json.loads(output), error)

    def waiting(self) -> list[Hint]:
        """Return the jobs that nobody runs, first things first."""
        with self._told():
            rows = self._db.execute(
                "SELECT id, priority, number FROM job WHERE status = 'queued' "
                "ORDER BY priority DESC, number"
            )
        with self._lock:
            return [Hint(*row) for row in rows if row[0] not in self._running]

    def counts(self) -> dict[Status, int]:
        """Return how many jobs there are of each status."""
        with self._told():
            rows = self._db.execute(
                "SELECT status, count(*) FROM job WHERE status != 'queued' GROUP BY status"
            )
        unfinished, over = self._unfinished(), dict(rows)
        with self._lock:
            running = min(len(self._running), unfinished)
        ok, error = over.get("ok", 0), over.get("error", 0)
        return {"queued": unfinished - running, "running": running, "ok": ok, "error": error}

    def unfinished(self) -> set[str]:
        """Return the ids of the jobs that wait or run."""
        with self._told():
            rows = self._db.execute("SELECT id FROM job WHERE status = 'queued'")
        return {job_id for (job_id,) in rows}

    def expire(self, keep_s: float) -> int:
        """Forget results that are older than that, and the oldest of too many; return how many."""
        gone = 0
        # Looked at first: a commit costs a write of the disk.
        while old := self._old(keep_s):
            with self._told(), self._db.writing(_AT_ONCE):
                for number in old:
                    self._db.execute("DELETE FROM job WHERE number = ?", (number,))
            gone += len(old)
        if gone:
            with self._told():
                shrink(self._db)
        return gone

    def keep_clock(self) -> None:
        """Keep the steady time, so that results age on after a restart."""
        with self._told(), self._db.writing(1):
            self._keep_steady(self._clock.steady())

    def _old(self, keep_s: float) -> list[int]:
        with self._told():
            many = self._db.execute(
                "SELECT finished FROM job WHERE status != 'queued' ORDER BY finished DESC "
                "LIMIT 1 OFFSET ?",
                (_MOST_FINISHED,),
            )
            before = self._clock.steady() - keep_s
            rows = self._db.execute(
                "SELECT number FROM job WHERE status != 'queued' AND finished <= ? "
                "ORDER BY finished LIMIT ?",
                (max([before, *(each for (each,) in many)]), _AT_ONCE),
            )
        return [number for (number,) in rows]

    def _unfinished(self) -> int:
        with self._told():
            ((count,),) = self._db.execute("SELECT count(*) FROM job WHERE status = 'queued'")
        return int(count)

    def _keep_steady(self, steady: float) -> None:
        self._db.execute("UPDATE setting SET value = ? WHERE name = ?", (steady, STEADY))

    def _setting(self, name: str) -> Any:
        found = self._kept(name)
        if found is None:
            raise header.damaged(self._path, f"no {name}")
        return found

    def _kept(self, name: str) -> Any:
        with self._told():
            rows = self._db.execute("SELECT value FROM setting WHERE name = ?", (name,))
        return rows[0][0] if rows else None

    def _check_format(self) -> None:
        with self._told():
            ((found,),) = self._db.execute("PRAGMA user_version")
        if found != FORMAT:
            raise StoreError(
                f"{self._path} has format {found}, and this edgeclip knows {FORMAT}. Use the "
                "version that made it, or give another folder."
            )

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Say what to do about jobs; the database speaks of an index."""
        folder = self._path.parent
        try:
            yield
        except StoreFull as error:
            raise StoreFull(
                f"the disk of {folder} is full. Free some space, and try again."
            ) from error
        except StoreDamaged as error:
            if not self._read_only:
                with contextlib.suppress(OSError):
                    (folder / DAMAGED).touch()
            raise StoreDamaged(
                f"{self._path} is damaged. Start the service again: it sets the file aside."
            ) from error
