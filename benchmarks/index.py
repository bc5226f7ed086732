"""An index of 10,000 and of 100,000 vectors beside bare numpy, bare hnswlib and usearch."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import measure, vectors
from edgeclip.index import hnsw
from edgeclip.index.effort import LADDER
from edgeclip.index.index import Index
from edgeclip.vectors import Match, Vector

SIZES = (10_000, 100_000)
SPACE = "benchmark" * 7
COUNT = 10
_QUERIES = 400
_PAUSE_S = 15  # at 100,000
Answers = NDArray[np.int64]


def rows(sizes: tuple[int, ...] = SIZES) -> list[measure.Row]:
    """Measure and return the rows."""
    found: list[measure.Row] = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("EDGECLIP_BENCH_TMP")) as folder:
        one_more: dict[int, list[float]] = {}
        for size in sizes:
            bench = _Bench(Path(folder) / str(size), size)
            found += bench.filling()
            one_more[size] = bench.one_more()
            found += bench.opening()
            found += bench.searching()
        found += [_independent(one_more)] if len(one_more) > 1 else []
    return found


def key(number: int) -> str:
    """Return a key as a camera's folder has them: in the order of time."""
    return f"2026/{number // 10_000:02}/{number // 100 % 100:02}/IMG_{number:07}.jpg"


