"""Bulk: pictures → a folder of Parquet files, embedded by many workers at once.

What is kept is never half of a file, and a second run goes on where the first one ended.  Only this
process writes: a worker may die at any moment, and what it was doing is done again by another.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edgeclip.grow import cluster
from edgeclip.grow.embedder import Task
from edgeclip.grow.parts import Parts
from edgeclip.grow.sources import Entry, Folder, source
from edgeclip.grow.tables import Head, Row
from edgeclip.model import facts
from edgeclip.model.model import Model

PART_ROWS = 4096
"""Rows of a part: 8 MB of 512 numbers each."""
PART_S = 60.0
"""What was embedded so long ago is kept: no more is lost when this process is killed."""
_BLOCK = 32
"""Entries that a worker is sent at once: enough that sending costs nothing beside embedding."""
_BLOCKS = 256
"""Blocks for each worker in one run of Ray; its bookkeeping grows with their number."""


@dataclass(frozen=True, slots=True)
class Step:
    """What has happened since the last one."""

    embedded: int
    """Pictures that came from the workers."""
    kept: Sequence[Row]
    """What became of pictures; it is durable now."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a run came to."""

    embedded: int
    """Pictures that have got a vector."""
    failed: int
    """Pictures that were tried and have an error."""
    unchanged: int
    """Pictures that had their row before,"""
    failed_before: int = 0
    """and those of them whose row is an error."""


def embed(
    where: str | os.PathLike[str],
    model: Model | str | Path,
    out: str | os.PathLike[str],
    *,
    workers: int | None = None,
    threads: int | None = None,
    again: bool = False,
) -> Report:
    """Embed the pictures of a folder or of a list, and keep them as Parquet.

    Args:
        where: a folder, a text file with a path or an address on each line, or the address of a
            folder, such as ``s3://bucket/photos``.
        model: a name or a folder; or a model that is loaded, whose options count then.
        out: a folder of Parquet files, a path or an address; it is made.
        workers: processes that hold a model each; None: as many as there are CPUs for.
        threads: of one inference, and CPUs of a worker; None: so that all workers share the CPUs.
        again: embed also what has a row there already.

    Raises:
        SpaceMismatch: there are vectors of another model in ``out``.
        ExtraMissing: Ray or pyarrow is not installed.
        ModelError: the model cannot be used.
        EdgeclipError: something cannot be read or written, or the cluster fails; what has been
            embedded is kept.
    """
    loaded = model if isinstance(model, Model) else Model.load(model)
    counts: Counter[bool] = Counter()
    with closing(Job(where, loaded, out, again=again)) as job:
        for step in job.steps(workers, threads):
            counts.update(row.error is None for row in step.kept)
        return Report(counts[True], counts[False], job.unchanged, job.failed_before)


class Job:
    """One run."""

    def __init__(
        self,
        where: str | os.PathLike[str],
        model: Model,
        out: str | os.PathLike[str],
        *,
        again: bool = False,
    ) -> None:
        """Compare what there is with what is done; see `embed`."""
        cluster.check_installed()
        self._model, self._source = model, source(where)
        entries, decoders = dict(self._source.entries()), facts.decoders()
        self._parts = Parts(out, Head(model.space, model.dim, model.name))
        self._parts.forget_failed(entries.__contains__)
        self.todo: list[Entry] = []
        self.unchanged = self.failed_before = 0
        for entry in entries.items():
            if again or self._parts.lacks(entry, decoders):
                self.todo.append(entry)
            else:
                self.unchanged += 1
                self.failed_before += self._parts.has_failed(entry[0])
        self._waiting: list[Row] = []
        self._since = time.monotonic()

    def close(self) -> None:
        """Let others write to the same place."""
        self._parts.close()

    def steps(
        self, workers: int | None, threads: int | None, stop: threading.Event | None = None
    ) -> Generator[Step, None, None]:
        """Embed what is to be done; see `embed`.

        Args:
            workers: see `embed`.
            threads: see `embed`.
            stop: ends it soon when it is set; what has been embedded is kept, and told.
        """
        try:
            with closing(self._rows(workers, threads, stop)) as found:
                for rows in found:
                    self._waiting += rows
                    yield Step(len(rows), self._kept() if self._is_due() else ())
                    if stop is not None and stop.is_set():
                        break
            yield Step(0, self._kept())
        finally:
            self._kept()
        self._parts.tidy()

    def _is_due(self) -> bool:
        waited = time.monotonic() - self._since >= PART_S
        return waited or len(self._waiting) >= PART_ROWS

    def _kept(self) -> list[Row]:
        """Keep what is waiting, and return it."""
        rows, self._waiting = self._waiting, []
        self._since = time.monotonic()
        if rows:
            self._parts.add(rows)
        return rows

    def _rows(
        self, workers: int | None, threads: int | None, stop: threading.Event | None
    ) -> Generator[list[Row], None, None]:
        if not self.todo:
            return
        with cluster.cluster(workers, threads) as (count, each):
            if stop is not None and stop.is_set():  # to start Ray takes seconds
                return
            task, size = self._task(each), count * _BLOCK * _BLOCKS
            for start in range(0, len(self.todo), size):
                yield from _surely(task, self.todo[start : start + size], count)

    def _task(self, threads: int) -> Task:
        model = self._model
        return Task(
            self._source,
            model.manifest.folder.absolute(),
            self._parts.head,
            threads,
            model.fit,
            model.draft,
            model.max_pixels,
            dict(model.variants),
            afar=not isinstance(self._source, Folder),
        )


def _surely(task: Task, entries: Sequence[Entry], workers: int) -> Iterator[list[Row]]:
    """Yield a row for each entry, also for one that kills whoever reads it."""
    block = max(1, min(_BLOCK, len(entries) // (2 * workers)))
    missing = dict(entries)
    for size in (block, 1):
        left = list(missing.items())
        with closing(cluster.run(task, left, workers=workers, block=size)) as found:
            for rows in found:
                for row in rows:
                    del missing[row.key]
                yield rows
        if not missing:
            return
    yield [Row(key, None, error=_FATAL) for key in missing]


_FATAL = (
    "the process that read it died each time. It may be damaged, or need more memory than there is."
)
