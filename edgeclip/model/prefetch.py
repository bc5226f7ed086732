"""Work on the next items while the present one is being used, in order and in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetched(
    work: Callable[[Item], Result], items: Iterable[Item], *, workers: int, ahead: int
) -> Generator[Result, None, None]:
    """Yield ``work(item)`` for each item, in order.

    Args:
        work: runs in a thread; what it raises is raised here, at the item's turn.
        items: read no further than ``ahead`` items beyond the one that is being yielded; what it
            raises is raised after the results of the items before.
        workers: threads.
        ahead: results that may wait.
    """
    iterator = iter(items)
    with ThreadPoolExecutor(workers, thread_name_prefix="edgeclip-decode") as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            waiting.extend(_submitted(pool, work, iterator, ahead))
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(_submitted(pool, work, iterator, 1))
                yield result
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _submitted(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterator[Item], count: int
) -> Iterator[Future[Result]]:
    """Start work on the next items; an error of the iterator takes the place of its item."""
    try:
        for item in islice(items, count):
            yield pool.submit(work, item)
    except Exception as error:
        failed: Future[Result] = Future()
        failed.set_exception(error)
        yield failed
