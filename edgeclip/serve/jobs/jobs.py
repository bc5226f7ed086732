"""Jobs: accepted at once, done later, and not lost by a kill or a power cut.

::

    submit → uploads, durable → table, durable → a hint in the queue
    worker ← hint; takes the job in the table, does it, and its result is kept once

The table is the truth.  The queue is emptied and filled from it at each start, and again whenever
it has lost something.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from edgeclip.errors import EdgeclipError, StoreError, StoreFull
from edgeclip.index import place
from edgeclip.serve.jobs.crew import Crew
from edgeclip.serve.jobs.job import Embed, Input, Job, Status
from edgeclip.serve.jobs.opening import opened
from edgeclip.serve.jobs.queue import NAME as QUEUE
from edgeclip.serve.jobs.queue import Queue
from edgeclip.serve.jobs.table import CANCELLED
from edgeclip.serve.jobs.upkeep import Upkeep
from edgeclip.serve.jobs.uploads import Uploads
from edgeclip.serve.jobs.work import MOST_BYTES, Done, Work
from edgeclip.serve.roots import Roots
from edgeclip.watch.clock import Clock
from edgeclip.watch.lock import Lock

_HERE = "here"
"""Stands for the worker threads of this process."""
_AGAIN_S, _PATIENCE_S = 1.0, 5.0


class Jobs:
    """The jobs of one folder.  Any thread may call any method.

    Args:
        folder: made when it is missing; of one service at a time.
        embed: called by the workers, from several threads at once when there are several.
        queue: ``redis://`` URL of a queue that workers in other processes share; None: a file.
        workers: threads of this process.
        keep_s: how long a result is kept, in time that the service runs.
        most: jobs that may wait or run at once.
        most_bytes: of what was sent with them; half of the disk's free space, where that is less.
        roots: folders whose pictures may be named by path.
        space: space id of what ``embed`` returns; workers in other processes must have the same.
        clock: counts ``keep_s``.

    Raises:
        StoreError: the folder cannot be written, or lies on a drive that is not durable.
        EdgeclipError: another process uses it, or the queue's address makes no sense.
    """

    def __init__(
        self,
        folder: Path,
        embed: Embed,
        *,
        queue: str | None = None,
        workers: int = 1,
        keep_s: float = 86_400,
        most: int = 10_000,
        most_bytes: int = 4_000_000_000,
        roots: Sequence[Path] = (),
        space: str = "",
        clock: Clock | None = None,
    ) -> None:
        self.folder = folder
        self._url, self._workers, self._keep_s, self._most = queue, workers, keep_s, most
        self._roots = Roots(roots)
        self._uploads = Uploads(folder, most_bytes)
        self._work = Work(embed, self._uploads, self._roots, MOST_BYTES)
        self._closing = threading.Event()
        self._queue: Queue | None = None
        self._upkeep: Upkeep | None = None
        self._lock = _locked(folder)
        try:
            self._open(clock, space)
        except BaseException:
            self._lock.close()
            raise

    def submit(self, inputs: Sequence[Input], *, normalize: bool = True, priority: int = 0) -> str:
        """Accept a job and return its id; it is durable when this returns.

        Args:
            inputs: pictures that were sent, and paths under the roots.
            normalize: ask for vectors of unit length.
            priority: higher first; equal ones in the order of their arrival.

        Raises:
            PathRefused: a path that may not, or cannot, be read.
            Busy: too many jobs wait, or too much was sent with them.
            StoreFull, StoreError: it cannot be kept; nothing is left of it.
        """
        if not inputs:
            raise ValueError("a job needs a picture")
        self._table.check_room(self._most)  # before anything is written
        for each in inputs:
            if isinstance(each, str):
                self._roots.check(each)
        job_id = str(uuid.uuid4())
        kept = self._uploads.keep(job_id, inputs)
        try:
            hint = self._table.add(
                job_id, kept, normalize=normalize, priority=priority, most=self._most
            )
        except BaseException:
            self._uploads.remove(job_id)
            raise
        if self._queue is not None:
            self._queue.put(hint)
        return job_id

    def job(self, job_id: str) -> Job | None:
        """Return what is known of a job; None: there is none, or its result has expired."""
        return self._table.job(job_id)

    def cancel(self, job_id: str) -> bool:
        """End a job that is not finished, as an error; tell whether it was one.

        One that runs is not interrupted; its result is dropped.
        """
        return self._settle(job_id, Done(None, CANCELLED))

    def counts(self) -> dict[Status, int]:
        """Return how many jobs there are of each status."""
        return self._table.counts()

    @property
    def notes(self) -> list[str]:
        """What is wrong at the moment; sentences for people."""
        problem = None if self._queue is None else self._queue.problem
        upkeep = None if self._upkeep is None else self._upkeep.problem
        return [each for each in (self._note, problem, upkeep) if each]

    def start(self) -> None:
        """Begin to work; what was not finished before is done first come, first served.

        Raises:
            EdgeclipError: the queue cannot be reached.
        """
        queue = Queue(self._table.queue, self._url or self.folder / QUEUE)
        try:
            if self._url:
                queue.check()
            crew = Crew(self.folder, self._table, self._settle)
            with contextlib.suppress(EdgeclipError, OSError):  # the upkeep tells, and tries again
                crew.collect()
                crew.bury()
            queue.refill(self._table.waiting)
            queue.start(self._do, self._workers)
        except BaseException:
            queue.close()
            raise
        self._queue = queue
        self._upkeep = Upkeep(
            self.folder, self._table, queue, crew if self._url else None, self._keep_s
        )
        self._upkeep.start()

    def close(self, until: float | None = None) -> None:
        """Stop, and let others use the folder; what is not done by then is done after a start.

        Args:
            until: how long to wait for what is being done, by `time.monotonic`; None: 5 s.
        """
        if self._closing.is_set():
            return
        self._closing.set()
        until = time.monotonic() + _PATIENCE_S if until is None else until
        if self._queue is not None and self._upkeep is not None:
            self._upkeep.stop()  # both at once
            self._queue.stop(until)
            self._upkeep.close(until)
            self._queue.close()
        for job_id in self._table.put_back(_HERE):
            self._uploads.forget_try(job_id)
        self._table.close()
        self._lock.close()

    def _open(self, clock: Clock | None, space: str) -> None:
        try:
            self._table, self._note = opened(self.folder, clock)
        except StoreFull:
            if not place.free_ballast(self.folder):
                raise
            self._table, self._note = opened(self.folder, clock)
        try:
            self._table.tell(self._roots.paths, space)
            # What was written for a job that was never kept, or is finished.
            self._uploads.sweep(self._table.unfinished())
        except BaseException:
            self._table.close()
            raise
        place.keep_ballast(self.folder)

    def _do(self, job_id: str) -> None:
        """Do a job of which the queue has told."""
        if self._closing.is_set():
            return
        try:
            task = self._table.take(job_id, _HERE)
            done = None if task is None else self._work.do(task, lambda: self._is_wanted(job_id))
            if done is not None:
                self._settle(job_id, done)
        except (EdgeclipError, OSError):
            # The disk is full or has failed.  The upkeep tells of the job again.
            self._table.put_back(_HERE, only=job_id)
            self._uploads.forget_try(job_id)
            self._closing.wait(_AGAIN_S)

    def _is_wanted(self, job_id: str) -> bool:
        return not self._closing.is_set() and self._table.task(job_id) is not None

    def _settle(self, job_id: str, done: Done) -> bool:
        """Keep what became of a job, and remove what was sent; tell whether it is the first."""
        try:
            is_first = self._table.finish(job_id, done.output, done.error)
        except StoreFull:
            # The space that was set aside is for what is promised.
            if not place.free_ballast(self.folder):
                raise
            is_first = self._table.finish(job_id, done.output, done.error)
        if is_first:
            self._uploads.remove(job_id)
        else:
            self._uploads.forget_try(job_id)
        return is_first


def _locked(folder: Path) -> Lock:
    """Become the one service of a folder of jobs."""
    try:
        # What is sent is nobody else's business.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise place.failed(f"the jobs' folder {folder} cannot be made", error) from error
    try:
        place.check_file_system(folder)
    except StoreError as error:  # it speaks of an index
        raise StoreError(
            f"{folder} is on {place.file_system(folder)}, where locks and durable writes do not "
            "work. Put the jobs on a local disk."
        ) from error
    return Lock(
        folder / "lock",
        folder="jobs' folder",
        taken=f"the jobs in {folder} are in use by another process. Stop it, or give a folder of "
        "your own with --jobs.",
    )
