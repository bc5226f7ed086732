"""Eight threads that add, search and delete, with a graph that is built and rebuilt meanwhile.

``python -m tests.index.threads --seconds 60`` prints what became of it.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeclip.index.index import Index
from tests.index.some import DIM, SPACE, stored, units, vector_of

_BASE, _QUERIES, _COUNT = 2000, 100, 10


def use(index: Index, seconds: float) -> list[BaseException]:
    """Add, search and delete in 8 threads; each owns some keys and knows what they hold."""
    end, failed = time.monotonic() + seconds, []
    owned: list[dict[str, str]] = [{} for _ in range(8)]

    def work(number: int) -> None:
        choose, held = random.Random(number), owned[number]
        while time.monotonic() < end:
            key = f"{number}-{choose.randrange(60)}"
            kind = choose.random()
            if kind < 0.35:
                version = f"{key} {choose.randrange(1000)}"
                index.add(key, vector_of(version), {"owner": number})
                held[key] = version
            elif kind < 0.45:
                assert index.remove(key) == (held.pop(key, None) is not None)
            elif kind < 0.5:
                items = [(f"{number}-{n}", f"{n} {number}") for n in range(10)]
                index.add_many((k, vector_of(v), {"owner": number}) for k, v in items)
                held |= dict(items)
            elif kind < 0.6:
                assert index.count({"owner": number}) == len(held)
            elif kind < 0.8 and held:
                key = choose.choice(list(held))
                found = index.search(vector_of(held[key]), count=3)
                assert found[0].key == key and found[0].score > 0.999, (key, found)
            else:
                item = index.get(key)
                assert (item is None) == (key not in held)
                if item is not None:
                    assert np.array_equal(item.vector, stored(vector_of(held[key])))

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 30)
        assert not thread.is_alive(), "a thread hangs"
    wanted = {key: vector_of(v) for held in owned for key, v in held.items()}
    base = {key for key in index if key.startswith("base")}
    assert set(index) - base == set(wanted)
    return failed


@dataclass(frozen=True)
class Report:
    """What became of the threads and of the index."""

    failed: list[BaseException]
    healthy: bool
    recall: float
    """Of the ten best at the end, against exact search."""
    searched_by: Counter[str]
    """How searches were answered, sampled ten times a second."""


def with_graph(folder: Path, seconds: float) -> Report:
    """Let the threads use an index whose searches go through a graph."""
    with Index.open(folder, SPACE, hnsw=True) as index:
        base = units(_BASE, DIM, 3)
        index.add_many((f"base {n}", vector) for n, vector in enumerate(base))
        searched_by: Counter[str] = Counter()
        done = threading.Event()

        def sample() -> None:
            while not done.wait(0.1):
                searched_by[index.search_by] += 1

        sampler = threading.Thread(target=sample)
        sampler.start()
        try:
            failed = use(index, seconds)
        finally:
            done.set()
            sampler.join()
        return Report(failed, index.verify().ok, recall(index), searched_by)


def recall(index: Index) -> float:
    """Return the share of the ten best that a search finds."""
    keys, table = index.vectors()
    hits = 0
    for query in units(_QUERIES, DIM, 9):
        best = {keys[n] for n in np.argsort(-(table @ query))[:_COUNT]}
        hits += len(best & {match.key for match in index.search(query, count=_COUNT)})
    return hits / (_QUERIES * _COUNT)


def main() -> int:
    """Print the report; answer 1 when something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        report = with_graph(Path(folder) / "i", seconds)
    print(
        f"{seconds:.0f} s: {len(report.failed)} threads failed {report.failed or ''}, healthy: "
        f"{report.healthy}, recall@10 {report.recall:.4f}, searched by {dict(report.searched_by)}"
    )
    good = not report.failed and report.healthy and report.recall >= 0.99
    return 0 if good and report.searched_by["hnsw"] else 1


if __name__ == "__main__":
    sys.exit(main())
