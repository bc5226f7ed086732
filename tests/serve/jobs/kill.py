"""SIGKILL of a service while hundreds of jobs wait; what was acknowledged must have one result.

``python -m tests.serve.jobs.kill --cycles 20`` repeats it for ``make soak``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path

from edgeclip.serve.jobs.jobs import Jobs
from edgeclip.serve.jobs.table import JobTable
from tests.patience import until
from tests.serve.jobs.some import embed, result, uploads

JOBS, WAITING, KILLS = 1000, 200, 3
"""Of a cycle, at most; so many wait, at least, at each of its kills."""
_MOST_S, _EACH_S = 0.5, 0.04
_WAIT_S = 120.0


@dataclass
class Report:
    """What the cycles came to."""

    cycles: int = 0
    kills: int = 0
    fewest_waiting: int = JOBS
    """Of acknowledged jobs, at any of the kills."""
    acknowledged: int = 0
    unacknowledged_but_kept: int = 0
    seen_before_a_kill: int = 0
    seconds: float = 0.0


@dataclass
class Told:
    """What the clients of one cycle were told."""

    acknowledged: dict[str, bytes] = field(default_factory=dict)
    """Job → what was sent with it."""
    seen: set[str] = field(default_factory=set)
    """Jobs whose result a client has seen."""


def serve_for_ever(folder: Path, first: int, last: int) -> None:
    """Submit jobs and do them; print what is acknowledged, and whose result is there.

    None is done before so many wait that some still do when this is killed.
    """
    enough = threading.Event()

    def slow(data: bytes, normalize: bool):
        enough.wait()
        time.sleep(_EACH_S)
        return embed(data, normalize)

    jobs = Jobs(folder, slow, workers=2)
    jobs.start()
    first_done: list[tuple[str, bytes]] = []
    for number in count(first):
        if number < last:
            content, priority = b"job %d" % number, number % 3
            job_id = jobs.submit(uploads(content), priority=priority)
            print(json.dumps({"id": job_id, "content": content.decode()}), flush=True)
            first_done += [(job_id, content)] if priority == 2 else []
        else:
            time.sleep(0.01)
        if first_done and jobs.job(first_done[0][0]).status == "ok":
            job_id, content = first_done.pop(0)
            assert jobs.job(job_id).output == result(content)
            print(json.dumps({"seen": job_id}), flush=True)
        if not enough.is_set() and jobs.counts()["queued"] >= WAITING + 100:
            enough.set()
            print(json.dumps({"enough": True}), flush=True)


def cycles(folder: Path, number: int, jobs: int = JOBS, seed: int = 0) -> Report:
    """Start and kill a service several times, then let it finish; compare."""
    random_number = random.Random(seed)
    report, started = Report(), time.monotonic()
    for cycle in range(number):
        _cycle(folder / str(cycle), jobs, random_number, report)
        report.cycles += 1
    report.seconds = time.monotonic() - started
    return report


def _cycle(folder: Path, jobs: int, random_number: random.Random, report: Report) -> None:
    told = Told()
    for _ in range(KILLS):
        first = len(told.acknowledged)
        _killed(folder, told, first, jobs, random_number.uniform(0.0, _MOST_S))
        report.kills += 1
        with contextlib.closing(JobTable(folder, read_only=True)) as table:
            waiting = len(table.unfinished() & set(told.acknowledged))
        report.fewest_waiting = min(report.fewest_waiting, waiting)
    _compare(folder, told, report)


def _killed(folder: Path, told: Told, first: int, last: int, after_s: float) -> None:
    command = [sys.executable, "-m", "tests.serve.jobs.kill", "--serve", str(folder)]
    command += ["--first", str(first), "--last", str(last)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        timer = threading.Timer(_WAIT_S, child.kill)
        timer.start()
        for line in child.stdout:
            if not line.endswith("\n"):
                break
            message = json.loads(line)
            if "id" in message:
                told.acknowledged[message["id"]] = message["content"].encode()
            elif "seen" in message:
                told.seen.add(message["seen"])
            else:
                threading.Timer(after_s, child.kill).start()
        timer.cancel()
        assert child.wait() == -9, "it ended by itself"


def _compare(folder: Path, told: Told, report: Report) -> None:
    jobs = Jobs(folder, embed, workers=2)
    try:
        for job_id in told.seen:
            assert jobs.job(job_id).status == "ok", "a result has gone"
        jobs.start()
        until(lambda: not _unfinished(jobs), _WAIT_S)
        for job_id, content in told.acknowledged.items():
            found = jobs.job(job_id)
            assert found and found.output == result(content), (job_id, found)
        counts = jobs.counts()
        assert counts["error"] == 0
        report.acknowledged += len(told.acknowledged)
        report.seen_before_a_kill += len(told.seen)
        report.unacknowledged_but_kept += counts["ok"] - len(told.acknowledged)
        until(lambda: not list((folder / "uploads").iterdir()))
    finally:
        jobs.close()


def _unfinished(jobs: Jobs) -> int:
    counts = jobs.counts()
    return counts["queued"] + counts["running"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--serve", type=Path, help="be the service of this folder")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--last", type=int, default=JOBS)
    options = parser.parse_args()
    if options.serve:
        serve_for_ever(options.serve, options.first, options.last)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asdict(cycles(Path(folder), options.cycles, seed=options.seed))))


if __name__ == "__main__":
    main()
