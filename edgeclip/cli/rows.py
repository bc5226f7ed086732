"""Rows of vectors, written as a table, JSON lines, CSV or ``.npy``."""

from __future__ import annotations

import codecs
import contextlib
import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from edgeclip.cli import options, output
from edgeclip.model.file_object import file_object
from edgeclip.model.whole import whole_file

if TYPE_CHECKING:
    from edgeclip.model.model import Model
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
        return file_object(
            self.name, self.vector, self.error, normalized=self.normalized, kind=self.kind
        )


@contextlib.contextmanager
def writer_for(target: Path | None, as_json: bool, model: Model) -> Iterator[Write]:
    """Yield a function that writes one row; a file appears whole, at the end, or not at all."""
    if target is None:
        with _json_rows() if as_json else _table_rows() as write:
            yield write
        return
    writers = {".jsonl": _jsonl_file, ".csv": _csv_file, ".npy": _npy_file}
    options.check_target(target, *writers)
    with whole_file(target) as file, writers[target.suffix](file, target, model) as write:
        yield write


@contextlib.contextmanager
def _json_rows() -> Iterator[Write]:
    yield lambda row: output.json_line(row.record())


@contextlib.contextmanager
def _table_rows() -> Iterator[Write]:
    rows: list[Row] = []
    yield rows.append
    if len(rows) == 1 and rows[0].error:
        return  # it is said on stderr
    output.table(("dim", "vector", "name"), [_shown(row) for row in rows])


def _shown(row: Row) -> tuple[str, str, str]:
    if row.vector is None:
        # Most messages begin with the path, which stands in the same cell.
        return "", "", f"{row.name}: {(row.error or '').removeprefix(row.name).strip()}"
    few = " ".join(f"{value:+.4f}" for value in row.vector[:_SHOWN])
    return str(len(row.vector)), f"{few} …", row.name


@contextlib.contextmanager
def _jsonl_file(file: IO[bytes], _: Path, __: Model) -> Iterator[Write]:
    def write(row: Row) -> None:
        file.write(json.dumps(row.record()).encode() + b"\n")

    yield write


@contextlib.contextmanager
def _csv_file(file: IO[bytes], _: Path, model: Model) -> Iterator[Write]:
    """Write a header, and a line for each vector; what failed is left out."""
    # Names that are no UTF-8 come out as the bytes they are.
    table = csv.writer(codecs.getwriter("utf-8")(file, "surrogateescape"), lineterminator="\n")
    table.writerow(["name", *range(model.dim)])

    def write(row: Row) -> None:
        if row.vector is not None:
            table.writerow([row.name, *(f"{value:.9g}" for value in row.vector)])

    yield write


@contextlib.contextmanager
def _npy_file(file: IO[bytes], target: Path, model: Model) -> Iterator[Write]:
    """Collect ``(n, dim)`` float32, and beside it what the rows are; what failed is left out.

    A row of NaN instead would be every query's best match for numpy.
    """
    import numpy as np

    names: list[str] = []
    vectors: list[Vector] = []

    def write(row: Row) -> None:
        if row.vector is not None:
            names.append(row.name)
            vectors.append(row.vector)

    yield write
    np.save(file, np.array(vectors, dtype=np.float32).reshape(-1, model.dim))
    with whole_file(target.with_suffix(".json")) as beside:
        told = {"model": model.name, "space": model.space, "names": names}
        beside.write(json.dumps(told).encode() + b"\n")
