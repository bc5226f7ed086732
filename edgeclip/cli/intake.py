"""``edgeclip index --from``: vectors that were made elsewhere, into an index."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeclip.cli import indexes, output
from edgeclip.cli.stopping import stopping
from edgeclip.errors import EdgeclipError, ModelError, SpaceMismatch, StoreNotFound

if TYPE_CHECKING:
    from edgeclip.grow.tables import Head
    from edgeclip.index.index import Index

_COUNTED = ("added", "updated", "unchanged", "failed")


def take_in(path: Path, source: str, *, force: bool, as_json: bool, chosen: dict[str, Any]) -> None:
    """Put all vectors of Parquet files into an index; it is made where there is none.

    Raises:
        SpaceMismatch: they are of another model than the index.
        EdgeclipError: they cannot be read, or cannot be kept; what came before is kept.
    """
    if not source:
        raise click.UsageError("--from needs the path or the address of a folder of Parquet files.")
    from edgeclip.grow.intake import Intake

    intake, begun = Intake(source), time.monotonic()
    indexes.check_place(path, None)
    counts: Counter[str] = Counter()
    opened = _opened(path, intake.head, force, chosen)
    with indexes.telling(opened) as index, stopping() as stop:
        try:
            for some in intake.into(index):
                counts += some
                if stop.is_set():
                    break
        finally:
            _tell(counts, time.monotonic() - begun, as_json)
    stop.act()


def _opened(path: Path, head: Head, force: bool, chosen: dict[str, Any]) -> Index:
    """Open the index, or make one that remembers by which name its model is found here."""
    from edgeclip.index.index import Index

    try:
        return Index.open(path, force=force, hnsw=False)
    except StoreNotFound:
        if not head.space:
            raise EdgeclipError(
                "the files do not say which model made their vectors. Make the index first: "
                "edgeclip index DIR --index NEW"
            ) from None
    return Index.open(path, head.space, model=_name(head, chosen), force=force, hnsw=False)


def _name(head: Head, chosen: dict[str, Any]) -> str:
    """Return the name, or else the path, by which the model of some vectors is found here."""
    if chosen["model"] is not None:
        found = _found(chosen["model"], head, chosen)
        if found is None:
            raise SpaceMismatch(
                f"the vectors are of {output.printable(head.model) or 'another model'} (space "
                f"{head.space[:12]}…), and {chosen['model']} makes other ones. Leave --model out, "
                "or name the right one."
            )
        return found
    for name in (head.model or None, None):
        with contextlib.suppress(ModelError):  # it may be on another machine alone
            found = _found(name, head, chosen)
            if found is not None:
                return found
    return head.model


def _found(name: str | None, head: Head, chosen: dict[str, Any]) -> str | None:
    from edgeclip.model import library
    from edgeclip.model.model import Model

    model = Model.load(library.find(name, models=chosen["models"]))
    makes = indexes.makes(model.manifest, head.space, chosen)
    return indexes.findable(model, chosen["models"]) if makes else None


def _tell(counts: Counter[str], seconds: float, as_json: bool) -> None:
    if as_json:
        output.json_line({name: counts[name] for name in _COUNTED})
        return
    if counts["failed"]:
        failed = output.counted(counts["failed"], "row")
        output.note(f"left out: {failed} with an error instead of a vector.")
    row = [*(f"{counts[name]}" for name in _COUNTED), f"{seconds:.1f}"]
    output.table((*_COUNTED, "seconds"), [row])
