"""Options and arguments that several commands share, and what is made of them."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgeclip.cli import output
from edgeclip.errors import EdgeclipError
from edgeclip.model import headers

if TYPE_CHECKING:
    from edgeclip.model.manifest import Manifest
    from edgeclip.model.model import Model

Command = TypeVar("Command", bound=Callable[..., Any])


class NumberRange(click.FloatRange):
    """A range of floats; nan and inf lie in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a finite float within the range."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number.", param, ctx)
        return number


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
models_folder = click.option(
    "--models",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where to look for models first (EDGECLIP_MODELS).",
)
new_models_folder = click.option(
    "--models",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("models"),
    show_default=True,
    help="Where the model folder is made.",
)


tower = click.option(
    "--tower",
    "towers",
    multiple=True,
    type=click.Choice(["image", "text"]),
    help="Only this tower.",
)
providers = click.option(
    "--provider",
    "providers",
    multiple=True,
    help="Execution provider: cpu, cuda, tensorrt, or as onnxruntime calls it.",
)
thread_counts = click.option(
    "--threads", multiple=True, type=click.IntRange(1, 1024), help="Only these numbers of threads."
)


def timeout(help: str, *, default: float) -> Callable[[Command], Command]:
    """Return the option that bounds how long a child process may take."""
    return click.option(
        "--timeout",
        "timeout_s",
        type=NumberRange(0, 86400, min_open=True),
        default=default,
        show_default=True,
        help=help,
    )


def _names(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


def precision(default: str) -> Callable[[Command], Command]:
    """Return the option that names the variants to make."""
    return click.option(
        "--precision",
        default=default,
        show_default=True,
        callback=_names,
        metavar="LIST",
        help="Variants to have: fp32, int8, fp16 (CUDA), fp16-weights, int8-weights.",
    )


calibration = click.option(
    "--calibration",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="At least 64 of your own pictures, for the image tower's int8.",
)
graph_input = click.option(
    "--input",
    "graph_input",
    type=click.Choice(["float32", "uint8"]),
    default="float32",
    show_default=True,
    help="uint8: also an image graph with the preprocessing inside.",
)


def is_given(option: str) -> bool:
    """Tell whether an option of the command was given, not left at its default."""
    context = click.get_current_context(silent=True)
    source = context and context.get_parameter_source(option)
    return source is click.core.ParameterSource.COMMANDLINE


def model_options(command: Command) -> Command:
    """Add the options that choose a model and say how it runs; pass them on to `load`."""
    for option in reversed(
        (
            click.option("-m", "--model", help="Name or folder of the model (EDGECLIP_MODEL)."),
            models_folder,
            click.option(
                "--threads", type=click.IntRange(1, 1024), help="Threads of one inference."
            ),
            providers,
            click.option("--image-variant", help="Stored form of the image tower, such as int8."),
            click.option("--text-variant", help="Stored form of the text tower."),
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
    image_variant: str | None = None,
    text_variant: str | None = None,
) -> Model:
    """Load the model that the options name."""
    from edgeclip.model import library
    from edgeclip.model.model import Model

    folder = library.find(model, models=models)
    if model is None:
        # Which model it is depends on the folder one stands in: people should not have to guess.
        output.remark(f"model {folder.name} (-m names another)")
    return Model.load(
        folder,
        fit="pad" if fit == "pad" else "crop",
        draft=draft,
        image_variant=image_variant,
        text_variant=text_variant,
        threads=threads,
        providers=providers or None,
    )


def told(manifest: Manifest) -> dict[str, Any]:
    """Return all that a model says of itself, for programs."""
    return {**manifest.record, "folder": str(manifest.folder)}


def pictures_in(paths: Sequence[str]) -> list[str]:
    """Return files as they are given, and the pictures below folders in order of their names.

    Raises:
        EdgeclipError: there is nothing but folders without pictures.
    """
    found = [
        file
        for path in paths
        for file in (_pictures_below(path) if path != "-" and is_folder(path) else [path])
    ]
    if paths and not found:
        raise EdgeclipError(
            f"there are no pictures in {', '.join(paths)}: no file there ends in .jpg, .png or "
            "the like. Give another folder."
        )
    return found


def is_folder(path: Path | str) -> bool:
    """Tell whether a path is a folder; one that cannot even be asked about is none."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):  # no permission, or too long to be a path
        return False


def _pictures_below(folder: str) -> Iterator[str]:
    for here, folders, names in os.walk(folder, onerror=_left_out):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if Path(name).suffix.lower() in headers.SUFFIXES and not name.startswith("."):
                yield str(Path(here) / name)


def _left_out(error: OSError) -> None:
    output.note(f"left out: {output.printable(str(error.filename))}: {error.strerror}.")


def sources(paths: Sequence[str]) -> Iterator[str | bytes]:
    """Yield what ``Model.embed_images`` takes: the paths, and for ``-`` the bytes on stdin."""
    for path in paths:
        yield stdin_bytes() if path == "-" else path


def stdin_bytes() -> bytes:
    """Read all of stdin.

    Raises:
        EdgeclipError: it is closed.
    """
    if sys.stdin is None:
        raise EdgeclipError("stdin is closed. Give paths instead of - and --stdin.")
    return sys.stdin.buffer.read()


def check_target(target: Path, *suffixes: str) -> None:
    """Refuse a file that could not be written, before the work begins.

    Raises:
        click.BadParameter: another suffix, a folder, or a file in a folder that does not exist.
    """
    if target.suffix not in suffixes:
        raise click.BadParameter(f"{target} must end in {', '.join(suffixes)}.")
    if not is_folder(target.absolute().parent):
        raise click.BadParameter(f"{target.parent} is no folder.")
    if is_folder(target):
        raise click.BadParameter(f"{target} is a folder.")


def raise_failed(errors: Sequence[str], total: int) -> None:
    """Fail when some of the pictures and texts did, after the others were answered.

    Raises:
        EdgeclipError: with the first of ``errors``.
    """
    if total == 1 and errors:
        raise EdgeclipError(errors[0])
    if errors:
        raise EdgeclipError(f"{len(errors)} of {total} failed. The first: {errors[0]}")
