"""Uploads: the pictures of jobs that wait, a folder for each job."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Collection, Sequence
from pathlib import Path

from edgeclip.errors import Busy, StoreError, StoreFull
from edgeclip.index import place
from edgeclip.serve.jobs.job import Input, Kept, Upload

NAME, TRIES = "uploads", "tries"


class Uploads:
    """What was sent with the jobs of a folder; of a finished job nothing is left.

    Args:
        folder: of the jobs.
        most_bytes: may lie here; half of the space that there is for them, where that is less.
    """

    def __init__(self, folder: Path, most_bytes: int = 1 << 60) -> None:
        self._folder = folder / NAME
        self._tries = folder / TRIES
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._held: dict[str, int] = {}
        """Job → the bytes that were sent with it."""
        self._held_bytes = 0

    def keep(self, job_id: str, inputs: Sequence[Input]) -> list[Kept]:
        """Write what was sent, durably; after an error nothing is left.

        Raises:
            Busy: it fits when others of these jobs are done.
            StoreFull, StoreError: it cannot be written.
        """
        kept = [
            Kept(each.name, True) if isinstance(each, Upload) else Kept(each, False)
            for each in inputs
        ]
        sent = {n: each for n, each in enumerate(inputs) if isinstance(each, Upload)}
        if not sent:
            return kept
        folder = self._folder / job_id
        try:
            self._hold(job_id, sum(map(_size, sent.values())))
            folder.mkdir(parents=True)
            for number, each in sent.items():
                _write(folder / str(number), each)
            place.fsync(folder)
            place.fsync(self._folder)
        except BaseException as error:
            self.remove(job_id)
            if isinstance(error, OSError) and not isinstance(error, StoreError | Busy):
                raise place.failed("what was sent cannot be kept", error) from error
            raise
        return kept

    def read(self, job_id: str, number: int) -> bytes:
        """Return what was sent as a job's input of that number."""
        return (self._folder / job_id / str(number)).read_bytes()

    def count_try(self, job_id: str) -> int:
        """Count one more beginning of a job's work, and return how many there were.

        It outlives the process, and need not outlive a power cut: a picture that ends the process
        is what it is for.
        """
        try:
            self._tries.mkdir(parents=True, exist_ok=True)
            with (self._tries / job_id).open("ab") as file:
                file.write(b".")
                return file.tell()
        except OSError:  # a full disk
            return 1

    def forget_try(self, job_id: str) -> None:
        """Take a job's count back: its work was stopped on purpose."""
        with contextlib.suppress(OSError):
            (self._tries / job_id).unlink()

    def remove(self, job_id: str) -> None:
        """Remove what is left of a job."""
        self.forget_try(job_id)
        shutil.rmtree(self._folder / job_id, ignore_errors=True)
        with self._lock:
            self._held_bytes -= self._held.pop(job_id, 0)

    def sweep(self, wanted: Collection[str]) -> None:
        """Remove what belongs to no wanted job, and count the rest."""
        for folder in (self._folder, self._tries):
            folder.mkdir(parents=True, exist_ok=True)
            for each in list(folder.iterdir()):
                if each.name not in wanted:
                    self.remove(each.name)
        for each in self._folder.iterdir():
            self._held[each.name] = sum(file.stat().st_size for file in each.iterdir())
        self._held_bytes = sum(self._held.values())

    def _hold(self, job_id: str, size: int) -> None:
        """Count what will be written, where there is room for it."""
        with self._lock:
            # What is half written counts twice, which errs on the safe side.
            free = shutil.disk_usage(self._folder.parent).free
            room = min(self._most_bytes, (self._held_bytes + free) // 2)
            if self._held_bytes + size <= room:
                self._held[job_id] = size
                self._held_bytes += size
                return
        told = f"{self._held_bytes / 1e6:.0f} MB of pictures wait already"
        if self._held_bytes:
            raise Busy(f"{told}, of the {room / 1e6:.0f} MB that may. Send this job again later.")
        raise StoreFull(
            f"the disk of {self._folder.parent} has too little room for {size / 1e6:.0f} MB. Free "
            "some space, and try again."
        )


def _size(upload: Upload) -> int:
    """Return how many bytes will be written, as far as that is known."""
    if isinstance(upload.data, bytes):
        return len(upload.data)
    try:
        here = upload.data.tell()
        upload.data.seek(0, os.SEEK_END)
        size = upload.data.tell() - here
        upload.data.seek(here)
    except OSError:  # it comes from a pipe
        return 0
    return size


def _write(path: Path, upload: Upload) -> None:
    with path.open("xb") as file:
        if isinstance(upload.data, bytes):
            file.write(upload.data)
        else:
            shutil.copyfileobj(upload.data, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())
