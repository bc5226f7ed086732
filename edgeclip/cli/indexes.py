"""The index that a command works on, the model that it was made with, and its pictures' paths."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeclip.cli import options, output
from edgeclip.errors import (
    EdgeclipError,
    ModelNotFound,
    SpaceMismatch,
    StoreLocked,
    StoreReadOnly,
)

if TYPE_CHECKING:
    from edgeclip.index.index import Index
    from edgeclip.model.manifest import Manifest
    from edgeclip.model.model import Model

DEFAULT = "edgeclip.index"
PathOf = Callable[[str], str]


class Folder(click.Path):
    """The path of a folder; an empty one, often of an empty variable, is not the current folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a path."""
        if value == "":
            self.fail("it is empty. Give the path of a folder; the current one is '.'.", param, ctx)
        return super().convert(value, param, ctx)


index_option = click.option(
    "--index",
    "index",
    type=Folder(),
    help=f"Folder of the index (EDGECLIP_INDEX).  [default: ./{DEFAULT}]",
)


def index_path(index: Path | None) -> Path:
    """Return the folder that ``--index``, ``EDGECLIP_INDEX`` or the default names."""
    return index or Path(os.environ.get("EDGECLIP_INDEX") or DEFAULT)


def check_place(path: Path, folder: Path | None) -> None:
    """Refuse to make an index among other files.

    Args:
        path: where the index is, or shall be.
        folder: the pictures.

    Raises:
        EdgeclipError: it is a folder of other files.
    """
    from edgeclip.index import opening, place

    with contextlib.suppress(OSError):  # mostly there is nothing yet
        if folder is not None and path.samefile(folder):
            raise EdgeclipError(
                f"the index {path} would be the folder of pictures, {folder}. Give the index a "
                f"folder of its own: --index {path.absolute().name or 'photos'}.index"
            )
    if opening.is_there(path) or not options.is_folder(path):
        return
    names = (each.name for each in path.iterdir())
    others = sorted(name for name in names if not place.is_own(name) and name != "lost+found")
    if others:
        raise EdgeclipError(
            f"{path} is no index: it holds other files ({output.printable(others[0])}). Give the "
            f"path of an index or of a new folder: --index {path / DEFAULT}"
        )


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
        if not write:
            raise
        opened = Index.open(folder, read_only=True, hnsw=False)
        # Not before: where it cannot be read either, the error that says so is all there is to say.
        output.note(f"{error} Nothing is kept this time.")
    with telling(opened):
        yield opened


@contextlib.contextmanager
def telling(index: Index) -> Iterator[Index]:
    """Close an index at the end of a block, and tell what was found and mended in it."""
    with index:
        try:
            yield index
        finally:
            for note in index.notes:
                output.note(output.printable(note))


def paths_of(index: Index) -> PathOf:
    """Return what gives the path of the picture that a key stands for."""
    root = index.root
    return lambda key: key if root is None else str(root / key)


def load_for(index: Index, **chosen: Any) -> Model:
    """Load the model that an index was made with, with the options that it was made with.

    Raises:
        ModelNotFound: it is not installed here.
        ModelError: it has no such variant as asked for.
        SpaceMismatch: a model of this name is, but its vectors are others; or other options were
            asked for.
    """
    from edgeclip.model.manifest import Manifest

    manifest = Manifest.load(_model_of(index, chosen["model"], chosen["models"]))
    made = _ways(manifest, chosen).get(index.space)
    if made is None:
        raise SpaceMismatch(_other_model(index, manifest, chosen["model"]))
    wrong = _wrong(made, chosen)
    if wrong:
        raise SpaceMismatch(
            f"{index.path} was made with {manifest.name}, {_as_options(made, wrong)}. "
            f"Leave these options out, or {_ANEW}"
        )
    return options.load(**chosen | made | {"model": chosen["model"] or index.model or None})


def _ways(manifest: Manifest, chosen: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what makes vectors of each space that a model can make: fit, draft and variants.

    Several variants may share a space: it is the one asked for, else the one that would be taken
    without an index, where that is among them.
    """
    from edgeclip.model.towers import FITS

    images, texts = (_variants(manifest, tower, chosen) for tower in ("image", "text"))
    ways: dict[str, dict[str, Any]] = {}
    for image, text, fit, draft in product(images, texts, FITS, (False, True)):
        way: dict[str, Any] = {
            "fit": fit,
            "draft": draft,
            "image_variant": image,
            "text_variant": text,
        }
        ways.setdefault(manifest.space_id(**way), way)
    return ways


def makes(manifest: Manifest, space: str, chosen: Mapping[str, Any]) -> bool:
    """Tell whether a model makes vectors of a space, with options of some kind.

    Raises:
        SpaceMismatch: other options were asked for.
    """
    made = _ways(manifest, chosen).get(space)
    if made is None:
        return False
    wrong = _wrong(made, chosen)
    if wrong:
        raise SpaceMismatch(
            f"the vectors were made with {manifest.name}, {_as_options(made, wrong)}. Leave these "
            "options out."
        )
    return True


def _wrong(made: Mapping[str, Any], chosen: Mapping[str, Any]) -> list[str]:
    """Return the options that were given, and are not those that something was made with."""
    return [
        name for name, value in made.items() if options.is_given(name) and chosen[name] != value
    ]


def _variants(manifest: Manifest, tower: str, chosen: Mapping[str, Any]) -> list[str | None]:
    """Return the variants of a tower: as asked for, else as tuned, else the default one first."""
    from edgeclip.model import tuned

    entry = manifest.tower(tower)
    asked = chosen[f"{tower}_variant"]
    if entry is None:
        return [asked]
    first = tuned.setting(manifest, tower, asked, {"providers": chosen["providers"] or None})
    return list(dict.fromkeys((first.variant, entry.default, *entry.variants)))


def _as_options(made: Mapping[str, Any], wrong: Sequence[str]) -> str:
    """Write what an index was made with as options; variants only where another was asked for."""
    towers = [tower for tower in ("image", "text") if f"{tower}_variant" in wrong]
    variants = "".join(f"--{tower}-variant {made[f'{tower}_variant']}, " for tower in towers)
    return f"{variants}--fit {made['fit']} and {'with' if made['draft'] else 'without'} --draft"


def findable(model: Model, models: Path | None) -> str:
    """Return the name by which a model will be found again, else its path."""
    from edgeclip.model import library

    folder = model.manifest.folder.resolve()
    with contextlib.suppress(ModelNotFound):
        if library.find(model.name, models=models).resolve() == folder:
            return model.name
    return str(folder)


def knows_model(index: Index, models: Path | None) -> bool:
    """Tell whether a model is where an index remembers it."""
    try:
        return bool(index.model) and _model_of(index, None, models).is_dir()
    except ModelNotFound:
        return False


_ANEW = "begin anew with another index: edgeclip index DIR --index NEW"


def _model_of(index: Index, name: str | None, models: Path | None) -> Path:
    """Return the folder of the model that is named, or else remembered."""
    from edgeclip.model import library

    try:
        return library.find(name or index.model or None, models=models)
    except ModelNotFound as error:
        if name or os.sep not in index.model:
            raise
        raise ModelNotFound(
            f"the model of {index.path} is not in {index.model} any more. Say where it is: --model "
            "FOLDER"
        ) from error


def _other_model(index: Index, manifest: Manifest, name: str | None) -> str:
    advice = "Leave --model out" if name else "Name the right one with --model"
    return (
        f"{index.path} was made with {index.model or 'another model'} (space {index.space[:12]}…), "
        f"and {manifest.folder} makes other vectors. {advice}, or {_ANEW}"
    )
