"""The parent's side of a child that decodes: ask, wait no longer than told, trust no answer."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import re
import select
import signal
import subprocess
import sys
import time
from typing import IO, cast

from edgeclip.errors import EdgeclipError, ImageRejected, UnsupportedFormat
from edgeclip.model.headers import printable
from edgeclip.serve.decoder import (
    ANSWER,
    FAILED,
    MOST_TEXT,
    QUESTION,
    READY,
    REJECTED,
    UNSUPPORTED,
)

_REFUSALS = {REJECTED: ImageRejected, UNSUPPORTED: UnsupportedFormat}
_PIPE_BYTES = 1 << 20
_START_S = 60.0
_GOODBYE_S = 1.0
_CHECK = "Check that this works: python -P -c 'import edgeclip, PIL'."
# Threads of a decoder or of numpy take address space by the 64 MB, and that is what is limited.
_FRUGAL = {"MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1"}
# What Python and its libraries need to start as they did here.  The rest may hold secrets, as the
# service's token is one, and a decoder that obeys a stranger would tell them.
_NEEDED = re.compile(r"(PYTHON|LD_|LC_|OPENBLAS_)\w*|LANG|PATH|HOME")


class Ended(Exception):
    """Say that a child is no more, or must not be asked again; ``args[0]`` is a clause."""


class Child:
    """One child process, for one thread at a time (`kill` is for any); close it."""

    def __init__(self, told: bytes) -> None:
        """Start it; it gets warm by itself.

        Args:
            told: the line of JSON that it begins with.

        Raises:
            EdgeclipError: no process can be started.
        """
        # An application that is frozen would start itself again, and an embedded Python has no
        # name.
        if not sys.executable or getattr(sys, "frozen", False):
            raise EdgeclipError(
                "pictures of strangers cannot be decoded: this application has no Python to start. "
                "Run the service with Python itself."
            )
        try:
            # -P: a stray numpy.py in the working folder must not be imported.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "edgeclip.serve.decoder"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=_environment(),
            )
        except OSError as error:
            raise EdgeclipError(
                f"the picture decoder cannot start ({error.strerror}). Free some memory, or allow "
                "more processes."
            ) from error
        self.successor: Child | None = None
        """The child that takes this one's place when it is warm."""
        self.served = 0
        """Pictures that it was asked for."""
        self.spent = False
        """Whether it must not be asked again."""
        self._warm = False
        try:
            self._connect()
            self._write(told, time.monotonic() + _START_S)
        except BaseException:  # nobody has it yet who could close it
            self.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GOODBYE_S)
            raise

    def _connect(self) -> None:
        self._questions = cast("IO[bytes]", self._process.stdin)
        self._answers = cast("IO[bytes]", self._process.stdout)
        # A child that hangs must not take the writer with it.
        os.set_blocking(self._questions.fileno(), False)
        for pipe in (self._questions, self._answers):
            with contextlib.suppress(OSError, AttributeError):  # a larger one is only faster
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._writable, self._readable = select.poll(), select.poll()
        self._writable.register(self._questions, select.POLLOUT)
        self._readable.register(self._answers, select.POLLIN)

    def is_dead(self) -> bool:
        """Tell whether it has ended."""
        return self._process.poll() is not None

    def is_warm(self) -> bool:
        """Tell whether it would answer without having to start first."""
        return self._warm or bool(self._readable.poll(0))

    def warm(self) -> None:
        """Wait until it has started.

        Raises:
            EdgeclipError: it cannot.
        """
        if self._warm:
            return
        self.spent = True
        try:
            kind, text = self._message(READY, range(1), time.monotonic() + _START_S)
        except Ended as error:
            raise EdgeclipError(f"the picture decoder cannot start ({error}). {_CHECK}") from None
        if kind != READY:
            self.spent = True
            raise EdgeclipError(f"the picture decoder cannot start ({_said(text)}). {_CHECK}")
        self._warm = True

    def ask(
        self, kind: bytes, size: int, data: bytes, sizes: range, patience_s: float
    ) -> bytearray:
        """Ask for what is made of a picture.

        Args:
            kind: kind of question.
            size: longest side of a thumbnail.
            data: the encoded picture.
            sizes: how many bytes an answer may have.
            patience_s: after this the child is killed.

        Raises:
            ImageRejected: the child says that the picture cannot or must not be read.
            Ended: there is no child any more, or none that can be asked again.
        """
        self.served += 1
        # Until it has answered: what an interrupted reader left would be taken for the next answer.
        self.spent = True
        deadline = time.monotonic() + patience_s
        self._write(QUESTION.pack(kind, size, len(data)), deadline)
        self._write(data, deadline)
        answer, payload = self._message(kind, sizes, deadline)
        if answer == kind:
            return payload
        raise _REFUSALS.get(answer, ImageRejected)(_said(payload))

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def close(self, until: float = math.inf) -> None:
        """End it, and let go of what it held; wait for its end until then, and a second at most."""
        self.kill()
        self._questions.close()
        self._answers.close()
        # One that hangs in the kernel is buried by subprocess when it has come out.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, min(_GOODBYE_S, until - time.monotonic())))
        if self.successor is not None:
            self.successor.close(until)

    def _message(self, wanted: bytes, sizes: range, deadline: float) -> tuple[bytes, bytearray]:
        kind, count = ANSWER.unpack(self._read(ANSWER.size, deadline))
        fits = count in sizes if kind == wanted else kind in (FAILED, *_REFUSALS)
        if not fits or (kind != wanted and count > MOST_TEXT):
            raise self._end("it answered nonsense")
        payload = self._read(count, deadline)
        self.spent = False
        return kind, payload

    def _write(self, data: bytes, deadline: float) -> None:
        rest = memoryview(data)
        # What has become of a child that does not listen is told when it is read.
        with contextlib.suppress(BrokenPipeError):
            while rest:
                self._wait(self._writable, deadline)
                rest = rest[os.write(self._questions.fileno(), rest) :]

    def _read(self, count: int, deadline: float) -> bytearray:
        data = bytearray(count)
        rest = memoryview(data)
        while rest:
            self._wait(self._readable, deadline)
            # mypy knows no readinto of IO.
            got: int = self._answers.readinto(rest)  # type: ignore[attr-defined]
            if got == 0:
                raise self._end(None)
            rest = rest[got:]
        return data

    def _wait(self, poll: select.poll, deadline: float) -> None:
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise self._end("it took too long")

    def _end(self, why: str | None) -> Ended:
        """Kill the child, and say why it came to that; None: it went by itself."""
        if why is not None:
            self.kill()
            return Ended(why)
        try:
            return Ended(_cause(self._process.wait(_GOODBYE_S)))
        except subprocess.TimeoutExpired:
            return Ended("it went silent")


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if _NEEDED.fullmatch(name)}
    return kept | _FRUGAL


def _cause(code: int) -> str:
    if -code in (signal.SIGXCPU, signal.SIGALRM):
        return "it took too long"
    if code >= 0:
        return f"it gave up with status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # most real-time signals have no name
        name = f"signal {-code}"
    return f"{name}: it is too large, damaged, or made to do harm"


def _said(text: bytearray) -> str:
    return printable(text.decode("utf-8", "replace"))
