"""Options that several commands share, and what they make."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgeclip.cli import output
from edgeclip.errors import ModelNotFound

if TYPE_CHECKING:
    from edgeclip.model.model import Model

Command = TypeVar("Command", bound=Callable[..., Any])

_SUFFIXES = ".jpg .jpeg .jpe .mpo .png .webp .bmp .gif .tif .tiff .ppm .pgm .pbm .avif .heic .heif"
SUFFIXES = frozenset(_SUFFIXES.split(" "))

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
models_folder = click.option(
    "--models",
    type=click.Path(path_type=Path),
    help="Where to look for models first (EDGECLIP_MODELS).",
)


def model_options(command: Command) -> Command:
    """Add the options that choose a model and say how it runs; pass them on to `load`."""
    for option in reversed(
        (
            click.option("-m", "--model", help="Name or folder of the model (EDGECLIP_MODEL)."),
            models_folder,
            click.option("--threads", type=click.IntRange(1), help="Threads of one inference."),
            click.option("--provider", "providers", multiple=True, help="Execution provider."),
            click.option(
                "--fit",
                type=click.Choice(["crop", "pad"]),
                default="crop",
                show_default=True,
                help="Crop the middle as the model expects, or keep all between grey borders.",
            ),
            click.option("--draft", is_flag=True, help="Decode large JPEGs at a reduced scale."),
        )
    ):
        command = option(command)
    return command


def load(
    model: str | None,
    models: Path | None,
    threads: int | None,
    providers: tuple[str, ...],
    fit: str,
    draft: bool,
) -> Model:
    """Load the model that the options name; say so when its weights are random."""
    from edgeclip.model import library
    from edgeclip.model.model import Model

    folder = library.find(model, models=models)
    loaded = Model.load(
        folder,
        fit="pad" if fit == "pad" else "crop",
        draft=draft,
        threads=threads,
        providers=providers or None,
    )
    warn_untrained(loaded.name, loaded.manifest.untrained)
    return loaded


def warn_untrained(name: str, untrained: bool) -> None:
    """Say that a model's answers mean nothing when its weights are random."""
    if untrained:
        output.note(f"warning: model {name} has random weights: its answers mean nothing.")


def pictures_in(paths: tuple[str, ...] | list[str]) -> Iterator[str]:
    """Yield files as they are given, and the pictures below folders in order of their names."""
    for path in paths:
        if path == "-" or not Path(path).is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                    yield str(Path(folder) / name)


def existing_folder(path: Path) -> Path:
    """Return a folder that exists.

    Raises:
        ModelNotFound: it does not exist.
    """
    if not path.is_dir():
        raise ModelNotFound(f"{path} is no folder. Give the path of a folder.")
    return path
