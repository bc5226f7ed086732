"""Work on the next items while the present one is being used, in order and in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetched(
    work: Callable[[Item], Result], items: Iterable[Item], *, workers: int, ahead: int
) -> Iterator[Result]:
    """Yield ``work(item)`` for each item, in order.

    Args:
        work: runs in a thread; what it raises is raised here, at the item's turn.
        items: read no further than ``ahead`` items beyond the one that is being yielded.
        workers: threads.
        ahead: results that may wait.
    """
    iterator = iter(items)
    with ThreadPoolExecutor(workers, thread_name_prefix="edgeclip-decode") as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            waiting.extend(pool.submit(work, item) for item in islice(iterator, ahead))
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(pool.submit(work, item) for item in islice(iterator, 1))
                yield result
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
