"""Reasons: why something was not written, in words that stay the same from one try to the next."""

from __future__ import annotations

from edgeclip.errors import EdgeclipError, next_step


def reason(error: Exception) -> str:
    """Return why, without the name of the one file: notes are told once each."""
    cause = error.__cause__ if isinstance(error, EdgeclipError) else error
    if isinstance(cause, OSError) and cause.strerror:
        return f"{cause.strerror}. {next_step(cause)}"
    return str(error)
