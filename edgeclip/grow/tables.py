"""Tables: rows of vectors ↔ Arrow, in memory and between processes; the only importer of pyarrow.

A row is a picture: ``key``, ``key_bytes`` (its bytes, only where a name is no UTF-8, which Arrow's
strings must be), ``vector``, ``content_hash``, ``stamp``, ``space``, ``metadata`` (JSON) and
``error``.  Beside an error the vector is zeros, which no index takes, and which have a cosine of 0
with everything: lists of a fixed size that may be null are read by Arrow 26 and later alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeclip.errors import ExtraMissing
from edgeclip.index.items import key_bytes
from edgeclip.model.headers import printable
from edgeclip.vectors import Vector

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = "1"
_FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Head:
    """What all rows of a file have in common; it stands in the file's own metadata, too."""

    space: str
    """Space id of the vectors; empty in files of others, which may have the column alone."""
    dim: int
    """Numbers in a vector."""
    model: str = ""
    """Name of the model."""


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one picture."""

    key: str
    """As an index has it; bytes that are no UTF-8 as Python gives them (``surrogateescape``)."""
    vector: Vector | None
    """``(dim,)`` float32; None where there is an error."""
    content_hash: bytes | None = None
    stamp: str | None = None
    """The mark of an unchanged file of a folder; None for what belongs to no folder."""
    metadata: str = ""
    """JSON text, or empty."""
    error: str | None = None
    """Why there is no vector: a sentence, and one that says what to do."""
    space: str = ""
    """Space id; it is given when rows are read."""


def arrow() -> Any:
    """Return pyarrow, with its ``parquet``.

    Raises:
        ExtraMissing: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ExtraMissing("Parquet needs pyarrow: pip install 'edgeclip[parquet]'") from error
    return pyarrow


def schema(head: Head) -> pa.Schema:
    """Return the columns, and what stands in the file's metadata under ``edgeclip.…``."""
    pa = arrow()
    told = {
        "edgeclip.format": FORMAT,
        "edgeclip.space": head.space,
        "edgeclip.model": head.model,
        "edgeclip.dim": str(head.dim),
    }
    columns = [
        ("key", pa.string()),
        ("key_bytes", pa.binary()),
        ("vector", pa.list_(pa.float32(), head.dim)),
        ("content_hash", pa.binary()),
        ("stamp", pa.string()),
        ("space", pa.dictionary(pa.int32(), pa.string())),
        ("metadata", pa.string()),
        ("error", pa.string()),
    ]
    return pa.schema(columns, metadata=told)


def table(rows: Sequence[Row], head: Head) -> pa.Table:
    """Return rows as an Arrow table."""
    pa = arrow()
    names = [key_bytes(row.key) for row in rows]
    columns = [
        pa.array([name.decode("utf-8", "backslashreplace") for name in names], pa.string()),
        pa.array([None if _is_text(name) else name for name in names], pa.binary()),
        _vectors(rows, head.dim),
        pa.array([row.content_hash for row in rows], pa.binary()),
        pa.array([row.stamp for row in rows], pa.string()),
        pa.array([head.space] * len(rows), pa.string()).dictionary_encode(),
        pa.array([row.metadata or None for row in rows], pa.string()),
        pa.array(
            [None if row.error is None else printable(row.error) for row in rows], pa.string()
        ),
    ]
    return pa.Table.from_arrays(columns, schema=schema(head))


def _is_text(name: bytes) -> bool:
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _vectors(rows: Sequence[Row], dim: int) -> Any:
    pa = arrow()
    values = np.zeros((len(rows), dim), np.float32)
    for place, row in enumerate(rows):
        if row.vector is not None:
            values[place] = row.vector
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), dim)


def rows_of(found: pa.Table | pa.RecordBatch) -> list[Row]:
    """Return the rows of an Arrow table that has at least ``key`` and ``vector``."""
    pa = arrow()
    batch = found if isinstance(found, pa.Table) else pa.Table.from_batches([found])
    vectors = _arrays(batch["vector"])
    count = len(batch)

    def column(name: str) -> list[Any]:
        return batch[name].to_pylist() if name in batch.column_names else [None] * count

    parts = ("content_hash", "stamp", "metadata", "error", "space")
    known = zip(keys_of(batch), vectors, *map(column, parts), strict=True)
    return [
        Row(key, None if error else vector, content, stamp, metadata or "", error, space or "")
        for key, vector, content, stamp, metadata, error, space in known
    ]


def keys_of(batch: pa.Table) -> Iterator[str]:
    """Yield the keys; what is no UTF-8 comes from the column of bytes."""
    names = batch["key"].to_pylist()
    raw = (
        batch["key_bytes"].to_pylist() if "key_bytes" in batch.column_names else [None] * len(names)
    )
    for name, data in zip(names, raw, strict=True):
        yield name if data is None else data.decode("utf-8", "surrogateescape")


def _arrays(column: Any) -> list[Vector | None]:
    """Return the vectors of a column of lists, None for null."""
    found: list[Vector | None] = []
    for chunk in column.chunks:
        lengths = chunk.value_lengths().to_pylist()
        values = chunk.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
        place = 0
        for length in lengths:
            found.append(None if length is None else values[place : place + length])
            place += length or 0
    return found


def of_entries(entries: Sequence[tuple[str, str | None]]) -> pa.Table:
    """Return keys and stamps as an Arrow table, for another process."""
    pa = arrow()
    names = pa.array([key_bytes(key) for key, _ in entries], pa.binary())
    return pa.table({"key_bytes": names, "stamp": pa.array([s for _, s in entries], pa.string())})


def entries_of(found: pa.Table) -> list[tuple[str, str | None]]:
    """Return the keys and stamps of `of_entries`."""
    names = (data.decode("utf-8", "surrogateescape") for data in found["key_bytes"].to_pylist())
    return list(zip(names, found["stamp"].to_pylist(), strict=True))


def of_failure(reason: str) -> pa.Table:
    """Return a table that says why a worker made no rows; empty: others that tried have died."""
    return arrow().table({_FAILURE: [reason]})


def failure_of(found: pa.Table) -> str | None:
    """Return the reason of `of_failure`, or None for any other table."""
    return str(found[_FAILURE][0]) if _FAILURE in found.column_names else None
