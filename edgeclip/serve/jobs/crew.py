"""Crew: the workers in other processes, as the service sees them.

Each has a folder that it locks; the kernel frees the lock when it dies.  What it has taken and what
came of it are files there: ``<job>.took`` and ``<job>.did``.  Results come by the disk and not by
the queue, so they outlive the Redis and the service, and nobody can forge one who cannot write to
this folder.  Only the service writes the table.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from edgeclip.errors import EdgeclipError, next_step
from edgeclip.model.whole import whole_file
from edgeclip.serve.jobs.table import JobTable
from edgeclip.serve.jobs.work import Done
from edgeclip.watch.lock import Lock

NAME = "workers"
_LOCK, _TOOK, _DID = "lock", ".took", ".did"
_ATTEMPTS = 10


class Crew:
    """What the service reads of its other workers.

    Args:
        folder: of the jobs.
        table: told who has what.
        settle: called with a job's id and what came of it.
    """

    def __init__(
        self, folder: Path, table: JobTable, settle: Callable[[str, Done], object]
    ) -> None:
        self._folder = folder / NAME
        self._table, self._settle = table, settle
        self._seen: dict[str, set[str]] = {}
        """Worker → the jobs that it is known to have."""
        self._back = False
        """Whether one has given a job back since that was told last."""

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._seen)

    def collect(self) -> bool:
        """Take in what they have taken and done; tell whether one has given a job back.

        Raises:
            EdgeclipError, OSError: a result cannot be kept; it is left for the next time.
        """
        trouble: Exception | None = None
        self._folder.mkdir(parents=True, exist_ok=True)
        there = {each.name for each in self._folder.iterdir() if each.is_dir()}
        for worker in there | set(self._seen):
            try:
                self._collect(worker)
            except (EdgeclipError, OSError) as error:  # the others must not suffer for it
                trouble = error
        self._seen = {name: jobs for name, jobs in self._seen.items() if name in there}
        if trouble is not None:
            raise trouble
        back, self._back = self._back, False
        return back

    def bury(self) -> bool:
        """Remove those that have died, after their results; tell whether there was one."""
        dead = [name for name in list(self._seen) if self._is_buried(name)]
        for name in dead:
            self._table.put_back(name)
            del self._seen[name]
        return bool(dead)

    def _is_buried(self, worker: str) -> bool:
        folder = self._folder / worker
        try:
            lock = Lock(folder / _LOCK, folder="worker's folder", taken="it lives.")
        except EdgeclipError:
            return False
        try:
            # Nothing can come any more, and nothing that came may be lost.
            self._collect(worker)
            left = any(folder.glob(f"*{_DID}"))
            if not left:
                shutil.rmtree(folder, ignore_errors=True)
            return not left
        finally:
            lock.close()

    def _collect(self, worker: str) -> None:
        folder, seen = self._folder / worker, self._seen.setdefault(worker, set())
        try:
            names = {each.name for each in folder.iterdir()}
        except OSError:
            names = set()
        took = {name.removesuffix(_TOOK) for name in names if name.endswith(_TOOK)}
        for job_id in took - seen:
            self._table.take(job_id, worker)
        for name in (name for name in names if name.endswith(_DID)):
            job_id = name.removesuffix(_DID)
            self._settle(job_id, _read(folder / name))
            # Only now: what cannot be kept is tried again.
            for end in (_DID, _TOOK):
                (folder / f"{job_id}{end}").unlink(missing_ok=True)
            took.discard(job_id)
        self._seen[worker] = took
        for job_id in seen - took:
            self._back |= bool(self._table.put_back(worker, only=job_id))


class Member:
    """A worker's own place in the crew, until it is closed or the process ends."""

    def __init__(self, folder: Path) -> None:
        """Take a place.

        Raises:
            EdgeclipError: nothing can be written there.
        """
        for _ in range(_ATTEMPTS):
            self.folder = folder / NAME / uuid.uuid4().hex
            try:
                self._lock = Lock(
                    self.folder / _LOCK, folder="worker's folder", taken="it is being buried."
                )
            except EdgeclipError:
                # The service may have taken the empty folder for that of a dead worker.
                continue
            if (self.folder / _LOCK).exists():
                return
            self._lock.close()
        raise EdgeclipError(
            f"no worker can be signed on in {folder / NAME}. Make it writable, then try again."
        )

    def took(self, job_id: str) -> None:
        """Say that a job is being done."""
        (self.folder / f"{job_id}{_TOOK}").touch()

    def did(self, job_id: str, done: Done) -> None:
        """Say what came of it.

        Raises:
            EdgeclipError: it cannot be written.
        """
        with whole_file(self.folder / f"{job_id}{_DID}") as file:
            file.write(json.dumps({"output": done.output, "error": done.error}).encode())

    def gives_back(self, job_id: str) -> None:
        """Say that it is not being done any more."""
        with contextlib.suppress(OSError):
            (self.folder / f"{job_id}{_TOOK}").unlink()

    def close(self) -> None:
        """Sign off; the service takes in what is left."""
        self._lock.close()


def _read(path: Path) -> Done:
    try:
        told = json.loads(path.read_bytes())
        return Done(told["output"], told["error"])
    except OSError as error:
        raise EdgeclipError(
            f"{path} cannot be read: {error.strerror}. {next_step(error)}"
        ) from error
    except (ValueError, KeyError, TypeError):
        return Done(None, "its result was damaged. Send the job again.")
