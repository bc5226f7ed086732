"""Groups and near-duplicates of many pictures: seconds, and how much memory above the vectors."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import measure
from edgeclip.index.centroids import Centroids
from edgeclip.index.components import components
from edgeclip.index.groups import THRESHOLD, cluster
from edgeclip.index.index import Index
from edgeclip.vectors import Vector, unit

_MANY, _SOME, _DIM = 100_000, 20_000, 512
_MIB = 1 << 20
# What a board with 4 GB can give to one program, in times the vectors' 195 MiB.
_BOARD = "<= 15"


def rows() -> list[measure.Row]:
    """Measure, each size in a process of its own for its memory's sake, and return the rows."""
    found = [_clustering("camera", _MANY), _clustering("chained", _SOME), _assign()]
    return found + _kept(_MANY)


def _clustering(kind: str, n: int) -> measure.Row:
    """Cluster in a process of its own and compare its memory with that of the vectors."""
    got = _measured(kind, n)
    return measure.Row(
        f"groups of {n:,} {kind} vectors of {_DIM}: memory against the vectors' own",
        got["peak"] / got["vectors"],
        _BOARD,
        f"cluster {got['cluster']:.1f} s, of it components {got['components']:.1f} s; "
        f"{got['groups']:,.0f} groups; the largest component has {got['largest']:,.0f} vectors; "
        f"{got['peak']:.0f} MiB in all",
    )


def _kept(n: int) -> list[measure.Row]:
    """Group an index and add to it; compare its memory with that of the vectors."""
    got = _measured("index", n)
    return [
        measure.Row(
            f"Index.groups of {n:,} clustered vectors of {_DIM}: memory against the vectors' own",
            got["peak"] / got["vectors"],
            _BOARD,
            f"made in {got['made']:.1f} s, kept ones listed in {got['listed']:.1f} s; "
            f"{got['groups']:,.0f} groups; {got['peak']:.0f} MiB in all, of it the index "
            f"{got['index']:.0f}",
        ),
        measure.Row(
            f"one more picture, to an index of {n:,} with groups: time against one without",
            got["ratio"],
            "",
            f"{got['grouped']:.1f} ms against {got['plain']:.1f} ms",
        ),
        measure.Row(
            f"the first picture after opening an index of {n:,} with groups: memory that is taken, "
            "against the vectors' own",
            got["growth"] / got["vectors"],
            "",
            f"{got['first']:.2f} s, {got['growth']:.0f} MiB",
        ),
    ]


