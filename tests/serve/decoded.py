"""What the tests of decoders share: decoders that leave nothing behind, and what to ask them."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

from edgeclip.errors import ImageRejected
from edgeclip.serve.decoding import Decoders, Preparing
from tests.patience import until
from tests.pictures import encoded, photo
from tests.usage import children

GOOD = encoded(photo(), "PNG")
TOO_LONG = "ended the decoder \\(it took too long\\)"


@contextlib.contextmanager
def decoders(model, **options):
    """Decoders that leave no child behind."""
    before = children()
    made = Decoders(Preparing.of(model), **{"workers": 1, **options})
    try:
        yield made
    finally:
        made.close()
        until(lambda: _buried() == before)


def _buried() -> list[int]:
    """The children; one that was interrupted while it was made ends by itself, and is buried."""
    subprocess._cleanup()
    return children()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def outcome(make, data):
    """What comes of a picture: its tensor, or what is said of it."""
    try:
        return make(data).tobytes()
    except ImageRejected as error:
        return type(error), str(error)
