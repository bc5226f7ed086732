"""Cluster: Ray, here or elsewhere, and what runs on it; its only importer."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from importlib.util import find_spec
from typing import Any

from edgeclip.errors import EdgeclipError, ExtraMissing
from edgeclip.grow import tables
from edgeclip.grow.embedder import Embedder, Task
from edgeclip.grow.sources import Entry
from edgeclip.grow.tables import Row
from edgeclip.index.items import key_bytes
from edgeclip.model.cpus import usable_cpus
from edgeclip.model.headers import printable

_STORE_BYTES = 128 << 20
"""Ray's shared memory here; names go through it and vectors, but no picture does."""
_TRIES = 3
"""So often a block is begun whose workers die."""
_MOST_GIVEN_UP = 8
_DYING = "whatever they are given, they die. Look for what kills them, such as too little memory."
_MISSING = "embedding on many workers needs ray: pip install 'edgeclip[ray]'"
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # else Ray reports to its makers
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # what its C++ half would write to our stderr
}


@contextlib.contextmanager
def cluster(workers: int | None, threads: int | None) -> Iterator[tuple[int, int]]:
    """Use the cluster that this process, or ``RAY_ADDRESS``, is connected to; else start one here.

    Args:
        workers: how many are wanted; None: as many as there are CPUs for.
        threads: CPUs of one; None: one, or what is there for so many workers.

    Yields:
        How many workers there will be, and the threads of each.

    Raises:
        ExtraMissing: Ray is not installed.
        EdgeclipError: the cluster cannot be reached or started, or has too few CPUs.
    """
    ray = library()
    ours = not ray.is_initialized()
    if ours:
        _start(ray)
    try:
        machines = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        threads = threads or _share(machines, workers)
        room = sum(cpus // threads for cpus in machines)
        wanted = max(1, room) if workers is None else workers
        if wanted > room:
            raise EdgeclipError(
                f"{wanted} workers of {_threads(threads)} each do not fit: the cluster has "
                f"{sum(machines)} CPUs, for {room} of them. Give fewer --workers or --threads."
            )
        yield wanted, threads
    finally:
        if ours:
            ray.shutdown()


def _share(machines: Sequence[int], workers: int | None) -> int:
    """Return how many CPUs there are for each of some workers, none of which spans machines."""
    if workers is None:
        return 1
    counts = range(max(machines, default=1), 1, -1)
    return next((n for n in counts if sum(cpus // n for cpus in machines) >= workers), 1)


def run(
    task: Task, entries: Sequence[Entry], *, workers: int, block: int
) -> Generator[list[Row], None, None]:
    """Embed on the cluster, and yield the rows of a block whenever one is done, in any order.

    A block whose worker dies is done again by another one, twice; what is not done then is left
    out.

    Args:
        task: what each worker has to know.
        entries: what to embed; they are kept in Ray's shared memory.
        workers: processes that hold a model each.
        block: entries that a worker is sent at once.

    Raises:
        EdgeclipError: no worker can open the model, or run it; or the cluster is gone.
    """
    blocks = [
        tables.of_entries(entries[start : start + block]) for start in range(0, len(entries), block)
    ]
    done, given_up = 0, 0
    try:
        with closing(_tables(task, blocks, min(workers, len(blocks)))) as found:
            for table in found:
                reason = tables.failure_of(table)
                if reason:
                    raise _failed(reason)
                done, given_up = done + (reason is None), given_up + (reason is not None)
                if given_up > _MOST_GIVEN_UP and not done:
                    raise _failed(_DYING)
                if reason is None:
                    yield tables.rows_of(table)
    except EdgeclipError:
        raise
    except Exception as error:  # Ray's own have no root in common
        raise _failed(_last_line(str(error))) from error


def _tables(task: Task, blocks: Sequence[Any], workers: int) -> Generator[Any, None, None]:
    import ray.data

    begun = ray.remote(num_cpus=0)(_Begun).remote(_TRIES)
    found = ray.data.from_arrow(list(blocks)).map_batches(
        _Worker,
        fn_constructor_args=(task, begun),
        compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=2),
        num_cpus=task.threads,
        batch_size=None,
        batch_format="pyarrow",
    )
    found.context.enable_progress_bars = False
    yield from found.iter_batches(batch_size=None, batch_format="pyarrow")


class _Begun:
    """Counts how often each block was begun: Ray itself would begin a deadly one for ever."""

    def __init__(self, most: int) -> None:
        self._most, self._counts = most, Counter[bytes]()

    def may(self, block: bytes) -> bool:
        """Count once more, and tell whether it may be begun."""
        self._counts[block] += 1
        return self._counts[block] <= self._most


class _Worker:
    """An `Embedder` by the tables that are sent between processes."""

    def __init__(self, task: Task, begun: Any) -> None:
        self._embedder, self._head, self._begun = Embedder(task), task.head, begun

    def __call__(self, block: Any) -> Any:
        """Return the rows of a block, each of them an Arrow table."""
        import ray

        entries = tables.entries_of(block)
        if not ray.get(self._begun.may.remote(key_bytes(entries[0][0]))):
            return tables.of_failure("")
        try:
            return tables.table(list(self._embedder.rows(entries)), self._head)
        except Exception as error:
            # Of a picture all is caught already: this would happen to the others, too.
            return tables.of_failure(f"{type(error).__name__}: {error}")


def check_installed() -> None:
    """Look whether Ray is installed, without the seconds that it takes to import.

    Raises:
        ExtraMissing: it is not.
    """
    if find_spec("ray") is None:
        raise ExtraMissing(_MISSING)


def library() -> Any:
    """Return Ray, told to keep quiet; raise `ExtraMissing` where it is not installed."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ExtraMissing(_MISSING) from error
    return ray


def _start(ray: Any) -> None:
    """Connect to the cluster of ``RAY_ADDRESS``, or start one on this machine alone."""
    address = os.environ.get("RAY_ADDRESS")
    here = {
        "address": "local",
        "num_cpus": usable_cpus(),
        "include_dashboard": False,
        "object_store_memory": _STORE_BYTES,
    }
    try:
        with _own_signals(), _silence():
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **({} if address else here))
    except Exception as error:
        what = f"the Ray cluster {address}" if address else "Ray on this machine"
        raise EdgeclipError(
            f"{what} cannot be used: {_last_line(str(error))}. Check RAY_ADDRESS, or unset it to "
            "use this machine alone."
        ) from error
    for handler in logging.getLogger("ray.data").handlers:
        if not hasattr(handler, "baseFilename"):  # its file says it, too
            handler.setLevel(logging.CRITICAL)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Drop what is written to stderr: Ray's C++ half greets there by all means."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keep Ray from taking SIGTERM over."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _failed(reason: str) -> EdgeclipError:
    return EdgeclipError(
        f"the workers failed: {printable(reason)} What is done is kept; run it again to go on."
    )


def _last_line(text: str) -> str:
    """Return what a trace of another process says in the end."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return printable(lines[-1][:400]) if lines else "no reason was given"
