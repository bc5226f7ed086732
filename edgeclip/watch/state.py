"""State: what a camera's rules have learnt, kept over restarts and power cuts in one small file."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclip.errors import EdgeclipError, next_step
from edgeclip.model.whole import whole_file
from edgeclip.watch.events import Event
from edgeclip.watch.lock import Lock

_FORMAT = 1
_ANOTHER = "Give another with --state."
_NUMBERS = ("duration_s", "score", "threshold")


def lock(path: Path) -> Lock:
    """Be the one user of a state file, see `edgeclip.watch.lock`.

    Raises:
        EdgeclipError: another watcher uses it, or nothing can be written there.
    """
    return Lock(
        # Not the file itself: each `save` puts another in its place.
        path.with_name(f"{path.name}.lock"),
        folder="state folder",
        taken=f"{path} is in use by another watcher. Give this camera another name (--camera).",
        elsewhere=_ANOTHER,
    )


def load(path: Path) -> dict[str, Any]:
    """Return what was kept; nothing for a file that is missing, damaged or of another format.

    What it holds can be learnt again, so a damaged one stops no camera.

    Raises:
        EdgeclipError: it is there and cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise EdgeclipError(
            f"{path} cannot be read: {error.strerror}. {next_step(error)}"
        ) from error
    try:
        kept = json.loads(data)
        body = kept["state"]
        good = kept["format"] == _FORMAT and kept["crc32"] == zlib.crc32(_text(body))
        return dict(body) if good else {}
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}


def save(path: Path, state: dict[str, Any]) -> None:
    """Keep it, whole or not at all.

    Raises:
        EdgeclipError: it cannot be written.
    """
    _make(path.parent)
    record = {"format": _FORMAT, "crc32": zlib.crc32(_text(state)), "state": state}
    with whole_file(path) as file:
        file.write(json.dumps(record).encode())


def ended(kept: Mapping[str, Any]) -> Event:
    """Return an event of the run before as ended when it was seen last: nobody saw what came then.

    Its times stay as the wall clock had them: how long the board was off since is not known.

    Args:
        kept: its `Event.record`.

    Raises:
        ValueError, TypeError, KeyError: it is none.
    """
    start, peak, end = (datetime.fromisoformat(kept[name]) for name in ("start", "peak", "end"))
    duration_s, score, threshold = (float(kept[name]) for name in _NUMBERS)
    box = None
    if kept["box"] is not None:
        left, top, right, bottom = map(float, kept["box"])
        box = left, top, right, bottom
    return Event(
        id=str(kept["id"]),
        camera=str(kept["camera"]),
        rule=str(kept["rule"]),
        state="ended",
        start=start,
        peak=peak,
        end=end,
        duration_s=duration_s,
        score=score,
        threshold=threshold,
        box=box,
        clock_set=bool(kept["clock_set"]),
        picture=None,
        vector=None,
    )


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


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EdgeclipError(
            f"the state folder {folder} cannot be made: {error.strerror}. {_ANOTHER}"
        ) from error


def _text(state: Any) -> bytes:
    return json.dumps(state, sort_keys=True).encode()
