"""``edgeclip embed --engine``: many pictures on many processes; what is done is kept."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from edgeclip.cli import options, output
from edgeclip.cli.stopping import stopping
from edgeclip.errors import EdgeclipError

if TYPE_CHECKING:
    from edgeclip.grow.bulk import Step
    from edgeclip.grow.tables import Row

_MOST_NAMED = 20


def embed(
    paths: Sequence[str],
    out: str | None,
    workers: int | None,
    again: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Embed what one path or address names into a folder of Parquet files.

    Raises:
        EdgeclipError: some failed, or the work could not be done; what is done is kept.
    """
    if len(paths) != 1 or paths[0] == "-" or not out:
        raise click.UsageError("--engine needs one DIR, LIST or address, and --out DIR.")
    if any(name.lower() != "cpu" for name in chosen["providers"]):
        raise click.UsageError("--engine computes on CPUs: leave --provider out.")
    threads, chosen["threads"] = chosen["threads"], None
    model = options.load(**chosen)
    # Ray would tell of its workers on stdout, between our lines; it looks when it is imported.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".*")
    from edgeclip.grow.bulk import Job

    told, begun = _Told(as_json), time.monotonic()
    with closing(Job(paths[0], model, out, again=again)) as job:
        if job.todo:
            output.remark("starting Ray…")
        with stopping() as stop, closing(job.steps(workers, threads, stop)) as steps:
            try:
                for _ in output.progress(told.each(steps), total=len(job.todo), lines=as_json):
                    pass
            finally:
                told.all(job.unchanged, job.failed_before, time.monotonic() - begun)
        stop.act()
    if told.counts["failed"]:
        raise EdgeclipError(
            f"{told.counts['failed']} failed; each has a row with its error, or the vector that it "
            "had before."
        )


class _Told:
    """Tells what became of pictures."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self.counts: Counter[str] = Counter()

    def each(self, steps: Iterator[Step]) -> Iterator[None]:
        """Tell what is kept, and yield once for each picture that is embedded."""
        for step in steps:
            for row in step.kept:
                self._row(row)
            yield from (None for _ in range(step.embedded))

    def all(self, unchanged: int, failed_before: int, seconds: float) -> None:
        """Say to people what was done."""
        if self._as_json:
            return
        more = self.counts["failed"] - _MOST_NAMED
        if more > 0:
            output.note(f"failed: {more:,} more; --json and the column error name them.")
        if failed_before:
            output.note(
                f"{failed_before:,} of those unchanged failed before; the column error says why, "
                "and --again tries everything once more."
            )
        header = ("embedded", "failed", "unchanged", "seconds")
        counts = (f"{self.counts[name]}" for name in ("embedded", "failed"))
        output.table(header, [(*counts, f"{unchanged}", f"{seconds:.1f}")])

    def _row(self, row: Row) -> None:
        status = "embedded" if row.error is None else "failed"
        self.counts[status] += 1
        if self._as_json:
            output.json_line({"key": row.key, "status": status, "error": row.error})
        elif row.error is not None and self.counts[status] <= _MOST_NAMED:
            output.note(f"failed: {output.printable(row.key)}: {output.printable(row.error)}")
