"""Groups and near-duplicates of many pictures: seconds, and how much memory above the vectors."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import measure
from edgeclip.index.components import components
from edgeclip.index.groups import THRESHOLD, Centroids, cluster
from edgeclip.vectors import Vector, unit

_MANY, _SOME, _DIM = 100_000, 20_000, 512
_MIB = 1 << 20
# What a board with 4 GB can give to one program, in times the vectors' 195 MiB.
_BOARD = "<= 15"


def rows() -> list[measure.Row]:
    """Measure, each size in a process of its own for its memory's sake, and return the rows."""
    found = [_clustering("clustered", _MANY), _clustering("camera", _MANY)]
    found += [_clustering("chained", _SOME), _assign()]
    return found


def _clustering(kind: str, n: int) -> measure.Row:
    """Cluster in a process of its own and compare its memory with that of the vectors."""
    command = [sys.executable, "-m", "benchmarks.groups", kind, str(n)]
    child = subprocess.run(command, check=True, capture_output=True, text=True)
    got = json.loads(child.stdout)
    return measure.Row(
        f"groups of {n:,} {kind} vectors of {_DIM}: memory against the vectors' own",
        got["peak"] / got["vectors"],
        _BOARD,
        f"cluster {got['cluster']:.1f} s, of it components {got['components']:.1f} s; "
        f"{got['groups']:,.0f} groups; the largest component has {got['largest']:,.0f} vectors; "
        f"{got['peak']:.0f} MiB in all",
    )


def _assign() -> measure.Row:
    vectors = vectors_of("loose", 20_100)
    centroids = Centroids.of(vectors[:20_000], np.arange(20_000), 0.99)
    sums = centroids.state()[2].astype(np.float64)
    new = iter(vectors[20_000:])
    jobs: dict[str, Callable[[], object]] = {
        "ours": lambda: centroids.assign(next(new)),
        "bare": lambda: (sums @ vectors[0]).argmax(),
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
    Path("/proc/self/clear_refs").write_text("5")  # begin the peak anew, without the making
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


def _peak() -> float:
    """Return the greatest memory that this process held, in MiB."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    print(json.dumps(_child(sys.argv[1], int(sys.argv[2]))))
