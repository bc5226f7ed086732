"""Write a file so that it is whole or absent."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from edgeclip.errors import EdgeclipError, next_step


@contextlib.contextmanager
def whole_file(target: Path) -> Iterator[IO[bytes]]:
    """Yield a file beside ``target`` that is renamed to it when the block ends well.

    An older file stays as it is until then; after an error nothing new is left.

    Raises:
        EdgeclipError: the file cannot be written.
    """
    # Not mkstemp: that one makes 0600, unlike an ordinary new file.
    temporary = target.absolute().with_name(f".edgeclip-{secrets.token_hex(8)}.partial")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        if isinstance(error, EdgeclipError):  # some are OSErrors too
            raise
        raise EdgeclipError(
            f"{target} cannot be written: {error.strerror or error}. {next_step(error)}"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
