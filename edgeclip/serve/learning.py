"""Learning: an index without a background gets one beside the requests, once it is missed."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future

from edgeclip.errors import Busy, EdgeclipError
from edgeclip.index.index import Index
from edgeclip.serve.until import left
from edgeclip.vectors import Vector

_MOMENT_S = 0.1
_log = logging.getLogger("edgeclip.serve")


class Learning:
    """Learn once what unrelated words get on the pictures of an index, see `Index.learn`.

    Args:
        index: of one that is only read, whoever writes it learns.
        ask: returns what will hold the vector of a text; raises `Busy` while too many wait.
    """

    def __init__(self, index: Index, ask: Callable[[str], Future[Vector]]) -> None:
        self._index, self._ask = index, ask
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Begin, unless that was done already."""
        with self._lock:
            if self._thread is None and not (self._index.read_only or self._ended.is_set()):
                self._thread = threading.Thread(target=self._run, name="learning", daemon=True)
                self._thread.start()

    def close(self, until: float | None = None) -> None:
        """Leave it for the next time, where it has not ended yet; see `Gather.close`."""
        with self._lock:
            self._ended.set()
        if self._thread is not None:
            self._thread.join(left(until))

    def _run(self) -> None:
        try:
            with contextlib.suppress(CancelledError):
                self._index.learn(self._vectors)
        except EdgeclipError as error:
            _log.warning("what unrelated words get was not learned: %s", error)

    def _vectors(self, texts: Sequence[str]) -> Iterator[Vector]:
        # One after another: who asks meanwhile waits for a single one of them.
        for text in texts:
            yield self._vector(text)

    def _vector(self, text: str) -> Vector:
        while not self._ended.is_set():
            with contextlib.suppress(Busy):
                return self._ask(text).result()
            self._ended.wait(_MOMENT_S)
        raise CancelledError
