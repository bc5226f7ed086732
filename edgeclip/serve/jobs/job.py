"""What a job is made of: what it is given, what is to be done, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Embed: TypeAlias = Callable[[bytes, bool], NDArray[np.float32]]
"""Turns an encoded picture into its vector, ``(dim,)``; the bool asks for unit length.

It raises `edgeclip.errors.ImageRejected` for a picture that it cannot embed.
"""
Status: TypeAlias = Literal["queued", "running", "ok", "error"]


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture that a client sends."""

    name: str
    """As the client tells it; it names nothing on this machine."""
    data: bytes | IO[bytes]
    """Its content, or an open file that the rest is copied from."""


Input: TypeAlias = Upload | str
"""A picture that is sent, or the path of one under a root."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An input as it was kept."""

    name: str
    """As the client told it; of a path it is the path."""
    uploaded: bool
    """Whether its content lies among the uploads, under its place in the job."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker has to do."""

    id: str
    inputs: tuple[Kept, ...]
    normalize: bool


@dataclass(frozen=True, slots=True)
class Hint:
    """Where a job stands among those that wait."""

    id: str
    priority: int
    """Higher first."""
    number: int
    """Order of arrival."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is known of a job."""

    id: str
    status: Status
    """``ok``: it ran, even if single files failed, or all of them; each says so itself."""
    priority: int
    output: dict[str, Any] | None = None
    """``task_output`` of the media-processing plugin, when the status is ``ok``."""
    error: str | None = None
    """Why there is no output, when the status is ``error``."""
