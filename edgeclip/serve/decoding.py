"""Decoders: strangers' pictures become tensors in child processes that may die.

The decoders of picture formats are where memory errors are found, so none runs in the process that
holds the model and the index.  A child does one picture at a time; one that crashes, takes too
long or wants too much memory costs the request that was in it, and nobody else's.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclip.errors import Busy, EdgeclipError, ImageRejected
from edgeclip.model import facts
from edgeclip.model.headers import MAX_PIXELS
from edgeclip.model.model import Model
from edgeclip.model.towers import Fit, ImageTower
from edgeclip.serve.confined import Child, Ended
from edgeclip.serve.decoder import FACTS, TENSOR, THUMBNAIL
from edgeclip.serve.shares import shares
from edgeclip.serve.until import left

MAKER = "edgeclip.model.images:prepare"
"""What a child makes tensors with; the tests put harmful ones here."""

# A board that runs a model on all its cores leaves about half a core to a child.
_PATIENCE = 2.0
_MOST_SIDE = 4096
_MOST_FACTS = 1 << 16
_GOODBYE_S = 3.0
_CLOSED = "the decoders are closed. Start the service again."
_LATE = "no decoder was free in time. Try again later."


@dataclass(frozen=True, slots=True)
class Preparing:
    """What a child needs to make the tensors that `Model.image_tensor` makes."""

    tower: ImageTower
    fit: Fit = "crop"
    draft: bool = False
    max_pixels: int = MAX_PIXELS

    @classmethod
    def of(cls, model: Model) -> Preparing:
        """Return how a model prepares its pictures."""
        return cls(model.manifest.image, model.fit, model.draft, model.max_pixels)


class Decoders:
    """Turn uploads into tensors in child processes that may die; close them."""

    def __init__(
        self,
        prepare: Preparing,
        *,
        workers: int | None = None,
        seconds: float = 10.0,
        megabytes: int | None = None,
        recycle: int = 500,
        waiting: int = 32,
    ) -> None:
        """Start nothing yet: the first picture does, or `open`.

        Args:
            prepare: see `Preparing.of`.
            workers: children, about 35 MB each; None: one or two, see `edgeclip.serve.shares`.
            seconds: CPU time for one picture, rounded up to whole ones by the kernel; a child that
                waits instead of computing is ended after twice of it.
            megabytes: memory for one picture; None: a share of what this machine has.
            recycle: a child is replaced after so many pictures.
            waiting: callers that may wait for a child; each of them is a thread.
        """
        given = [seconds, recycle, *(each for each in (workers, megabytes) if each is not None)]
        if min(given) <= 0:
            raise ValueError("workers, seconds, megabytes and recycle must be above 0")
        self.deaths = 0
        """Children that died, or were ended, because of a picture."""
        share = shares(workers, megabytes)
        self._workers = share.workers
        self._tower = prepare.tower
        self._recycle = recycle
        self._patience_s = _PATIENCE * seconds + 1
        # The child's own clock ends it when this process has gone, so it comes second.
        limits = {"patience_s": self._patience_s + 1, "megabytes": share.megabytes}
        self._told = asdict(prepare) | limits | {"seconds": seconds}
        self._turns = threading.BoundedSemaphore(self._workers)
        self._change = threading.Condition()
        self._free: list[Child] = []
        self._busy: set[Child] = set()
        self._most_waiting, self._waiting = waiting, 0
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """Whether no picture is decoded any more."""
        return self._closed

    def tensor(self, data: bytes, *, until: float | None = None) -> NDArray[np.float32]:
        """Prepare an encoded picture as the model does; wait for a free child first.

        Args:
            data: the encoded picture.
            until: when nobody wants it any more, by `time.monotonic`; what waits then is given up,
                what has begun is not.

        Returns:
            ``(3, size, size)`` float32, equal bit for bit to `Model.image_tensor`.

        Raises:
            ImageRejected: it cannot or must not be read, or its decoder died of it.
            Busy: too many wait already, or no child was free in time.
            EdgeclipError: no child can be started, or these are closed.
        """
        shape = (3, self._tower.size, self._tower.size)
        count = int(np.prod(shape)) * np.dtype(np.float32).itemsize
        made = self._made(TENSOR, 0, data, range(count, count + 1), until)
        tensor = np.frombuffer(made, np.float32)
        # A child that obeys a stranger may answer anything.
        if not np.isfinite(tensor).all():
            raise ImageRejected("the picture gives values that are no numbers. Save it again.")
        return tensor.reshape(shape)

    def thumbnail(self, data: bytes, size: int, *, until: float | None = None) -> bytes:
        """Return an encoded picture as a small, upright JPEG file; it raises what `tensor` does.

        Args:
            data: the encoded picture.
            size: its longest side will be this, or shorter.
            until: see `tensor`.
        """
        if not 1 <= size <= _MOST_SIDE:
            raise ValueError(f"a thumbnail's side must be from 1 to {_MOST_SIDE}, not {size}")
        sizes = range(1, 4 * size * size + (1 << 16) + 1)
        return bytes(self._made(THUMBNAIL, size, data, sizes, until))

    def facts(self, data: bytes, *, until: float | None = None) -> dict[str, Any]:
        """Return what an encoded picture tells of itself, see `edgeclip.model.facts`.

        When its file was modified is not known.  It raises what `tensor` does.
        """
        try:
            told = json.loads(self._made(FACTS, 0, data, range(2, _MOST_FACTS + 1), until))
        except ValueError:
            told = None
        if not isinstance(told, dict):  # a child that obeys a stranger may answer anything
            raise ImageRejected("the picture tells nothing that makes sense. Save it again.")
        return {name: value for name, value in told.items() if name in facts.FIELDS}

    def open(self) -> None:
        """Start all children now, and wait until they are warm.

        Raises:
            EdgeclipError: they cannot be started.
        """
        with self._change:
            while len(self._free) + len(self._busy) < self._workers:
                self._free.append(self._start())
            for child in self._free:
                child.warm()

    def close(self, until: float | None = None) -> None:
        """End all children now; whoever waits for one is told so.

        Args:
            until: when to go on although some have not gone, by `time.monotonic`; None: in 3 s.
        """
        until = time.monotonic() + _GOODBYE_S if until is None else until
        with self._change:
            self._closed = True
            for child in (*self._busy, *self._free):
                child.kill()
            for child in self._free:
                child.close(until)
            self._free.clear()
            self._change.wait_for(lambda: not self._busy, max(0.0, until - time.monotonic()))

    def _made(
        self, kind: bytes, size: int, data: bytes, sizes: range, until: float | None
    ) -> bytearray:
        with self._turn(until):
            child = self._take()
            try:
                child.warm()
                return child.ask(kind, size, data, sizes, self._patience_s)
            except Ended as error:
                raise self._refusal(error) from None
            except EdgeclipError as error:
                if self._closed and not isinstance(error, ImageRejected):  # killed at its start
                    raise EdgeclipError(_CLOSED) from error
                raise
            finally:
                self._give_back(child)

    @contextlib.contextmanager
    def _turn(self, until: float | None) -> Iterator[None]:
        """Be one of as many as there are children."""
        if until is not None and until <= time.monotonic():
            raise Busy(_LATE)
        if not self._turns.acquire(blocking=False):
            self._wait(until)
        try:
            yield
        finally:
            self._turns.release()

    def _wait(self, until: float | None) -> None:
        """Wait for a turn, beside so many others at most."""
        with self._change:
            if self._waiting >= self._most_waiting:
                raise Busy("too many pictures wait to be decoded already. Try again in a second.")
            self._waiting += 1
        try:
            if not self._turns.acquire(timeout=left(until)):
                raise Busy(_LATE)
        finally:
            with self._change:
                self._waiting -= 1

    def _refusal(self, ended: Ended) -> EdgeclipError:
        with self._change:
            if self._closed:
                return EdgeclipError(_CLOSED)
            self.deaths += 1
        return ImageRejected(
            f"the picture ended the decoder ({ended}). Save it again as JPEG or PNG, or make it "
            "smaller."
        )

    def _take(self) -> Child:
        """Take a free child, one that is warm if there is one; the caller holds a turn."""
        with self._change:
            for child in [child for child in self._free if child.is_dead()]:
                self._free.remove(child)
                child.close()
            self._free.sort(key=Child.is_warm)
            child = self._free.pop() if self._free else self._start()
            self._busy.add(child)
            return child

    def _give_back(self, child: Child) -> None:
        with self._change:
            self._busy.discard(child)
            if self._closed:
                child.close()
                self._change.notify_all()
                return
            if child.spent:
                child.close()
                # The next request tries again, and tells what is wrong.
                with contextlib.suppress(EdgeclipError):
                    self._free.append(self._start())
                return
            self._free.append(self._succeeded(child))

    def _succeeded(self, child: Child) -> Child:
        """Return a child, or the one that takes its place because it has done enough."""
        if child.served < self._recycle:
            return child
        if child.successor is not None and child.successor.is_dead():
            child.successor.close()
            child.successor = None
        if child.successor is None:
            with contextlib.suppress(EdgeclipError):
                child.successor = self._start()
            return child
        if not child.successor.is_warm():
            return child
        successor, child.successor = child.successor, None
        child.close()
        return successor

    def _start(self) -> Child:
        if self._closed:
            raise EdgeclipError(_CLOSED)
        return Child(json.dumps(self._told | {"maker": MAKER}).encode() + b"\n")
