"""State: what a camera's rules have learnt, kept over restarts and power cuts in one small file."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclip.errors import EdgeclipError, next_step
from edgeclip.model.whole import whole_file

_FORMAT = 1


def load(path: Path) -> dict[str, Any]:
    """Return what was kept; nothing for a file that is missing, damaged or of another format.

    What it holds can be learnt again, so a damaged one stops no camera.
    """
    try:
        kept = json.loads(path.read_bytes())
        body = kept["state"]
        good = kept["format"] == _FORMAT and kept["crc32"] == zlib.crc32(_text(body))
        return dict(body) if good else {}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}


def save(path: Path, state: dict[str, Any]) -> None:
    """Keep it, whole or not at all.

    Raises:
        EdgeclipError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EdgeclipError(
            f"{path.parent} cannot be made: {error.strerror}. {next_step(error)}"
        ) from error
    record = {"format": _FORMAT, "crc32": zlib.crc32(_text(state)), "state": state}
    with whole_file(path) as file:
        file.write(json.dumps(record).encode())


def packed(values: NDArray[np.float32]) -> str:
    """Return numbers as text for `save`, in 16 bits each."""
    return base64.b64encode(zlib.compress(values.astype("<f2").tobytes())).decode()


def unpacked(text: str) -> NDArray[np.float32]:
    """Return the numbers of a text.

    Raises:
        ValueError: it is none that `packed` made.
    """
    try:
        return np.frombuffer(zlib.decompress(base64.b64decode(text)), "<f2").astype(np.float32)
    except zlib.error as error:
        raise ValueError(str(error)) from error


def _text(state: Any) -> bytes:
    return json.dumps(state, sort_keys=True).encode()
