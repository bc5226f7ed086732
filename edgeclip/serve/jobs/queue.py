"""Queue: the only importer of huey.  It holds hints about what waits, never the truth.

A message is a job's id, in JSON.  huey's own pickles would let whoever can write to the Redis run
code here; a message that is anything else is dropped.  Of huey only the queue and its consumer's
threads are used: no results, no schedule, no revocation, so no other key of a foreign hand is read.
"""

from __future__ import annotations

import contextlib
import json
import logging
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from edgeclip.errors import EdgeclipError, ExtraMissing
from edgeclip.serve.jobs.job import Hint

try:
    from huey.api import Huey  # type: ignore[import-untyped]
    from huey.consumer import Consumer, Worker  # type: ignore[import-untyped]
    from huey.registry import Message  # type: ignore[import-untyped]
    from huey.serializer import Serializer  # type: ignore[import-untyped]
    from huey.storage import PriorityRedisStorage, SqliteStorage  # type: ignore[import-untyped]
except ImportError as error:
    raise ExtraMissing("jobs need huey: pip install 'edgeclip[serve]'") from error

if TYPE_CHECKING:
    from huey.api import Task

NAME = "queue.db"
_TASK = "edgeclip.job"
_MOST_BYTES = 1000
_FIRST_POLL_S, _MOST_POLL_S, _POLL_GROWTH = 0.05, 0.2, 1.15
_ANSWER_S = 5.0
"""A Redis that is silent for so long is taken for gone; it answers an idle worker each second."""
_SEEN = logging.getLogger(__name__)
Do = Callable[[str], None]


class Queue:
    """Hints about the jobs of one folder.

    Args:
        name: of these jobs alone.
        place: the file of a queue for one process, or the ``redis://`` URL of one for several.
    """

    def __init__(self, name: str, place: Path | str) -> None:
        self.problem: str | None = None
        """Why nothing comes out of it at the moment; a sentence for people."""
        self.missed = False
        """Whether a job was not told of, and a refill is needed."""
        self.name = "the queue" if isinstance(place, Path) else _shown(place)
        self._file = place if isinstance(place, Path) else None
        if self._file is not None:
            _remove(self._file)  # it may be torn, and all in it will be put anew
        self._lock = threading.Lock()
        self._do: Do | None = None
        self._consumer: _Consumer | None = None
        self._huey = _Huey(name, _storage(name, place), self._run)

    def put(self, hint: Hint) -> None:
        """Tell the workers of a job; a hint that is lost is given again later."""
        if not self.problem:  # whoever submits need not wait for a Redis that hangs
            with self._lock:  # not while it is refilled: the hint would be flushed
                if not self.problem:
                    with self._noted():
                        self._huey.put(hint)
                        return
        self.missed = True

    def size(self) -> int | None:
        """Return how many hints it holds; None: it cannot be asked."""
        with self._noted():
            return int(self._huey.storage.queue_size())
        return None

    def refill(self, waiting: Callable[[], list[Hint]]) -> None:
        """Hold the hints that are waiting now, and no others.

        Args:
            waiting: asked once no hint can come: one that came after the answer would be flushed.
        """
        with self._lock:
            self.missed = False
            hints = waiting()
            with self._noted():
                if self._file is not None and self.problem:
                    self._renew(self._file)
                self._huey.storage.flush_queue()
                for hint in hints:
                    self._huey.put(hint)
                self.problem = None

    def check(self) -> None:
        """Refuse a queue that cannot be reached.

        Raises:
            EdgeclipError: it says where it was looked for, without the password.
        """
        if self.size() is None:
            raise EdgeclipError(
                f"{self.problem} Start it, or leave the queue to the service's own file."
            )

    def start(self, do: Do, workers: int) -> None:
        """Start threads that call ``do`` with the id of each job they are told of."""
        self._do = do
        self._consumer = _Consumer(
            self._huey,
            workers=workers,
            periodic=False,
            initial_delay=_FIRST_POLL_S,
            max_delay=_MOST_POLL_S,
            backoff=_POLL_GROWTH,
            scheduler_interval=60,
        )
        for worker, _ in self._consumer.worker_threads:
            worker.queue = self
        self._consumer.start()

    def stop(self, until: float) -> None:
        """Take no more jobs; wait for those that are being done until `time.monotonic` is that."""
        if self._consumer is None:
            return
        self._consumer.stop_flag.set()
        for _, thread in self._consumer.worker_threads:
            thread.join(max(0.0, until - time.monotonic()))

    def close(self) -> None:
        """Let go of the file or the connection."""
        with contextlib.suppress(Exception):
            self._huey.storage.close()
        pool = getattr(self._huey.storage, "pool", None)
        if pool is not None:
            with contextlib.suppress(Exception):
                pool.disconnect()

    def failed(self, error: Exception) -> None:
        """Note that it cannot be used."""
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        self.problem = f"{self.name} cannot be used: {reason}."

    def _run(self, job_id: str) -> None:
        if self._do is not None:
            self._do(job_id)

    def _renew(self, file: Path) -> None:
        """Make a damaged file anew."""
        self._huey.storage.close()
        _remove(file)
        self._huey.storage.initialize_schema()

    @contextlib.contextmanager
    def _noted(self) -> Any:
        # sqlite3's and Redis's errors have no common root; none of them may stop a job.
        try:
            yield
        except Exception as error:
            self.failed(error)


