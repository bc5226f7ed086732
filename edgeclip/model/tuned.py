"""What `edgeclip tune` found best for a model on this board, kept for `Model.load`.

One JSON file in the user's settings.  An entry is bound to the model's manifest and to the board:
another model, another onnxruntime, other providers, another CPU or another number of CPUs is not
what was measured.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeclip.errors import EdgeclipError
from edgeclip.model.cpus import usable_cpus
from edgeclip.model.identity import canonical_sha256
from edgeclip.model.manifest import Manifest
from edgeclip.model.options import SessionOptions
from edgeclip.model.places import user_config
from edgeclip.model.providers import full_name
from edgeclip.model.whole import whole_file

FILENAME = "tuned.json"
_FORMAT = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """How one tower is run on this board."""

    variant: str
    options: SessionOptions


def setting(
    manifest: Manifest, tower: str, variant: str | None, asked: Mapping[str, Any]
) -> Setting:
    """Return how a tower is run: as asked for, else as found on this board, else by default.

    Args:
        manifest: the model's.
        tower: ``image`` or ``text``.
        variant: as asked for, or None.
        asked: fields of `SessionOptions`; None where nothing is asked for.

    Raises:
        ModelError: the model has no such variant.
    """
    entry = manifest.tower(tower)
    given = {key: value for key, value in asked.items() if value is not None}
    if entry is None:
        return Setting("", SessionOptions(**given))
    default = Setting(entry.default, SessionOptions())
    found = read(manifest).get(tower, default)
    wanted, tried = (
        {full_name(name, ()) for name in names or ()}
        for names in (given.get("providers"), found.options.providers)
    )
    if wanted and tried and not wanted & tried:
        found = default  # what was measured with one provider says nothing of another
    chosen = variant or found.variant
    manifest.variant(entry, chosen)
    # What was measured with one variant says nothing of another.
    options = found.options if chosen == found.variant else SessionOptions()
    return Setting(chosen, dataclasses.replace(options, **given))


def read(manifest: Manifest) -> dict[str, Setting]:
    """Return what was found for a model on this board: ``image`` and ``text``, where known.

    What cannot be read counts as not found: settings never keep a model from being loaded.
    """
    path = _path()
    entries = _entries(path) if path else {}
    # Mostly there is nothing, and then onnxruntime need not be imported to know the key.
    if not any(key.startswith(_model(manifest)) for key in entries):
        return {}
    try:
        entry = entries.get(_key(manifest), {})
        found = {tower: _setting(entry[tower]) for tower in ("image", "text") if tower in entry}
    except (KeyError, TypeError, ValueError, ImportError):
        return {}
    return {
        name: setting
        for name, setting in found.items()
        if (tower := manifest.tower(name)) and setting.variant in tower.variants
    }


def write(manifest: Manifest, settings: Mapping[str, Setting], measured: Mapping[str, Any]) -> Path:
    """Remember what was found for a model on this board.

    Args:
        manifest: the model's.
        settings: ``image`` and ``text``.
        measured: figures, for people who read the file.

    Returns:
        The file.

    Raises:
        EdgeclipError: there is no place for settings, or it cannot be written.
    """
    path = _path()
    if path is None:
        raise EdgeclipError("there is no place for settings. Name a folder in EDGECLIP_CONFIG.")
    entries = _entries(path)
    old = entries.get(_key(manifest), {})
    entries[_key(manifest)] = {
        **{tower: dataclasses.asdict(setting) for tower, setting in settings.items()},
        "model": manifest.name,
        "measured": {**_dict(old, "measured"), **measured},
    }
    _keep(path, entries)
    return path


def forget(manifest: Manifest) -> bool:
    """Delete what was found for a model on this board; False when there was nothing."""
    path = _path()
    entries = _entries(path) if path else {}
    if path is None or entries.pop(_key(manifest), None) is None:
        return False
    _keep(path, entries)
    return True


def _path() -> Path | None:
    folder = user_config()
    return folder and folder / FILENAME


def _dict(entry: Any, key: str) -> dict[str, Any]:
    value = entry.get(key) if isinstance(entry, dict) else None
    return value if isinstance(value, dict) else {}


def _keep(path: Path, entries: Mapping[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EdgeclipError(
            f"{path.parent} cannot be made: {error.strerror}. Name a folder in EDGECLIP_CONFIG."
        ) from error
    with whole_file(path) as file:
        file.write(json.dumps({"format": _FORMAT, "entries": entries}, indent=1).encode())


def _entries(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text("utf-8"))
        return {**told["entries"]} if told["format"] == _FORMAT else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _setting(entry: Mapping[str, Any]) -> Setting:
    options = SessionOptions(**entry["options"])
    # onnxruntime would refuse these only when the graph is opened, and then the model is lost.
    kinds: dict[str, Any] = dict.fromkeys(("spinning", "arena", "cache"), bool)
    kinds |= {"threads": int | None, "providers": list | None}
    if not all(isinstance(getattr(options, name), kind) for name, kind in kinds.items()):
        raise TypeError(f"no options: {options}")
    ",".join(options.providers or ())  # TypeError: names are texts
    return Setting(str(entry["variant"]), options)


def _model(manifest: Manifest) -> str:
    return str(manifest.record["sha256"])[:16]


def _key(manifest: Manifest) -> str:
    from edgeclip.model.session import available_providers, runtime

    # A build for GPUs has the version of that for CPUs, and may see the same settings.
    board = {**runtime(), "cpus": usable_cpus(), "providers": available_providers()}
    return f"{_model(manifest)}-{canonical_sha256(board)[:16]}"
