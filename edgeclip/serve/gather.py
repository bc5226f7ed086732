"""Gather: what is asked at once becomes one inference; what is asked alone waits for nothing."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from edgeclip.errors import Busy
from edgeclip.serve.until import left

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Gather(Generic[Asked, Answer]):
    """Answer many threads and tasks with one that works.

    While it works, what is asked meanwhile gathers; then it takes all of that at once.  So nobody
    waits for a batch to fill.

    Args:
        work: answers several, in order; it runs in a thread of this object.
        most: how many at once.
        waiting: how many may wait.
        name: of the thread.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Asked]], Iterable[Answer]],
        *,
        most: int = 8,
        waiting: int = 64,
        name: str = "gather",
    ) -> None:
        self._work, self._most, self._waiting = work, most, waiting
        self._queue: queue.SimpleQueue[tuple[Asked, Future[Answer]] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def ask(self, asked: Asked) -> Future[Answer]:
        """Return what will hold the answer; it may be cancelled for as long as it waits.

        Raises:
            Busy: too many wait already, or this is closed.
        """
        answer: Future[Answer] = Future()
        with self._lock:
            if self._closed:
                raise Busy("the service is ending. Try again when it is back.")
            if self._queue.qsize() >= self._waiting:
                raise Busy("too many wait for the model already. Try again in a second.")
            self._queue.put((asked, answer))
        return answer

    def __len__(self) -> int:
        """Return how many wait."""
        return self._queue.qsize()

    def close(self, until: float | None = None) -> None:
        """Answer what waits, then end.

        Args:
            until: how long to wait for that, by `time.monotonic`; None: until it is done.
        """
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join(left(until))

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, ended = [first], False
            while len(batch) < self._most and not ended and not self._queue.empty():
                more = self._queue.get()  # nobody else takes any
                if more is None:
                    ended = True
                else:
                    batch.append(more)
            self._answer([each for each in batch if each[1].set_running_or_notify_cancel()])
            if ended:
                return

    def _answer(self, batch: Sequence[tuple[Asked, Future[Answer]]]) -> None:
        if not batch:
            return
        try:
            answers = self._work([asked for asked, _ in batch])
        except BaseException as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            # One of them may be to blame: the others must not suffer for it.
            for each in batch:
                self._answer([each])
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            future.set_result(answer)
