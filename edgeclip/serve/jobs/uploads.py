"""Uploads: the pictures of jobs that wait, a folder for each job."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from edgeclip.errors import StoreError
from edgeclip.index import place
from edgeclip.serve.jobs.job import Input, Kept, Upload

NAME, TRIES = "uploads", "tries"


class Uploads:
    """What was sent with the jobs of a folder; of a finished job nothing is left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / NAME
        self._tries = folder / TRIES

    def keep(self, job_id: str, inputs: Sequence[Input]) -> list[Kept]:
        """Write what was sent, durably; after an error nothing is left.

        Raises:
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
            folder.mkdir(parents=True)
            for number, each in sent.items():
                _write(folder / str(number), each)
            place.fsync(folder)
            place.fsync(self._folder)
        except BaseException as error:
            self.remove(job_id)
            if isinstance(error, OSError) and not isinstance(error, StoreError):
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

    def sweep(self, wanted: Collection[str]) -> None:
        """Remove what belongs to no wanted job."""
        for folder in (self._folder, self._tries):
            folder.mkdir(parents=True, exist_ok=True)
            for each in list(folder.iterdir()):
                if each.name not in wanted:
                    self.remove(each.name)


def _write(path: Path, upload: Upload) -> None:
    with path.open("xb") as file:
        if isinstance(upload.data, bytes):
            file.write(upload.data)
        else:
            shutil.copyfileobj(upload.data, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())
