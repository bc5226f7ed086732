"""SIGKILL at random moments of a process that writes; what was acknowledged must be there.

``python -m tests.index.kill --cycles 200`` repeats it for ``make soak``.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.index.some import check, opened, vector_of

KEYS = 600
Known = dict[str, int]


@dataclass
class Report:
    """What the cycles came to."""

    cycles: int = 0
    acknowledged: int = 0
    unacknowledged_but_kept: int = 0
    seconds: float = 0.0


def write_for_ever(folder: Path, seed: int) -> None:
    """Add and remove at random; print what is begun and what is durable."""
    random_number = random.Random(seed)
    with opened(folder) as index:
        while True:
            keys = random_number.sample(range(KEYS), random_number.choice([1, 3, 20, 150]))
            version = random_number.randrange(1 << 30)
            removes = random_number.random() < 0.3
            told = {"keys": keys, "version": None if removes else version}
            print(json.dumps(told | {"done": False}), flush=True)
            if removes:
                index.remove_many(str(key) for key in keys)
            else:
                index.add_many(_items(keys, version))
            print(json.dumps(told | {"done": True}), flush=True)


def _items(keys: list[int], version: int) -> Iterator[tuple[str, object, dict[str, int]]]:
    return ((str(k), vector_of((k, version)), {"version": version}) for k in keys)


def cycles(folder: Path, count: int, seed: int = 0) -> Report:
    """Start, kill, open and compare, ``count`` times on one index."""
    random_number = random.Random(seed)
    known: Known = {}
    report, started = Report(), time.monotonic()
    for cycle in range(count):
        lines = _killed(folder, seed * 100_003 + cycle, random_number.uniform(0.0, 0.4))
        doing: dict[str, int | None] = {}
        for line in lines:
            told = json.loads(line)
            changes = dict.fromkeys(map(str, told["keys"]), told["version"])
            doing = {} if told["done"] else changes
            if told["done"]:
                _apply(known, changes)
                report.acknowledged += len(changes)
        _compare(folder, known, doing, report)
        report.cycles += 1
    report.seconds = time.monotonic() - started
    return report


def _apply(known: Known, changes: dict[str, int | None]) -> None:
    for key, version in changes.items():
        known.pop(key, None)
        if version is not None:
            known[key] = version


def _killed(folder: Path, seed: int, seconds: float) -> list[str]:
    """Run the child until some time after its first line, and return its whole lines."""
    command = [sys.executable, "-m", "tests.index.kill", "--write", str(folder), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        threading.Timer(seconds, process.send_signal, [signal.SIGKILL]).start()
        lines += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL, process.returncode
    return [line for line in lines if line.endswith("\n")]


def _compare(folder: Path, known: Known, doing: dict[str, int | None], report: Report) -> None:
    with opened(folder) as index:
        assert not index.notes, index.notes
        for key, version in doing.items():
            item = index.get(key)
            found = None if item is None else item.metadata["version"]
            assert found in {known.get(key), version}, key
            report.unacknowledged_but_kept += found == version != known.get(key)
            _apply(known, {key: found})
        check(index, {key: vector_of((int(key), v)) for key, v in known.items()})
        assert index.verify().ok


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", nargs=2, metavar=("FOLDER", "SEED"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        write_for_ever(Path(given.write[0]), int(given.write[1]))
    with tempfile.TemporaryDirectory() as folder:
        report = cycles(Path(folder) / "i", given.cycles, given.seed)
    print(
        f"{report.cycles} kills in {report.seconds:.0f} s: {report.acknowledged} acknowledged "
        f"changes, 0 lost, 0 wrong, 0 duplicates; {report.unacknowledged_but_kept} more were kept "
        "before they could be acknowledged"
    )


if __name__ == "__main__":
    main()
