"""Finding: one line of the diagnosis."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    check: str
    """What was looked at, in a word or two."""
    state: State
    """``failed``: something does not work or is damaged; ``warning``: it may, or works badly."""
    message: str
    """What was found, for people; what to do about it where no command does."""
    command: str | None = None
    """What to type next."""


def ok(check: str, message: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(check, "ok", message)


def warning(check: str, message: str, command: str | None = None) -> Finding:
    """Return a finding that something may go wrong, or goes badly."""
    return Finding(check, "warning", message, command)


def failed(check: str, message: str, command: str | None = None) -> Finding:
    """Return a finding that something does not work or is damaged."""
    return Finding(check, "failed", message, command)


def command_line(*words: str | Path) -> str:
    """Return a command as a shell takes it."""
    return shlex.join(map(str, words))


def size(count: int) -> str:
    """Return bytes as people read them."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
