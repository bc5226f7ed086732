"""Roots: the folders whose pictures may be read for others, and nothing outside them.

A path is opened with ``O_PATH`` first, which touches nothing: no pipe blocks, no device notices.
What the descriptor holds cannot be exchanged any more, so its place and kind are asked then, and
the content is read through it.  Whoever swaps a link between the check and the opening gains
nothing.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from edgeclip.errors import PathRefused
from edgeclip.model import headers

_CHUNK = 1 << 20
_SEEN = Path("/proc/self/fd")
"""Where the kernel tells what a descriptor holds, and opens it once more."""
_SHOWN = 200


class Roots:
    """The folders that others may name pictures in.  Links are followed as long as they stay in."""

    def __init__(self, paths: Sequence[str | os.PathLike[str]]) -> None:
        self.paths = tuple(dict.fromkeys(Path(path).absolute() for path in paths))

    def check(self, path: str) -> None:
        """Refuse a path that could not be read now.

        Raises:
            PathRefused: see `read`.
        """
        with self._held(path):
            pass

    def read(self, path: str, most_bytes: int) -> bytes:
        """Return what an ordinary file under one of the roots holds.

        Args:
            path: absolute, or relative to a root; to exactly one, where there are several.
            most_bytes: refuse a larger file.

        Raises:
            PathRefused: no such file, or not under a root: one message for both, so that nobody
                learns what is outside.  Or it is no ordinary file, too large, or unreadable.
        """
        with self.open(path) as file:
            return _content(file.fileno(), path, most_bytes)

    def open(self, path: str) -> IO[bytes]:
        """Open an ordinary file under one of the roots; it raises what `read` does."""
        with self._held(path) as held:
            try:
                flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
                return os.fdopen(os.open(_SEEN / str(held), flags), "rb", buffering=0)
            except OSError as error:
                raise _refused(path) from error

    @contextlib.contextmanager
    def _held(self, path: str) -> Iterator[int]:
        """Yield a descriptor that holds the file and cannot read it."""
        # Resolved each time: a root may be a link to the drive that is in use today.
        roots = [os.path.realpath(root) for root in self.paths]
        given = [path] if path.startswith("/") else [f"{root}/{path}" for root in roots]
        with contextlib.ExitStack() as stack:
            found = []
            for each in given:
                descriptor = _opened(each)
                if descriptor is not None:
                    stack.callback(os.close, descriptor)
                    if _is_within(descriptor, roots):
                        found.append(descriptor)
            if len(found) > 1:
                raise PathRefused(
                    f"{_shown(path)} is in several of the folders. Give its whole path."
                )
            if not found:
                raise _refused(path)
            if not stat.S_ISREG(os.fstat(found[0]).st_mode):
                raise PathRefused(
                    f"{_shown(path)} is no ordinary file. Give the path of a picture."
                )
            yield found[0]


def _opened(path: str) -> int | None:
    try:
        return os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (OSError, ValueError):  # NUL, or what no file system can name, is a ValueError
        return None


def _is_within(descriptor: int, roots: Sequence[str]) -> bool:
    try:
        place = str((_SEEN / str(descriptor)).readlink())
    except OSError:
        return False
    return any(place == root or place.startswith(root.rstrip("/") + "/") for root in roots)


def _content(descriptor: int, path: str, most_bytes: int) -> bytes:
    too_large = PathRefused(
        f"{_shown(path)} is larger than {most_bytes >> 20} MB. Make it smaller."
    )
    if os.fstat(descriptor).st_size > most_bytes:
        raise too_large
    data = bytearray()
    try:
        # It may grow while it is read.
        while more := os.read(descriptor, min(_CHUNK, most_bytes + 1 - len(data))):
            data += more
            if len(data) > most_bytes:
                raise too_large
    except PathRefused:  # an OSError, too
        raise
    except OSError as error:
        raise PathRefused(
            f"{_shown(path)} cannot be read: {error.strerror}. Check the disk."
        ) from error
    return bytes(data)


def _refused(path: str) -> PathRefused:
    return PathRefused(
        f"{_shown(path)} is no file that may be read here. Name a picture under a folder of "
        "--root, by its whole path or relative to that folder, or upload it."
    )


def _shown(path: str) -> str:
    shown = path if len(path) <= _SHOWN else f"{path[:_SHOWN]}…"
    try:
        return headers.printable(shown)
    except UnicodeEncodeError:  # half of a pair that stands for one character
        return ascii(shown)
