"""Rows of vectors, written as a table, JSON lines, CSV or ``.npy``."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from edgeclip.cli import output

if TYPE_CHECKING:
    from edgeclip.vectors import Vector

Write = Callable[["Row"], None]
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one picture or text."""

    kind: str
    """``file_path`` or ``text``: the name of its field in JSON."""
    name: str
    vector: Vector | None
    error: str | None
    normalized: bool

    def record(self) -> dict[str, Any]:
        """Return the file object of the media-processing plugin's ``clip_embedding`` task."""
        embedding = (
            None
            if self.vector is None
            else {
                "embedding": [float(value) for value in self.vector],
                "embedding_dim": len(self.vector),
                "normalized": self.normalized,
            }
        )
        status = "success" if self.error is None else "error"
        return {self.kind: self.name, "embedding": embedding, "status": status, "error": self.error}


@contextlib.contextmanager
def writer_for(target: Path | None, as_json: bool) -> Iterator[Write]:
    """Yield a function that writes one row; a file appears whole, at the end, or not at all."""
    if target is None:
        with _json_rows() if as_json else _table_rows() as write:
            yield write
        return
    writers = {".jsonl": _jsonl_file, ".csv": _csv_file, ".npy": _npy_file}
    if target.suffix not in writers:
        raise click.BadParameter(f"{target} must end in {', '.join(writers)}.")
    if not target.absolute().parent.is_dir():
        raise click.BadParameter(f"{target.parent} is no folder.")
    with _whole(target) as file, writers[target.suffix](file) as write:
        yield write


@contextlib.contextmanager
def _whole(target: Path) -> Iterator[IO[bytes]]:
    """Write beside the target and rename when all is written."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.absolute().parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)  # mkstemp makes 0600, unlike an ordinary new file
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)


@contextlib.contextmanager
def _json_rows() -> Iterator[Write]:
    yield lambda row: output.json_line(row.record())


@contextlib.contextmanager
def _table_rows() -> Iterator[Write]:
    rows: list[Row] = []
    yield rows.append
    output.table(
        ("name", "dim", "vector", "error"),
        [(row.name, *_shape(row.vector), row.error or "") for row in rows],
    )


def _shape(vector: Vector | None) -> tuple[str, str]:
    if vector is None:
        return "", ""
    return str(len(vector)), " ".join(f"{v:+.4f}" for v in vector[:_SHOWN]) + " …"


@contextlib.contextmanager
def _jsonl_file(file: IO[bytes]) -> Iterator[Write]:
    def write(row: Row) -> None:
        file.write(json.dumps(row.record()).encode() + b"\n")

    yield write


@contextlib.contextmanager
def _csv_file(file: IO[bytes]) -> Iterator[Write]:
    import io

    text = io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="", write_through=True)
    table = csv.writer(text)
    state = {"header": False}

    def write(row: Row) -> None:
        if not state["header"] and row.vector is not None:
            table.writerow(["name", "error", *range(len(row.vector))])
            state["header"] = True
        values = [] if row.vector is None else [f"{value:.9g}" for value in row.vector]
        table.writerow([row.name, row.error or "", *values])

    yield write
    text.detach()


@contextlib.contextmanager
def _npy_file(file: IO[bytes]) -> Iterator[Write]:
    """Collect ``(n, dim)`` float32; a picture that failed is a row of NaN, to keep the order."""
    import numpy as np

    rows: list[Row] = []
    yield rows.append
    dim = next((len(row.vector) for row in rows if row.vector is not None), 0)
    empty = np.full(dim, np.nan, dtype=np.float32)
    np.save(file, np.stack([empty if row.vector is None else row.vector for row in rows]))
