"""The child process that builds a graph from the database and publishes it.

hnswlib holds Python's lock while it saves, and building takes minutes: in a process of its own
neither is felt.  ``python -P -m edgeclip.index.build INDEX_FOLDER`` answers in one line of JSON and
ends with 0, or with another code and the reason in that line.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from edgeclip.errors import EdgeclipError, StoreError, StoreFull
from edgeclip.index.cache import building, publish
from edgeclip.index.failpoints import reach
from edgeclip.index.hnsw import EF_CONSTRUCTION, Graph, GraphError, Ids, M, version
from edgeclip.index.place import CACHE, DATABASE
from edgeclip.index.rows import vectors_of
from edgeclip.index.saved import Manifest
from edgeclip.index.store import Store
from edgeclip.model.cpus import usable_cpus
from edgeclip.vectors import Vector

Sample = tuple[Ids, Vector]

_ROWS = 1024
_PROBES = 64
_NICE = 10
_STOP_S = 2.0
_PARENT_S = 0.5


def graph_bytes(count: int, dim: int) -> int:
    """Return about how many bytes a graph of so many vectors takes, in RAM and on disk."""
    return count * (dim * 4 + M * 12 + 32)


def capacity_for(count: int) -> int:
    """Return how many ids a graph should be able to take: unused room costs 60 bytes an id."""
    return count + count // 2 + 1024


def too_big(count: int, dim: int) -> str | None:
    """Return why a graph does not fit into memory, or None when it does."""
    needed = graph_bytes(count, dim)
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:") and int(line.split()[1]) << 10 < needed:
                return f"it takes {needed >> 20:,} MB of memory, which is not free"
    return None


def build(folder: Path, *, threads: int | None = None) -> Manifest:
    """Build a graph from all rows of an index, and publish it.

    Args:
        folder: of the index.
        threads: None: half of the CPUs that this process may use.

    Raises:
        StoreError: the index cannot be read, holds nothing, or the graph cannot be saved.
        ExtraMissing: hnswlib is not installed.
        GraphError: hnswlib failed.
    """
    with building(folder), contextlib.closing(_store(folder)) as store:
        identity = store.identity
        count = int(store.select("SELECT count(*) FROM item")[0][0])
        if identity.dim is None or count == 0:
            raise StoreError(f"{folder} holds nothing to search in. Add something first.")
        _check_space(folder, graph_bytes(count, identity.dim))
        built = [Graph.empty(identity.dim, capacity_for(count))]
        sample, last_id = _fill(built[0], store, identity.dim, threads)
        manifest = Manifest(
            uuid=identity.uuid,
            space=identity.space,
            dim=identity.dim,
            generation=identity.generation,
            number=0,
            count=len(built[0]),
            last_id=last_id,
            capacity=built[0].capacity,
            m=M,
            ef_construction=EF_CONSTRUCTION,
            hnswlib=version(),
        )
        return _published(folder, manifest, identity.secret, built, sample)


class Child:
    """A build in a child process."""

    def __init__(self, folder: Path) -> None:
        # -P: a stray numpy.py in the working folder must not be imported.
        command = [sys.executable, "-P", "-m", "edgeclip.index.build", str(folder)]
        self._process = subprocess.Popen(
            [*command, "--parent", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._said: bytes | None = None

    def running(self) -> bool:
        """Tell whether it still builds."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it; what it has not published is lost."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._output()

    def problem(self) -> str | None:
        """Return why nothing was published, or None when all is well; call it after the end."""
        try:
            answer = json.loads(self._output())
            return None if answer["ok"] is True else str(answer["reason"])
        except (ValueError, KeyError, TypeError):
            return f"the process that builds it ended with code {self._process.returncode}"

    def _output(self) -> bytes:
        if self._said is None:
            self._said = self._process.communicate()[0]
        return self._said


def _published(
    folder: Path,
    manifest: Manifest,
    secret: bytes,
    built: list[Graph],
    sample: Sample,
) -> Manifest:
    """Publish a graph after it was freed and read again: both at once could be too much."""

    def probe(path: Path) -> None:
        built.clear()
        graph = Graph.load(path, manifest.dim, manifest.capacity)
        ids, vectors = sample
        found, scores = graph.search(vectors, 1)
        # Of equal vectors another one may come first, with the same score.
        good = (found[:, 0] == ids) | (
            scores[:, 0] > np.einsum("nd,nd->n", vectors, vectors) - 1e-4
        )
        if len(graph) != manifest.count or np.count_nonzero(~good) > len(ids) // 20:
            raise StoreError(f"the graph of {folder} does not find what is in it. Try again.")

    def save(path: Path) -> int:
        return built[0].save(path)

    return publish(folder, manifest, secret, save=save, probe=probe)


def _fill(graph: Graph, store: Store, dim: int, threads: int | None) -> tuple[Sample, int]:
    """Add all rows; return some of them, and the highest id."""
    threads = threads or max(1, usable_cpus() // 2)
    sample: Sample = np.empty(0, np.int64), np.empty((0, dim), np.float32)
    rows, last_id = store.rows(), 0
    while batch := list(islice(rows, _ROWS)):
        if graph.full(len(batch)):  # somebody adds faster than this builds; the rest comes later
            break
        ids = np.array([row.id for row in batch], np.int64)
        vectors = vectors_of(batch, dim)
        graph.add(ids, vectors, threads=threads)
        sample, last_id = _sampled(sample, ids, vectors), int(ids[-1])
        reach("cache.building")
    return sample, last_id


def _sampled(sample: Sample, ids: Ids, vectors: Vector) -> Sample:
    """Keep some ids with their vectors, from the beginning to the end."""
    every = max(1, len(ids) // 4)
    ids, vectors = ids[::every], vectors[::every]
    both = np.concatenate([sample[0], ids]), np.concatenate([sample[1], vectors])
    thin = 2 if len(both[0]) > _PROBES else 1
    return both[0][::thin], both[1][::thin]


def _store(folder: Path) -> Store:
    return Store.open(folder / DATABASE, read_only=True)


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder / CACHE).free
    if free < needed * 1.1:
        raise StoreFull(
            f"the graph of {folder} takes {needed >> 20:,} MB, and {free >> 20:,} MB are free. "
            "Free some space."
        )


def _watch(parent: int) -> None:
    """End this process when its parent has ended."""
    while os.getppid() == parent:
        time.sleep(_PARENT_S)
    os.kill(os.getpid(), signal.SIGKILL)


def _main() -> None:
    parser = argparse.ArgumentParser("edgeclip.index.build")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--parent", type=int, help="end when this process is no longer the parent")
    options = parser.parse_args()
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    if options.parent:
        threading.Thread(target=_watch, args=(options.parent,), daemon=True).start()
    try:
        manifest = build(options.folder, threads=options.threads)
    except (EdgeclipError, GraphError) as error:
        _say({"ok": False, "reason": str(error)})
        raise
    _say({"ok": True, "name": manifest.stem, "count": manifest.count, "bytes": manifest.bytes})


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _main()
