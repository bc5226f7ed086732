"""What ``edgeclip index`` does to an index without looking into its folder."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from edgeclip.cli import indexes, options, output
from edgeclip.errors import EdgeclipError
from edgeclip.model.whole import whole_file

if TYPE_CHECKING:
    from edgeclip.index.index import Index
    from edgeclip.index.items import Item


def dump(path: Path, form: str, target: Path | None, as_json: bool) -> None:
    """Write all items to a file, or as JSON lines to stdout."""
    if form not in _STREAMED and target is None:
        raise click.UsageError(f"--dump {form} needs --output FILE.{form}.")
    if target is not None:
        options.check_target(target, f".{form}")
    with _opened(path, read_only=True) as index:
        if target is None:
            for item in index.items():
                output.json_line(_record(item))
            return
        count = _written(target, _FORMS[form], index)
    wrote = f"wrote {output.counted(count, 'item')} to {output.printable(str(target))}"
    if as_json:
        output.json_line({"file_path": str(target), "items": count})
    else:
        output.remark(wrote)


def verify(path: Path, as_json: bool) -> None:
    """Read everything; fail if anything is damaged."""
    # For reading: opened for writing, it would be mended before it is looked at.
    with _opened(path, read_only=True) as index:
        health = index.verify()
        index.notes.clear()  # the verdict says all
    told = {
        "ok": health.ok,
        "items": health.items,
        "bad": health.bad,
        "search_by": health.search_by,
        "reason": health.reason or None,
    }
    if as_json:
        output.json_line(told)
    elif health.ok:
        output.say(f"{output.counted(health.items, 'item')}, all as they were written")
    if not health.ok:
        raise EdgeclipError(f"{path} is damaged: {health.reason}")


def compact(path: Path, as_json: bool) -> None:
    """Give unused space back."""
    with _opened(path, read_only=False) as index:
        before = _bytes(path)
        index.compact()
        now = _bytes(path)
    if as_json:
        output.json_line({"bytes_before": before, "bytes": now})
    else:
        output.say(f"{before / 1e6:.1f} MB before, {now / 1e6:.1f} MB now")


def backup(path: Path, target: Path, as_json: bool) -> None:
    """Copy the index to a new folder, also while it is written."""
    with _opened(path, read_only=True) as index:
        index.backup(target)
        count = len(index)
    if as_json:
        output.json_line({"backup": str(target), "items": count})
    else:
        output.say(f"copied {output.counted(count, 'item')} to {output.printable(str(target))}")


def remove(path: Path, keys: Sequence[str], as_json: bool) -> None:
    """Forget items for good; their files stay where they are.

    Raises:
        EdgeclipError: some keys were not there; the others are removed.
    """
    with _opened(path, read_only=False) as index:
        missing = [key for key in dict.fromkeys(keys) if key not in index]
        removed = index.remove_many(set(keys).difference(missing))
    if as_json:
        output.json_line({"removed": removed, "missing": missing})
    else:
        output.say(f"removed {output.counted(removed, 'item')}")
    if missing:
        more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
        raise EdgeclipError(
            f"{path} has no item {missing[0]!r}{more}. Keys are paths relative to the "
            "folder; edgeclip index --dump jsonl lists them."
        )


def _opened(path: Path, *, read_only: bool) -> contextlib.AbstractContextManager[Index]:
    from edgeclip.index.index import Index

    # Nobody searches here.
    return indexes.telling(Index.open(path, read_only=read_only, hnsw=False))


def _bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in path.glob("store.db*"))


def _record(item: Item) -> dict[str, object]:
    return {"key": item.key, "vector": item.vector.tolist(), "metadata": item.metadata}


def _written(target: Path, write: Callable[[IO[bytes], Path, Index], int], index: Index) -> int:
    with whole_file(target) as file:
        return write(file, target, index)


def _to_jsonl(file: IO[bytes], _: Path, index: Index) -> int:
    count = 0
    for item in index.items():
        file.write(json.dumps(_record(item)).encode() + b"\n")
        count += 1
    return count


def _to_npy(file: IO[bytes], target: Path, index: Index) -> int:
    """Write ``(n, dim)`` float32 row by row, and beside it what the rows are."""
    import numpy as np

    names: list[str] = []
    known: list[object] = []

    def head() -> None:
        shape = (len(names), index.dim or 0)
        told = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, told)

    head()  # numpy leaves room in it for a larger number
    for item in index.items():
        names.append(item.key)
        known.append(item.metadata)
        file.write(np.asarray(item.vector, "<f4").tobytes())
    file.seek(0)
    head()
    with whole_file(target.with_suffix(".json")) as beside:
        told = {"model": index.model, "space": index.space, "names": names, "metadata": known}
        beside.write(json.dumps(told).encode() + b"\n")
    return len(names)


def _to_parquet(file: IO[bytes], _: Path, index: Index) -> int:
    from edgeclip.grow import parquet, tables
    from edgeclip.index.items import metadata_text

    count = 0
    with parquet.writer(file, tables.Head(index.space, index.dim or 1, index.model)) as write:
        for item in index.items():
            text = metadata_text(item.metadata)
            write([tables.Row(item.key, item.vector, item.content_hash, item.stamp, text)])
            count += 1
    return count


_STREAMED = ("jsonl",)
_FORMS = {"npy": _to_npy, "jsonl": _to_jsonl, "parquet": _to_parquet}
