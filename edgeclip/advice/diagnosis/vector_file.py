"""A file with the vector of a picture: ``.npy``, or JSON lines as `edgeclip embed` writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclip.errors import EdgeclipError
from edgeclip.model.headers import printable

MOST_BYTES = 64 << 20
"""Of JSON, which is read whole: some 5,000 vectors.  A ``.npy`` may be larger: one row is read."""
MOST_NUMBERS = 65_536
"""In a vector; the largest models have 4,096."""
_WRITE = "Write it with: edgeclip embed PICTURE -o vector.npy"


@dataclass(frozen=True, slots=True)
class Kept:
    """A vector as it was kept."""

    vector: NDArray[np.float64]
    space: str | None = None
    """Its space id, where the file tells it."""


def read(path: Path, picture: str) -> Kept:
    """Read the vector of a picture.

    Args:
        path: ends in ``.npy``, with or without the ``.json`` that `edgeclip embed -o` writes beside
            it; or JSON lines.
        picture: its path: of several vectors, that of this name is taken.

    Raises:
        EdgeclipError: the file cannot be read, or which vector is meant cannot be told.
    """
    try:
        if not path.is_file():
            raise _failed(path, "is no file. Give a .npy file or JSON lines")
        return _npy(path, picture) if path.suffix.lower() == ".npy" else _json(path, picture)
    except EdgeclipError:
        raise
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}. Check the path"
        raise _failed(path, reason) from error
    except (ValueError, TypeError, OverflowError, EOFError, RecursionError) as error:
        reason = f"holds no vector ({error}). {_WRITE}"
        raise _failed(path, reason) from error


def _npy(path: Path, picture: str) -> Kept:
    table = np.load(path, mmap_mode="r", allow_pickle=False)
    if table.dtype.kind not in "fiu" or table.ndim not in (1, 2):
        raise ValueError(f"an array of shape {table.shape} and dtype {table.dtype}")
    rows = np.atleast_2d(table)
    told = _beside(path.with_suffix(".json"))
    names = told.get("names")
    known = isinstance(names, list) and len(names) == len(rows)
    row = _chosen(path, names if known and names else [""] * len(rows), picture)
    space = told.get("space")
    return Kept(_vector(rows[row]), space if isinstance(space, str) else None)


def _json(path: Path, picture: str) -> Kept:
    lines = [line for line in _text(path).splitlines() if line.strip()]
    records = [json.loads(line) for line in lines]
    row = _chosen(path, [_name(record) for record in records], picture)
    return Kept(_vector(_numbers(records[row])))


def _beside(path: Path) -> dict[str, Any]:
    """Return what stands beside a ``.npy``; what cannot be read tells nothing."""
    try:
        found = json.loads(_text(path))
    except (OSError, ValueError, RecursionError, EdgeclipError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise _failed(path, f"has more than {MOST_BYTES >> 20} MB. Give the line of the picture")
    return data.decode("utf-8")


def _chosen(path: Path, names: Sequence[Any], picture: str) -> int:
    """Return which of several vectors is that of the picture: by path, then by file name."""
    if not names:
        raise _failed(path, f"holds no vector. {_WRITE}")
    if len(names) == 1:
        return 0
    texts = [name if isinstance(name, str) else "" for name in names]
    for alike in (texts, [Path(text).name for text in texts]):
        wanted = picture if alike is texts else Path(picture).name
        if alike.count(wanted) == 1:
            return alike.index(wanted)
    raise _failed(path, f"holds {len(names)} vectors, and not one named {picture}. Give one alone")


def _name(record: Any) -> Any:
    named = record if isinstance(record, dict) else {}
    return named.get("file_path", named.get("key", named.get("text")))


def _numbers(record: Any) -> Any:
    """Return the numbers of a line of `embed --json` or `index --dump`, or of a bare list."""
    if isinstance(record, dict):
        found = record.get("embedding", record.get("vector"))
        record = found.get("embedding") if isinstance(found, dict) else found
    if not isinstance(record, list) or not all(type(each) in (int, float) for each in record):
        raise ValueError("a line is no list of numbers, and has none under embedding or vector")
    return record


def _vector(numbers: Any) -> NDArray[np.float64]:
    if not 0 < len(numbers) <= MOST_NUMBERS:
        raise ValueError(f"a vector of {len(numbers):,} numbers")
    return np.array(numbers, np.float64)


def _failed(path: Path, reason: str) -> EdgeclipError:
    return EdgeclipError(f"{printable(str(path))} {printable(reason)}.")
