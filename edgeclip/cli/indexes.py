"""The index that a command works on, the model that it was made with, and its pictures' paths."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeclip.cli import options, output
from edgeclip.errors import SpaceMismatch, StoreLocked, StoreReadOnly

if TYPE_CHECKING:
    from edgeclip.index.index import Index
    from edgeclip.model.model import Model

DEFAULT = "edgeclip.index"
Row = tuple[str, Sequence[tuple[str, float]]]
"""A title, and keys with their scores."""
PathOf = Callable[[str], str]

index_option = click.option(
    "--index",
    "index",
    type=click.Path(path_type=Path),
    help=f"Folder of the index (EDGECLIP_INDEX).  [default: ./{DEFAULT}]",
)


def index_path(index: Path | None) -> Path:
    """Return the folder that ``--index``, ``EDGECLIP_INDEX`` or the default names."""
    return index or Path(os.environ.get("EDGECLIP_INDEX") or DEFAULT)


@contextlib.contextmanager
def opened_index(index: Path | None, *, write: bool = False) -> Iterator[Index]:
    """Yield an existing index.

    Args:
        index: what ``--index`` says.
        write: for writing where that is possible; else it is read, and a note says so.
    """
    from edgeclip.index.index import Index

    folder = index_path(index)
    try:
        # A few questions are answered before a graph would have been loaded.
        opened = Index.open(folder, read_only=not write, hnsw=False)
    except (StoreLocked, StoreReadOnly) as error:
        output.note(f"{error} Nothing is kept this time.")
        opened = Index.open(folder, read_only=True, hnsw=False)
    with opened:
        try:
            yield opened
        finally:
            for note in opened.notes:
                output.note(output.printable(note))


def paths_of(index: Index) -> PathOf:
    """Return what gives the path of the picture that a key stands for."""
    root = index.root
    return lambda key: key if root is None else str(root / key)


def draw_sheet(sheet: Path, path_of: PathOf, rows: Sequence[Row]) -> None:
    """Write a contact sheet of the pictures that keys stand for."""
    from edgeclip.model.sheet import write_sheet
    from edgeclip.vectors import Match

    write_sheet(
        sheet,
        [(title, [Match(path_of(key), score) for key, score in found]) for title, found in rows],
    )
    output.note(f"wrote {output.printable(str(sheet))}")


def load_for(index: Index, **chosen: Any) -> Model:
    """Load the model that an index was made with, with the options that it was made with.

    Raises:
        ModelNotFound: it is not installed here.
        SpaceMismatch: a model of this name is, but its vectors are others.
    """
    from edgeclip.model import library
    from edgeclip.model.manifest import Manifest
    from edgeclip.model.towers import FITS

    name = chosen["model"] or index.model or None
    manifest = Manifest.load(library.find(name, models=chosen["models"]))
    for fit in FITS:
        for draft in (False, True):
            if manifest.space_id(fit=fit, draft=draft) == index.space:
                return options.load(**chosen | {"model": name, "fit": fit, "draft": draft})
    raise SpaceMismatch(
        f"{index.path} was made with {index.model or 'another model'} (space {index.space[:12]}…), "
        f"and {manifest.name} makes other vectors. Name the model with --model, or index anew into "
        "another place."
    )
