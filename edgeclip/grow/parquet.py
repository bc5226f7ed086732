"""Parquet: files of rows (`edgeclip.grow.tables`), written and read in bounded memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import IO, Any

from edgeclip.errors import EdgeclipError
from edgeclip.grow import tables
from edgeclip.grow.tables import FORMAT, Head, Row

GROUP_ROWS = 4096
"""Rows of a row group: 8 MB of 512 numbers each."""
_READ_ROWS = 1024
_BUFFER_BYTES = 1 << 20
"""Read at once: a row group of other programs may be gigabytes."""
_FIELDS = ("format", "space", "model", "dim")
_NEEDED = ("key", "vector")
_STATE = ("key", "key_bytes", "stamp", "error")


@contextlib.contextmanager
def writer(file: IO[bytes], head: Head) -> Iterator[Any]:
    """Yield a function that writes rows; the last of them are there when the block has ended.

    Args:
        file: open for writing.
        head: of all rows.
    """
    waiting: list[Row] = []
    # Floats of unit vectors neither repeat nor shrink.
    how = {"compression": "zstd", "use_dictionary": ["space"], "write_page_checksum": True}
    with tables.arrow().parquet.ParquetWriter(file, tables.schema(head), **how) as out:

        def write(rows: Iterable[Row]) -> None:
            for row in rows:
                waiting.append(row)
                if len(waiting) >= GROUP_ROWS:
                    out.write_table(tables.table(waiting, head))
                    waiting.clear()

        yield write
        if waiting:
            out.write_table(tables.table(waiting, head))


def head_of(file: IO[bytes], name: str) -> Head:
    """Return what a file says of all its rows.

    Args:
        file: open for reading; it can be sought in.
        name: of the file, for a message.

    Raises:
        EdgeclipError: it is no Parquet, or has no vectors under keys.
    """
    with _reading(name):
        found = tables.arrow().parquet.read_schema(file)
    missing = [each for each in _NEEDED if each not in found.names]
    if missing:
        raise EdgeclipError(
            f"{name} has no column {missing[0]!r}. Give files of edgeclip embed --engine ray or of "
            "edgeclip index --dump parquet."
        )
    told = found.metadata or {}
    known = {each: told.get(f"edgeclip.{each}".encode(), b"").decode() for each in _FIELDS}
    if known["format"] not in ("", FORMAT):
        raise EdgeclipError(
            f"{name} has format {known['format'][:20]}, and this version reads {FORMAT}. "
            "Update edgeclip."
        )
    size = getattr(found.field("vector").type, "list_size", 0)
    return Head(known["space"], size, known["model"])


def read(file: IO[bytes], name: str) -> Iterator[list[Row]]:
    """Yield the rows of a file, about a thousand at a time.

    Raises:
        EdgeclipError: it is damaged, or its columns are of other kinds.
    """
    with _reading(name):
        batches = _batches(_opened(file))
    while True:
        with _reading(name):
            batch = next(batches, None)
            rows = [] if batch is None else tables.rows_of(batch)
        if batch is None:
            return
        yield rows


def _opened(file: IO[bytes]) -> Any:
    # Threads that read ahead call Python's file while the interpreter ends, and that ends in an
    # abort (apache/arrow#34314).
    return tables.arrow().parquet.ParquetFile(
        file, buffer_size=_BUFFER_BYTES, pre_buffer=False, page_checksum_verification=True
    )


def _batches(opened: Any) -> Iterator[Any]:
    """Yield record batches; a file may have no row group, which Arrow's own iterator refuses."""
    for group in range(opened.num_row_groups):
        yield from opened.iter_batches(_READ_ROWS, row_groups=[group], use_threads=False)


def states(file: IO[bytes], name: str) -> Iterator[tuple[str, str | None, bool]]:
    """Yield key, stamp and whether there is an error, of each row; vectors are not read."""
    with _reading(name):
        opened = _opened(file)
        wanted = [each for each in _STATE if each in opened.schema_arrow.names]
        for group in range(opened.num_row_groups):
            found = opened.read_row_group(group, columns=wanted, use_threads=False)
            errors = found["error"].is_valid().to_pylist()
            yield from zip(tables.keys_of(found), found["stamp"].to_pylist(), errors, strict=True)


@contextlib.contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turn what Arrow says of a file into one sentence."""
    wrong = tables.arrow().ArrowException
    try:
        yield
    except (wrong, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, EdgeclipError):
            raise
        reason = " ".join(str(error).split())[:200]
        raise EdgeclipError(
            f"{name} cannot be read as Parquet of vectors ({reason}). Write it anew."
        ) from error
