"""A worker in a process of its own, told of jobs by a queue in Redis.

It reads the table and the uploads, which lie on the same device, and writes its own folder alone:
see `edgeclip.serve.jobs.crew`.
"""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

from edgeclip.errors import EdgeclipError, SpaceMismatch
from edgeclip.serve.jobs.crew import Member
from edgeclip.serve.jobs.job import Embed, Task
from edgeclip.serve.jobs.queue import Queue
from edgeclip.serve.jobs.table import NAME, JobTable
from edgeclip.serve.jobs.uploads import Uploads
from edgeclip.serve.jobs.work import MOST_BYTES, Work
from edgeclip.serve.roots import Roots

_AGAIN_S = 1.0
_PATIENCE_S = 5.0


def run_worker(
    folder: Path,
    embed: Embed,
    queue_url: str,
    stop: threading.Event,
    *,
    workers: int = 1,
    space: str = "",
) -> None:
    """Do jobs until ``stop`` is set.

    Args:
        folder: of the service's jobs.
        embed: as the service has it.
        queue_url: the ``redis://`` URL that the service has, too.
        stop: ends it; what is not done then is done by others.
        workers: threads.
        space: space id of what ``embed`` returns.

    Raises:
        EdgeclipError: there are no jobs, or no such queue.
        SpaceMismatch: the service has another model.
    """
    if not (folder / NAME).exists():
        raise EdgeclipError(f"there are no jobs in {folder}. Start the service there first.")
    with contextlib.closing(JobTable(folder, read_only=True)) as table:
        _check_space(table, space)
        queue = Queue(table.queue, queue_url)
    with contextlib.closing(queue):
        queue.check()
        with contextlib.closing(Member(folder)) as member:
            hand = _Hand(folder, embed, member, stop, space)
            queue.start(hand, workers)
            stop.wait()
            queue.stop(time.monotonic() + _PATIENCE_S)
            hand.give_back()


def _check_space(table: JobTable, space: str) -> None:
    if space != table.space:
        raise SpaceMismatch(
            f"the service has a model of space {table.space[:12]}…, this worker one of "
            f"{space[:12]}…. Give it the service's --model or --index, and its options."
        )


class _Hand:
    """Does one job after another."""

    def __init__(
        self, folder: Path, embed: Embed, member: Member, stop: threading.Event, space: str
    ) -> None:
        self._folder, self._embed, self._member, self._stop = folder, embed, member, stop
        self._space = space
        self._uploads = Uploads(folder)
        self._begun: set[str] = set()

    def __call__(self, job_id: str) -> None:
        """Do a job that is still to be done."""
        try:
            # Opened for each: the service may have made another since.
            with contextlib.closing(JobTable(self._folder, read_only=True)) as table:
                _check_space(table, self._space)  # it may have another model since
                task, roots = table.task(job_id), Roots(table.roots())
            if task is not None:
                self._begun.add(job_id)
                self._member.took(job_id)
                self._do(task, roots)
        except (EdgeclipError, OSError):
            # The service sees that the job is not taken, or given back, and tells of it again.
            self._give_back(job_id)
            self._stop.wait(_AGAIN_S)
        finally:
            self._begun.discard(job_id)

    def give_back(self) -> None:
        """Leave to others what was begun, as if it had not been."""
        for job_id in list(self._begun):
            self._give_back(job_id)

    def _do(self, task: Task, roots: Roots) -> None:
        work = Work(self._embed, self._uploads, roots, MOST_BYTES)
        done = work.do(task, lambda: self._is_wanted(task.id))
        if done is None:
            self._give_back(task.id)
        else:
            self._member.did(task.id, done)

    def _is_wanted(self, job_id: str) -> bool:
        if self._stop.is_set():
            return False
        with contextlib.closing(JobTable(self._folder, read_only=True)) as table:
            return table.task(job_id) is not None

    def _give_back(self, job_id: str) -> None:
        self._member.gives_back(job_id)
        self._uploads.forget_try(job_id)
