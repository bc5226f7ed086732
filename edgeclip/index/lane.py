"""Lane: pictures become vectors in a thread of their own, while others are read and committed.

A commit waits for the disk, up to a tenth of a second on an SD card; the model need not.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Generic, TypeVar

from edgeclip.errors import ImageRejected
from edgeclip.vectors import Vector

Ticket = TypeVar("Ticket")
Embedded = Vector | ImageRejected
Embed = Callable[[Iterable[bytes]], Iterator[Embedded]]

_IDLE_S = 0.02
"""After so long without a picture the ones that are decoded are run, instead of waiting."""


class Lane(Generic[Ticket]):
    """Embed pictures in order.  One thread puts and takes; close it at the end."""

    def __init__(self, embed: Embed, done: Callable[[Ticket], None]) -> None:
        """Start the thread.

        Args:
            embed: reads a little ahead and yields a vector or an error for each picture.
            done: called in the thread, when the picture of a ticket is not needed any more.
        """
        self.pending = 0
        """Pictures that were put and not taken yet."""
        self._embed, self._done = embed, done
        self._pictures: queue.SimpleQueue[tuple[Ticket, bytes] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[tuple[Ticket, Embedded] | Exception] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="edgeclip-embed", daemon=True)
        self._thread.start()

    def put(self, ticket: Ticket, picture: bytes) -> None:
        """Hand a picture over."""
        self._pictures.put((ticket, picture))
        self.pending += 1

    def take(self, *, wait: float = 0.0) -> Iterator[tuple[Ticket, Embedded]]:
        """Yield what is ready.

        Args:
            wait: seconds to wait for the first, if any is to come.

        Raises:
            EdgeclipError: the model cannot be used.
        """
        while self.pending:
            try:
                result = self._results.get(block=wait > 0, timeout=wait)
            except queue.Empty:
                return
            if isinstance(result, Exception):
                raise result
            self.pending -= 1
            wait = 0.0
            yield result

    def close(self) -> None:
        """Stop after the picture that is being embedded, and wait for that."""
        self._closing.set()
        self._pictures.put(None)
        self._thread.join()

    def _work(self) -> None:
        try:
            while not self._closing.is_set() and (first := self._pictures.get()) is not None:
                self._run(first)
        except Exception as error:
            self._results.put(error)

    def _run(self, first: tuple[Ticket, bytes]) -> None:
        """Embed until no more pictures come for a while."""
        tickets: deque[Ticket] = deque()
        with contextlib.closing(self._flow(first, tickets)) as flow:
            found = self._embed(flow)
            for vector in found:
                ticket = tickets.popleft()
                self._done(ticket)
                self._results.put((ticket, vector))
                if self._closing.is_set():
                    close = getattr(found, "close", None)
                    if close is not None:  # a generator: its threads end with it
                        close()
                    return

    def _flow(
        self, first: tuple[Ticket, bytes], tickets: deque[Ticket]
    ) -> Generator[bytes, None, None]:
        item: tuple[Ticket, bytes] | None = first
        while item is not None and not self._closing.is_set():
            tickets.append(item[0])
            yield item[1]
            try:
                item = self._pictures.get(timeout=_IDLE_S)
            except queue.Empty:
                return
