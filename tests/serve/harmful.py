"""What a decoder might do when a stranger has made the picture; the picture's first word says it.

A child of the tests makes its tensors with `prepare`.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from edgeclip.errors import ImageRejected
from edgeclip.model import images

MAKER = "tests.serve.harmful:prepare"


def prepare(data: bytes, tower: Any, **options: Any) -> Any:
    """Do what the picture says; prepare it where it says nothing of this kind."""
    word, _, more = data.partition(b" ")
    size = tower.size
    match word:
        case b"spin":
            while True:
                pass
        case b"hang":
            while True:
                time.sleep(60)
        case b"slow":
            time.sleep(0.5)
            return np.full((3, size, size), 7, np.float32)
        case b"die":
            signal.raise_signal(signal.Signals[more.decode()])
        case b"fail":
            raise RuntimeError("a bug")
        case b"eat":
            eaten = []
            while True:
                eaten.append(np.ones(1 << 20))
        case b"short":
            return np.zeros((3, size, size - 1), np.float32)
        case b"nan":
            return np.full((3, size, size), np.nan, np.float32)
        case b"babble":
            os.write(1, b"babble" * 100)
            os.write(2, b"babble" * 100)
            return np.full((3, size, size), os.read(0, 1) == b"", np.float32)
        case b"pid":
            return np.full((3, size, size), os.getpid(), np.float32)
        case b"write":
            try:
                Path(os.fsdecode(more)).write_bytes(b"written")
            except OSError as error:
                raise ImageRejected(f"not written: {error.strerror}") from error
    return images.prepare(data, tower, **options)