class _Plain(Serializer):  # type: ignore[misc]
    """A message is a JSON list of one job's id; whatever else it says is not heard."""

    def _serialize(self, message: Message) -> bytes:
        return json.dumps([message.id]).encode()

    def _deserialize(self, data: bytes) -> Message:
        found = json.loads(bytes(data)) if len(data) <= _MOST_BYTES else None
        if not (isinstance(found, list) and len(found) == 1 and isinstance(found[0], str)):
            raise ValueError("a message that is no job's id")
        return Message(found[0], _TASK, args=(found[0],), kwargs={})


class _Huey(Huey):  # type: ignore[misc]
    """A queue of ids and nothing else."""

    def __init__(self, name: str, storage: Any, run: Do) -> None:
        self._made = storage
        super().__init__(name, results=False, serializer=_Plain())
        self._take = self.task(name=_TASK.partition(".")[2])(_named(run))

    def create_storage(self) -> Any:
        return self._made

    def put(self, hint: Hint) -> None:
        message = self.serialize_task(self._take.task_class(args=(hint.id,), id=hint.id))
        if isinstance(self.storage, _Redis):
            self.storage.put(message, hint)
        else:
            self.storage.enqueue(message, hint.priority)

    def dequeue(self) -> Task | None:
        data = self.storage.dequeue()
        try:
            return None if data is None else self.deserialize_task(data)
        except (ValueError, RecursionError):
            _SEEN.warning("a message in the queue was none of edgeclip's, and is dropped")
            return None

    def execute(self, task: Task, timestamp: Any = None) -> None:
        task.execute()

    def read_schedule(self, timestamp: Any = None) -> list[Task]:
        return []


class _Worker(Worker):  # type: ignore[misc]
    """A thread that outlives a queue which cannot be read."""

    queue: Queue

    def loop(self, now: Any = None) -> None:
        try:
            task = self.huey.dequeue()
            if task is not None:
                self.delay = self.default_delay
                self.huey.execute(task, now)
            elif not self.huey.storage.blocking:
                self.sleep()
        except Exception as error:
            self.queue.failed(error)
            self.sleep()


class _Consumer(Consumer):  # type: ignore[misc]
    """Threads of a process that has its own signals."""

    worker_class = _Worker

    def _set_signal_handlers(self) -> None:
        pass


class _Redis(PriorityRedisStorage):  # type: ignore[misc]
    """Orders equal priorities by arrival; huey would ask the wall clock."""

    def put(self, data: bytes, hint: Hint) -> None:
        self.conn.zadd(self.queue_key, {struct.pack(">Q", hint.number) + data: -hint.priority})


def _storage(name: str, place: Path | str) -> Any:
    if isinstance(place, Path):
        # Not durable: after a power cut it is made anew.  This writes to the disk the least.
        return SqliteStorage(
            name, filename=str(place), journal_mode="memory", fsync=False, cache_mb=1
        )
    try:
        from redis import ConnectionPool
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise ExtraMissing("a queue in Redis needs redis: pip install 'edgeclip[redis]'") from error
    try:
        # What is not answered is tried again later, here; not in the middle of a request.
        told = {"socket_timeout": _ANSWER_S, "socket_connect_timeout": _ANSWER_S}
        pool = ConnectionPool.from_url(place, retry=Retry(NoBackoff(), 0), **told)
        return _Redis(name, connection_pool=pool)
    except ValueError as error:
        raise EdgeclipError(
            f"{_shown(place)} is no address of a Redis. Write redis://HOST:PORT/0"
        ) from error


def _named(run: Do) -> Do:
    """Return a function of this module: huey finds tasks by module and name."""

    def job(job_id: str) -> None:
        run(job_id)

    job.__module__ = _TASK.partition(".")[0]
    return job


def _shown(url: str) -> str:
    """Return an address without its password."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname or ''}:{parts.port or 6379}"
    except ValueError:
        return "the queue"


def _remove(file: Path) -> None:
    for end in ("", "-journal", "-wal", "-shm"):
        file.with_name(f"{file.name}{end}").unlink(missing_ok=True)
