"""Threads: what takes a while is done by a few of them, also when nobody waits for it any more.

A request that is cut at its deadline leaves its work behind, which no one can stop.  So it counts
until it has ended, and what it holds is held until then.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

from edgeclip.errors import Busy

_T = TypeVar("_T")
_Task = tuple[Future[Any], Callable[[], Any]]


class Hold(Protocol):
    """What a request holds; it is counted by how many use it."""

    def keep(self) -> None:
        """Hold it once more."""

    def let_go(self) -> None:
        """Hold it once less; called in the event loop."""


HELD: ContextVar[Hold | None] = ContextVar("HELD", default=None)
"""What the present request holds."""


class Threads:
    """Work for an event loop.

    Args:
        most: how many threads; they are started when they are needed, and end with the process.
        waiting: how much may wait for one.
    """

    def __init__(self, most: int = 40, waiting: int = 64) -> None:
        self._most, self._waiting = most, waiting
        self._tasks: queue.SimpleQueue[_Task] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._started = self._unfinished = 0

    async def run(self, work: Callable[[], _T], *, patient: bool = False) -> _T:
        """Return what some work returns, or raise what it raises.

        Args:
            work: done in a thread.
            patient: for what was begun and must go on: it may always wait.

        Raises:
            Busy: too much waits already.
        """
        future: Future[_T] = Future()
        with self._lock:
            if self._unfinished >= self._most + self._waiting and not patient:
                raise Busy("too many requests wait already. Try again in a second.")
            self._unfinished += 1
            if self._started < min(self._unfinished, self._most):
                self._started += 1
                threading.Thread(target=self._serve, name="request", daemon=True).start()
        self._count(future)
        self._tasks.put((future, work))
        return await asyncio.wrap_future(future)

    def _count(self, future: Future[Any]) -> None:
        """Let go of everything once the work has ended, or was given up before it began."""
        loop, held = asyncio.get_running_loop(), HELD.get()
        if held is not None:
            held.keep()

        def ended(_: Future[Any]) -> None:
            with self._lock:
                self._unfinished -= 1
            if held is not None and not loop.is_closed():
                loop.call_soon_threadsafe(held.let_go)

        future.add_done_callback(ended)

    def _serve(self) -> None:
        while True:
            future, work = self._tasks.get()
            if future.set_running_or_notify_cancel():
                _do(future, work)
            del future, work  # what was held is free while nothing is asked


def _do(future: Future[Any], work: Callable[[], Any]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)
