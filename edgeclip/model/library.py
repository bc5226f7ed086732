"""Where models are looked for, in order.

``EDGECLIP_MODELS`` (or the folder given), ``./models``, the user's data folder, the package itself.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import edgeclip
from edgeclip.errors import ModelNotFound
from edgeclip.model.manifest import FILENAME, Manifest
from edgeclip.model.places import user_data

PREFERRED = "mobileclip_s2"
FALLBACK = "starter"


def places(models: Path | str | None = None) -> list[Path]:
    """Return the folders that may hold model folders, in the order in which they are searched.

    Args:
        models: a folder that stands before all others; ``EDGECLIP_MODELS`` when None.

    Raises:
        ModelNotFound: that folder does not exist, or is a model itself.
    """
    first = models if models is not None else os.environ.get("EDGECLIP_MODELS")
    if first:
        _check_place(Path(first))
    package = Path(edgeclip.__file__).parent
    own = user_data()
    folders = [Path("models"), *([own / "models"] if own else []), package / "_models"]
    # An editable install has its data beside the package, not in it.
    if (package.parent / "pyproject.toml").is_file():
        folders.append(package.parent / "models")
    return ([Path(first)] if first else []) + folders


def _check_place(folder: Path) -> None:
    """Refuse a mistyped place: the search would quietly go on to another model elsewhere."""
    if _is(folder / FILENAME, Path.is_file):
        raise ModelNotFound(f"{folder} is a model, not a folder of models. Name it with --model.")
    if not _is(folder, Path.is_dir):
        raise ModelNotFound(f"{folder} is no folder. Correct --models or EDGECLIP_MODELS.")


def installed(models: Path | str | None = None) -> Iterator[Path]:
    """Yield every model folder that can be found by name; the first of a name hides the others."""
    seen: set[str] = set()
    for place in places(models):
        for manifest in _manifests(place):
            folder = manifest.parent
            if folder.name not in seen and not folder.name.startswith("."):
                seen.add(folder.name)
                yield folder


def _manifests(place: Path) -> list[Path]:
    try:
        return sorted(place.glob(f"*/{FILENAME}"))
    except OSError:  # a container may run as a user who may not see this home
        return []


def find(name: str | Path | None = None, *, models: Path | str | None = None) -> Path:
    """Return the folder of a model.

    Args:
        name: a model's name or the path of its folder; when None ``EDGECLIP_MODEL``, else
            ``mobileclip_s2`` where it is installed with trained weights, else ``starter``.
        models: where to look first.

    Raises:
        ModelNotFound: there is no such model in any place.
    """
    wanted = name if name is not None else os.environ.get("EDGECLIP_MODEL")
    if not wanted:
        preferred = _by_name(PREFERRED, models)
        # Random weights are for measuring, and answer only those who ask for them.
        trained = preferred is not None and not Manifest.read(preferred).untrained
        return preferred if preferred and trained else find(FALLBACK, models=models)
    path = Path(wanted)
    if _is(path / FILENAME, Path.is_file):
        return path
    found = _by_name(str(wanted), models)
    if found is None and _is(path, Path.exists):
        raise ModelNotFound(
            f"{path} is no model folder: it has no {FILENAME}. "
            "See the installed models with: edgeclip models"
        )
    if found is None:
        raise ModelNotFound(_not_installed(str(wanted), models))
    return found


def _not_installed(wanted: str, models: Path | str | None) -> str:
    names = sorted(folder.name for folder in installed(models))
    near = difflib.get_close_matches(wanted.lower().replace("-", "_"), names, n=1)
    make = f"Make it on a workstation with: edgeclip export {wanted}"
    advice = f"Did you mean {near[0]}?" if near else make
    where = ", ".join(str(place) for place in places(models))
    return (
        f"model {wanted!r} is not installed (installed: {', '.join(names) or 'none'}; "
        f"looked in {where}). {advice}"
    )


def _is(path: Path, kind: Callable[[Path], bool]) -> bool:
    try:
        return kind(path)
    except OSError:  # longer than a path can be, or not ours to see
        return False


def _by_name(name: str, models: Path | str | None) -> Path | None:
    return next((folder for folder in installed(models) if folder.name == name), None)
