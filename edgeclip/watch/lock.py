"""Lock: one process alone uses a place, and the kernel frees it when that process ends."""

from __future__ import annotations

import fcntl
import os
import weakref
from pathlib import Path

from edgeclip.errors import EdgeclipError, next_step


class Lock:
    """Be the one user of a place, until this is closed or gone, or the process ends.

    Args:
        path: an empty file in the place; it is made, its folder too, and stays.
        folder: what its folder is, as a message names it.
        taken: the sentences to be told when another process uses the place.
        elsewhere: what to do when nothing can be written there; None: as the reason advises.

    Raises:
        EdgeclipError: another process uses the place, or nothing can be written there.
    """

    def __init__(
        self, path: Path, *, folder: str, taken: str, elsewhere: str | None = None
    ) -> None:
        """Take it."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise EdgeclipError(
                f"the {folder} {path.parent} cannot be used: {error.strerror}. "
                f"{elsewhere or next_step(error)}"
            ) from error
        self._let_go = weakref.finalize(self, os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            if isinstance(error, BlockingIOError):
                raise EdgeclipError(taken) from error
            raise EdgeclipError(
                f"{path} cannot be locked: {error.strerror}. {next_step(error)}"
            ) from error

    def close(self) -> None:
        """Let others use it."""
        self._let_go()
