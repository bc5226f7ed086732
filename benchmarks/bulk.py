"""Bulk embedding on Ray with two workers, beside `embed_images` of one process.

All of it is counted: Ray's start and end, the workers' model, hashes, facts and Parquet.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import measure
from benchmarks.material import s2, small_photographs
from edgeclip import Model
from edgeclip.grow import parquet
from edgeclip.grow.bulk import embed
from edgeclip.grow.parts import files_of
from edgeclip.vectors import Vector

_PICTURES, _WORKERS = 2_000, 2


def rows() -> list[measure.Row]:
    """Measure and return the rows."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model = Model.load(s2())
        count = int(os.environ.get("EDGECLIP_BULK_PICTURES", _PICTURES))
        paths = small_photographs(folder / "photos", count)
        list(model.embed_images(paths[:4]))
        # Half before and half after, so that a machine that others use slows both.
        half = len(paths) // 2
        expected: list[Vector] = []
        before = _seconds(lambda: expected.extend(model.embed_images(paths[:half])))
        bulk = _seconds(lambda: embed(folder / "photos", model, folder / "out", workers=_WORKERS))
        after = _seconds(lambda: expected.extend(model.embed_images(paths[half:])))
        found = _kept(folder / "out")
    cosines = [
        float(found[path.name] @ vector) for path, vector in zip(paths, expected, strict=True)
    ]
    alone, ours = count / (before + after), count / bulk
    return [
        measure.Row(
            f"embed --engine ray, {_WORKERS} workers, {count:,} photographs: rate against "
            "embed_images",
            ours / alone,
            ">= 0.90",
            f"{ours:.1f} against {alone:.1f} pictures/s, {len(os.sched_getaffinity(0))} cores",
        ),
        measure.Row(
            "embed --engine ray: least cosine to the vectors of embed_images",
            min(cosines),
            ">= 0.99999",
            f"MobileCLIP-S2, {len(found):,} rows, each once",
            digits=7,
        ),
    ]


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _kept(out: Path) -> dict[str, Vector]:
    place, names = files_of(out)
    found: dict[str, Vector] = {}
    for name in names:
        with place.open(name) as file:
            for batch in parquet.read(file, name):
                for row in batch:
                    assert row.vector is not None and row.key not in found, row.key
                    found[row.key] = np.array(row.vector)
    return found