def _measured(kind: str, n: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.groups", kind, str(n)]
    child = subprocess.run(command, check=True, capture_output=True, text=True)
    got: dict[str, float] = json.loads(child.stdout)
    return got


def _assign() -> measure.Row:
    vectors = vectors_of("loose", 20_100)
    old, numbers = vectors[:20_000], np.arange(20_000)
    centroids = Centroids(_DIM, 0.99)
    centroids.fill(numbers, [(numbers, old)])
    new = iter(vectors[20_000:])
    jobs: dict[str, Callable[[], object]] = {
        "ours": lambda: centroids.assign(next(new)),
        "bare": lambda: (old @ vectors[0]).argmax(),
    }
    seconds = measure.in_turn(jobs, rounds=40)
    what = "one more picture, to 20,000 groups: time against one bare matrix-vector product"
    return measure.time_row(what, seconds["ours"], seconds["bare"], "<= 1.50")


def vectors_of(kind: str, n: int) -> Vector:
    """Make vectors: rounded to 16 bits, as an index keeps them.

    Args:
        kind: "clustered" (a thousand centres, cosines of about 0.9 within, a fifth loose), "camera"
            (all nearly equal), "chained" (a slow pan that never returns, one long component) or
            "loose".
        n: how many.
    """
    rng = np.random.default_rng(0)
    found = rng.standard_normal((n, _DIM), dtype=np.float32)
    if kind == "clustered":
        centres = unit(rng.standard_normal((1000, _DIM)))
        for start in range(0, n, 4096):
            part = slice(start, min(start + 4096, n))
            centre = centres[rng.integers(0, 1000, part.stop - start)]
            near = centre * 0.9**0.5 + unit(found[part]) * 0.1**0.5
            loose = rng.random(part.stop - start)[:, None] < 0.2
            found[part] = np.where(loose, found[part], near)
    if kind == "camera":
        found = found * np.float32(0.006) + unit(found[:1])
    if kind == "chained":
        found = _pan(found)
    for start in range(0, n, 4096):
        found[start : start + 4096] = unit(found[start : start + 4096]).astype(np.float16)
    return found


def _pan(steps: Vector) -> Vector:
    place = unit(steps[0])
    for row, step in enumerate(unit(steps)):
        place = unit(place * 0.96**0.5 + step * 0.04**0.5)
        steps[row] = place
    return steps


def _child(kind: str, n: int) -> dict[str, float]:
    vectors = vectors_of(kind, n)
    _forget_peak()  # that of the making
    begun = time.perf_counter()
    labels = cluster(vectors, THRESHOLD)
    clustered = time.perf_counter()
    peak = _peak()
    connected = components(vectors, THRESHOLD)
    ended = time.perf_counter()
    return {
        "cluster": clustered - begun,
        "components": ended - clustered,
        "groups": float(labels.max() + 1),
        "largest": float(np.bincount(connected).max()),
        "peak": peak,
        "vectors": vectors.nbytes / _MIB,
    }


def _index_child(n: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=os.environ.get("EDGECLIP_BENCH_TMP")) as folder:
        grouped, plain = Path(folder, "grouped"), Path(folder, "plain")
        with Index.open(grouped, "groups-benchmark", hnsw=False) as index:
            index.add_many((f"{i:06}", v) for i, v in enumerate(vectors_of("clustered", n)))
        shutil.copytree(grouped, plain)
        with Index.open(grouped, hnsw=False) as index:
            found = _making(index)
        with Index.open(plain, hnsw=False) as other, Index.open(grouped, hnsw=False) as index:
            found |= _adding(index, other)
    return found | {"vectors": n * _DIM * 4 / _MIB}


def _making(index: Index) -> dict[str, float]:
    _forget_peak()
    before, begun = _peak(), time.perf_counter()
    count = len(index.groups())
    made, peak = time.perf_counter(), _peak()
    index.groups()
    return {
        "index": before,
        "groups": float(count),
        "made": made - begun,
        "listed": time.perf_counter() - made,
        "peak": peak,
    }


def _adding(index: Index, other: Index) -> dict[str, float]:
    new = vectors_of("loose", 100)[50:]
    _forget_peak()
    before, begun = _peak(), time.perf_counter()
    index.add("first", new[0])
    first, growth = time.perf_counter() - begun, _peak() - before
    ours, theirs = iter(enumerate(new[1:])), iter(enumerate(new[1:]))
    jobs: dict[str, Callable[[], object]] = {
        "grouped": lambda: index.add(*_named(next(ours))),
        "plain": lambda: other.add(*_named(next(theirs))),
    }
    seconds = measure.in_turn(jobs, rounds=40)
    return {
        "first": first,
        "growth": growth,
        "ratio": measure.ratio(seconds["grouped"], seconds["plain"]),
        **{name: 1000 * statistics.median(each) for name, each in seconds.items()},
    }


def _named(pair: tuple[int, Vector]) -> tuple[str, Vector]:
    return f"new {pair[0]}", pair[1]


def _forget_peak() -> None:
    """Begin the greatest memory anew."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> float:
    """Return the greatest memory that this process held, in MiB."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    wanted, size = sys.argv[1], int(sys.argv[2])
    print(json.dumps(_index_child(size) if wanted == "index" else _child(wanted, size)))