class _Bench:
    """One index of one size."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.size = folder, size
        self.name = f"{size:,} vectors"
        self.vectors = vectors.clustered(size)
        self.queries = vectors.queries(_QUERIES)

    def filling(self) -> list[measure.Row]:
        """Fill the index and count what the kernel wrote."""
        with Index.open(self.folder, SPACE, hnsw=False) as index:
            before, started = _written(), time.perf_counter()
            index.add_many(
                (key(number), vector, {"time": "2026-05-01T12:00:00", "width": 4000})
                for number, vector in enumerate(self.vectors)
            )
            seconds = time.perf_counter() - started
        bytes_each = (_written() - before) / self.size
        detail = f"{self.size / seconds:,.0f} vectors/s, {seconds:.1f} s"
        what = f"{self.name}: add_many, KB written for each"
        return [measure.Row(what, bytes_each / 1000, "<= 6.00", detail)]

    def one_more(self) -> list[float]:
        """Return the seconds of adding single pictures."""
        more = vectors.clustered(200, seed=9)
        seconds = []
        with Index.open(self.folder, hnsw=False) as index:
            for number, vector in enumerate(more):
                started = time.perf_counter()
                index.add(f"more/{number:03}", vector)
                seconds.append(time.perf_counter() - started)
            index.remove_many([f"more/{number:03}" for number in range(len(more))])
        return seconds

    def opening(self) -> list[measure.Row]:
        """Open it in a fresh process and ask once."""
        code = (
            "import sys, time, numpy as np; started = time.perf_counter();"
            "from edgeclip.index.index import Index;"
            f"index = Index.open({str(self.folder)!r}, hnsw=False);"
            f"index.search(np.eye(1, {vectors.DIM}, dtype=np.float32)[0]);"
            "print(time.perf_counter() - started);"
            "print(*[l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')])"
        )
        runs = [
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
            for _ in range(5)
        ]
        seconds = [float(run.stdout.split()[0]) for run in runs]
        memory = max(int(run.stdout.split()[1]) for run in runs) >> 10
        what = f"{self.name}: seconds from open to the first answer, in a fresh process"
        detail = f"median of 5; peak memory {memory} MB, of it vectors {self.size * 2048 >> 20}"
        target = "<= 1.50" if self.size >= 100_000 else ""
        return [measure.Row(what, statistics.median(seconds), target, detail)]

    def searching(self) -> list[measure.Row]:
        """Search one by one, each in turn with the others, after the graph was built."""
        truth = [_best(self.vectors @ query) for query in self.queries]
        with Index.open(self.folder, hnsw=True) as near:
            found = [self._while_building(near)]
            self._settle(near)
            exact = Index.open(self.folder, hnsw=False, read_only=True)
            bare, bare_built = _timed(_hnswlib, self.vectors)
            ef = _least_effort(bare, self.queries, truth)
            other, other_built = _timed(_usearch, self.vectors)
            jobs: dict[str, Callable[[Vector], Answers]] = {
                "numpy": lambda query: _best(self.vectors @ query),
                "exact": lambda query: _numbers(exact.search(query, count=COUNT)),
                "hnsw": lambda query: _numbers(near.search(query, count=COUNT)),
                "hnswlib": lambda query: bare.knn_query(query, COUNT)[0][0],
                "usearch": lambda query: other.search(query, COUNT).keys,
            }
            seconds, recalls = _in_turn(jobs, self.queries, truth)
            exact.close()
        compared = [("exact", "numpy", "<= 1.15"), ("hnsw", "hnswlib", "<= 1.30")]
        large = self.size >= 100_000
        for ours, theirs, target in compared:
            what = f"{self.name}: {ours} search, time against bare {theirs}"
            detail = f"{_shown(seconds[ours])} against {_shown(seconds[theirs])}"
            ratio = statistics.median(seconds[ours]) / statistics.median(seconds[theirs])
            found.append(measure.Row(what, ratio, target if large else "", detail))
        detail = f"exact {recalls['exact']:.4f}, bare hnswlib {recalls['hnswlib']:.4f} at ef {ef} "
        detail += f"(built in {bare_built:.0f} s, {bare.index_file_size() >> 20} MB), usearch "
        detail += f"{recalls['usearch']:.4f} as it comes ({_shown(seconds['usearch'])}, built in "
        detail += f"{other_built:.0f} s, {other.memory_usage >> 20} MB)"
        what = f"{self.name}: hnsw search, recall@10"
        return [*found, measure.Row(what, recalls["hnsw"], ">= 0.99", detail, 4)]

    def _settle(self, index: Index) -> None:
        """Ask as people do; the index measures in the background how hard it must search."""
        for _ in range(3):
            for query in self.queries:
                index.search(query, count=COUNT)
            time.sleep(_PAUSE_S * max(0.2, self.size / 100_000))

    def _while_building(self, index: Index) -> measure.Row:
        """Search while the graph is built and loaded; return the slowest answer."""
        started = time.perf_counter()
        seconds: list[float] = []
        while index.search_by != "hnsw" and time.perf_counter() - started < 7200:
            before = time.perf_counter()
            index.search(self.queries[len(seconds) % len(self.queries)], count=COUNT)
            seconds.append(time.perf_counter() - before)
            time.sleep(max(0.1, 10 * seconds[-1]))  # or the build would have no CPU
        built = time.perf_counter() - started
        detail = f"median {1000 * statistics.median(seconds):.1f} ms over {built:.0f} s of building"
        what = f"{self.name}: slowest search in ms while a graph is built and loaded"
        return measure.Row(what, 1000 * max(seconds), "", detail, 0)


def _independent(one_more: dict[int, list[float]]) -> measure.Row:
    """Compare the cost of one more picture at the smallest and the largest size."""
    small, large = min(one_more), max(one_more)
    a, b = (statistics.median(one_more[size]) for size in (large, small))
    what = f"one more picture at {large:,} against at {small:,}: time of add"
    return measure.Row(what, a / b, "<= 1.20", f"{1000 * a:.1f} against {1000 * b:.1f} ms")


def _in_turn(
    jobs: dict[str, Callable[[Vector], Answers]], queries: Vector, truth: list[Answers]
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Ask each query of each, and return seconds and recall."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    right = dict.fromkeys(jobs, 0)
    for number, query in enumerate(queries):
        for name, job in jobs.items():
            started = time.perf_counter()
            found = job(query)
            seconds[name].append(time.perf_counter() - started)
            right[name] += len(set(map(int, found)) & set(map(int, truth[number])))
    return seconds, {name: count / (COUNT * len(queries)) for name, count in right.items()}


def _best(scores: Vector) -> Answers:
    """Return the ten best, as somebody would write it who needs nothing else."""
    top = np.argpartition(scores, len(scores) - COUNT)[-COUNT:]
    best: Answers = top[np.argsort(-scores[top])]
    return best


def _numbers(matches: list[Match]) -> Answers:
    return np.array([int(match.key[-11:-4]) for match in matches])


def _timed(build: Callable[[Vector], Any], table: Vector) -> tuple[Any, float]:
    """Return what was built, and the seconds that it took."""
    started = time.perf_counter()
    return build(table), time.perf_counter() - started


def _hnswlib(table: Vector) -> Any:
    import hnswlib  # type: ignore[import-untyped,unused-ignore]

    graph = hnswlib.Index("ip", vectors.DIM)
    graph.init_index(len(table), M=hnsw.M, ef_construction=hnsw.EF_CONSTRUCTION, random_seed=1)
    graph.add_items(table, np.arange(len(table)))
    graph.set_num_threads(1)
    return graph


def _least_effort(graph: Any, queries: Vector, truth: list[Answers]) -> int:
    """Set the least ef with which bare hnswlib finds 99 of 100, and return it."""
    for ef in LADDER:
        graph.set_ef(ef)
        found = (graph.knn_query(query, COUNT)[0][0] for query in queries)
        right = sum(len(set(a) & set(b)) for a, b in zip(found, truth, strict=True))
        if right >= 0.99 * COUNT * len(queries):
            break
    return ef


def _usearch(table: Vector) -> Any:
    from usearch.index import Index as Other

    other = Other(ndim=vectors.DIM, metric="ip", dtype="f16")
    other.add(np.arange(len(table)), table)
    return other


def _shown(seconds: list[float]) -> str:
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    return f"{p50:.2f} ms (p99 {p99:.1f})"


def _written() -> int:
    """Return the bytes that this process has caused to be written to disks."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))
