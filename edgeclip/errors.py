"""The errors of edgeclip.

::

    EdgeclipError
    ├── ModelError (ValueError)             a model folder is damaged, foreign or of another make
    │   └── ModelNotFound (FileNotFoundError)
    ├── ImageRejected (ValueError)          a picture that cannot or must not be embedded
    │   └── UnsupportedFormat
    ├── InvalidText (ValueError)            a text that cannot be embedded
    │   ├── QueryError                      a query that breaks the grammar
    │   └── PromptError                     a file of labels or rules that makes no sense
    ├── PackError (ValueError)              a prompt pack that is damaged or of another make
    ├── StoreError (OSError)                an index that cannot be opened, read or written
    │   ├── StoreNotFound (FileNotFoundError)
    │   ├── StoreLocked (BlockingIOError)   another process writes to it
    │   ├── StoreFull                       no space is left
    │   ├── StoreReadOnly (PermissionError)
    │   └── StoreDamaged
    ├── SpaceMismatch (ValueError)          vectors of another model
    ├── InvalidItem (ValueError)            a key, vector or metadata that an index cannot keep
    ├── FilterError (ValueError)            a ``where`` that makes no sense
    ├── CameraError (OSError)               a source of frames that cannot be read
    ├── FleetError (OSError)                a server of a fleet that cannot be reached or used
    ├── ExtraMissing (ImportError)          an optional half is not installed
    ├── PathRefused (PermissionError)       a path outside the folders that a service may read
    ├── Busy (BlockingIOError)              more waits already than there is room for
    └── ExportError (RuntimeError)          an export that was not finished; nothing is left behind
        ├── CheckpointError (ValueError)
        ├── LicenseNotAccepted (PermissionError)
        └── ParityError

Each is also the builtin that a caller would expect, so ``except ValueError`` works too.  A message
is one sentence that names the thing and one that says what to do next.
"""

import errno

_FULL = "Free some space, or choose another place."
_CLOSED = "Make it writable, or choose another place."
_MISSING = "Make the folder first, or choose another place."
_NEXT_STEPS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _CLOSED,
    errno.EACCES: _CLOSED,
    errno.EPERM: _CLOSED,
    errno.ENOENT: _MISSING,
    errno.ENOTDIR: _MISSING,
    errno.EIO: "Check the disk, or choose another place.",
}


def next_step(error: OSError) -> str:
    """Return the sentence that says what to do about a file that cannot be written."""
    return _NEXT_STEPS.get(error.errno or 0, "Choose another place.")


class EdgeclipError(Exception):
    """Stand at the root: everything that edgeclip raises on purpose."""

    def __str__(self) -> str:
        """Return the message (OSError's own would print errno and file name)."""
        return str(self.args[0]) if self.args else type(self).__name__


class ModelError(EdgeclipError, ValueError):
    """Report a model folder that is damaged, foreign or made for another version."""


class UntrainedWarning(UserWarning):
    """Say that a model has random weights, so that its answers mean nothing."""


class ModelNotFound(ModelError, FileNotFoundError):
    """Report a model that is in none of the places where models are looked for."""


class ImageRejected(EdgeclipError, ValueError):
    """Report a picture that cannot or must not be embedded; ``args[0]`` says why."""


class UnsupportedFormat(ImageRejected):
    """Report a file that is no picture of an allowed format."""


class InvalidText(EdgeclipError, ValueError):
    """Report a text that cannot be embedded: not a string, too long, or not Unicode text."""


class QueryError(InvalidText):
    """Report a query that breaks the grammar of ``edgeclip.model.query``."""


class PromptError(InvalidText):
    """Report a file of labels or rules that cannot be read or makes no sense."""


class PackError(EdgeclipError, ValueError):
    """Report a prompt pack that is damaged, or was written by another version."""


class StoreError(EdgeclipError, OSError):
    """Report an index that cannot be opened, read or written."""


class StoreNotFound(StoreError, FileNotFoundError):
    """Report an index that does not exist."""


class StoreLocked(StoreError, BlockingIOError):
    """Report an index that another process writes to; the message names the owner."""


class StoreFull(StoreError):
    """Report a write that failed because no space is left; what was kept before stays kept."""


class StoreReadOnly(StoreError, PermissionError):
    """Report a write to an index that was opened, or can only be opened, for reading."""


class StoreDamaged(StoreError):
    """Report a database with damaged pages; the next opening for writing salvages it."""


class SpaceMismatch(EdgeclipError, ValueError):
    """Report vectors of another model, or of another preprocessing: they cannot be compared."""


class InvalidItem(EdgeclipError, ValueError):
    """Report a key, a vector or metadata that an index cannot keep."""


class FilterError(EdgeclipError, ValueError):
    """Report a ``where`` that makes no sense."""


class CameraError(EdgeclipError, OSError):
    """Report a source of frames that cannot be read, and will not be by waiting."""


class FleetError(EdgeclipError, OSError):
    """Report a server of a fleet that cannot be reached, refuses, or holds something else."""


class ExtraMissing(EdgeclipError, ImportError):
    """Report an optional half that is not installed; the message holds the pip command."""


class PathRefused(EdgeclipError, PermissionError):
    """Report a path that a request may not ask for, whether or not there is such a file."""


class Busy(EdgeclipError, BlockingIOError):
    """Report that more waits already than there is room for; the same may be asked again."""


class ExportError(EdgeclipError, RuntimeError):
    """Report an export that was not finished; nothing is left behind."""


class CheckpointError(ExportError, ValueError):
    """Report weights that are missing, damaged or of another architecture."""


class LicenseNotAccepted(ExportError, PermissionError):
    """Report weights whose licence restricts their use and was not accepted."""


class ParityError(ExportError):
    """Report an exported graph whose vectors differ from the reference's."""
