"""Ask a child process: onnxruntime may crash on a graph, and its death must not be ours.

The child is ``python -m MODULE ARGUMENT``; it answers with one line of JSON on stdout, where what
others print before and after it does no harm.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from edgeclip.errors import EdgeclipError

_NONE = object()


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
        timeout_s: after this it is killed.
        environment: variables that it gets beside this process's own.

    Raises:
        ChildFailed: it crashed, took too long, or failed with a message.
    """
    # An application that is frozen would start itself again, and an embedded Python has no name.
    if not sys.executable or getattr(sys, "frozen", False):
        raise ChildFailed("failed", "no process can be started: this application has no Python")
    # -P: a stray numpy.py in the working folder must not be imported.
    command = [sys.executable, "-P", "-m", module, json.dumps(question)]
    try:
        child = subprocess.run(
            command,
            capture_output=True,
            timeout=timeout_s,
            env={**os.environ, **(environment or {})},
        )
    except subprocess.TimeoutExpired as error:
        raise ChildFailed("timed out", f"it took longer than {timeout_s:g} s") from error
    except OSError as error:
        raise ChildFailed("failed", f"no process can be started: {error.strerror}") from error
    if child.returncode < 0:
        reason = f"onnxruntime died of {_signal(-child.returncode)} on this board"
        raise ChildFailed("crashed", reason)
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


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have no name
        return f"signal {number}"


def reply(work: Callable[[Any], Any]) -> None:
    """Answer the parent: call it at the end of a module that `ask` runs."""
    problem, value = None, None
    try:
        value = work(json.loads(sys.argv[1]))
    except EdgeclipError as error:
        problem = str(error)
    sys.stdout.write("\n" + json.dumps({"problem": problem, "value": value}) + "\n")
