"""Ask a child process: onnxruntime may crash on a graph, and its death must not be ours.

The child is ``python -m MODULE ARGUMENT``; it answers with one line of JSON on stdout, where what
others print before and after it does no harm.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from edgeclip.errors import EdgeclipError

NO_PROCESS = "no process can be started"
"""What the reason begins with where there was no child at all."""
_NONE = object()
_ASKER = "EDGECLIP_ASKER"
"""Variable of a child: the number of the process that asks it."""
_PR_SET_PDEATHSIG = 1


class ChildFailed(EdgeclipError):
    """Report a child that gave no answer."""

    def __init__(self, verdict: str, reason: str, *, told: bool = False) -> None:
        super().__init__(reason)
        self.verdict = verdict
        """``timed out``, ``crashed`` or ``failed``."""
        self.reason = reason
        """One clause without a full stop; whole sentences where ``told``."""
        self.told = told
        """Whether the child lived to say itself what is wrong."""


def ask(
    module: str, question: Any, *, timeout_s: float, environment: Mapping[str, str] | None = None
) -> Any:
    """Run a module in a child process and return its answer.

    Args:
        module: full name; it calls `reply` when it is run.
        question: what JSON can carry.
        timeout_s: after this it is killed, and what it has asked itself.
        environment: variables that it gets beside this process's own.

    Raises:
        ChildFailed: it crashed, took too long, or failed with a message.
    """
    # An application that is frozen would start itself again, and an embedded Python has no name.
    if not sys.executable or getattr(sys, "frozen", False):
        raise ChildFailed("failed", f"{NO_PROCESS}: this application has no Python")
    # -P: a stray numpy.py in the working folder must not be imported.
    command = [sys.executable, "-P", "-m", module, json.dumps(question)]
    try:
        # In the group of this process: Ctrl-C in a terminal reaches both.
        child = subprocess.run(
            command,
            capture_output=True,
            timeout=timeout_s,
            env={**os.environ, **(environment or {}), _ASKER: str(os.getpid())},
        )
    except subprocess.TimeoutExpired as error:
        raise ChildFailed("timed out", f"it took longer than {timeout_s:g} s") from error
    except OSError as error:
        raise ChildFailed("failed", f"{NO_PROCESS}: {error.strerror}") from error
    if child.returncode < 0:
        raise ChildFailed("crashed", _death(-child.returncode))
    answers = filter(None, map(_answer, reversed(child.stdout.splitlines())))
    problem, value = next(answers, (None, _NONE))
    if value is _NONE:
        said = child.stderr.decode("utf-8", "replace").strip()
        raise ChildFailed("failed", (said.splitlines() or ["no output"])[-1].rstrip("."))
    if problem is not None:
        raise ChildFailed("failed", " ".join(str(problem).split()), told=True)
    return value


def _answer(line: bytes) -> tuple[Any, Any] | None:
    try:
        told = json.loads(line)
        return told["problem"], told["value"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _death(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:  # most real-time signals have no name
        name = f"signal {number}"
    # On a small board it is mostly the kernel that makes room.
    why = ", most likely of too little memory" if number == signal.SIGKILL else ""
    return f"onnxruntime died of {name} on this board{why}"


def reply(work: Callable[[Any], Any]) -> None:
    """Answer the parent: call it at the end of a module that `ask` runs."""
    _end_with_asker()
    problem, value = None, None
    try:
        value = work(json.loads(sys.argv[1]))
    except EdgeclipError as error:
        problem = str(error)
    sys.stdout.write("\n" + json.dumps({"problem": problem, "value": value}) + "\n")


def _end_with_asker() -> None:
    """Let the kernel kill this process when the one that asks has gone: nobody wants the answer."""
    asker = os.environ.get(_ASKER)
    if asker is None:  # somebody looks what it does
        return
    with contextlib.suppress(ImportError, OSError, AttributeError):  # Linux alone has it
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if str(os.getppid()) != asker:  # it went before
        signal.raise_signal(signal.SIGKILL)
