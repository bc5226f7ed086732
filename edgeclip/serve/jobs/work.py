"""What every worker does, in whichever process: a task → its ``task_output``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgeclip.errors import EdgeclipError, ImageRejected, PathRefused
from edgeclip.model.file_object import file_object
from edgeclip.serve.jobs.job import Embed, Kept, Task
from edgeclip.serve.jobs.uploads import Uploads
from edgeclip.serve.roots import Roots

MOST_BYTES = 64 << 20
"""Of one file under a root."""
MOST_TRIES = 5
"""A job that ended the process so often is given up; a kill from outside counts, too."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a task."""

    output: dict[str, Any] | None
    """None: it failed as a whole."""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """All that is needed to do a task."""

    embed: Embed
    uploads: Uploads
    roots: Roots
    most_bytes: int
    """Of one file under a root."""

    def do(self, task: Task, wanted: Callable[[], bool]) -> Done | None:
        """Do a task; single files may fail, and say so themselves.

        Args:
            task: what to do.
            wanted: asked before each picture but the first, and when something fails.

        Returns:
            None: it is not wanted any more.
        """
        if self.uploads.count_try(task.id) > MOST_TRIES:
            return Done(None, "the job ended its worker too often. Send its pictures one by one.")
        files = []
        try:
            for number, kept in enumerate(task.inputs):
                if number and not wanted():
                    return None
                files.append(self._file(task, number, kept))
        except Exception as error:
            # What is closed under a worker that shall stop fails, and the job is not to blame.
            if not wanted():
                return None
            # A worker must outlive whatever a model throws.
            told = str(error) if isinstance(error, EdgeclipError) else repr(error)
            return Done(None, f"the job failed: {told}")
        return Done({"files": files, "total_files": len(files), "normalize": task.normalize})

    def _file(self, task: Task, number: int, kept: Kept) -> dict[str, Any]:
        vector, problem = None, None
        try:
            vector = self.embed(self._content(task, number, kept), task.normalize)
        except (ImageRejected, PathRefused) as error:
            problem = str(error)
        return file_object(kept.name, vector, problem, normalized=task.normalize)

    def _content(self, task: Task, number: int, kept: Kept) -> bytes:
        if not kept.uploaded:
            return self.roots.read(kept.name, self.most_bytes)
        try:
            return self.uploads.read(task.id, number)
        except OSError as error:
            raise ImageRejected(
                f"what was sent cannot be read any more ({error.strerror}). Send it again."
            ) from error
