"""``model.json``: what a model folder says of itself, checked before anything is opened.

The manifest is the only place where sizes, statistics and tensor names come from; no code knows
which model it serves.  `Manifest.load` checks names, sizes and types; `Manifest.verified` hashes a
file when it is opened, because a rotted ONNX file answers wrongly without an error.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeclip.errors import ModelError, UntrainedWarning
from edgeclip.model.identity import seal, sharing, space_id
from edgeclip.model.towers import (
    Fit,
    ImageTower,
    TextTower,
    Variant,
    image_tower,
    positive,
    string,
    text_tower,
)

FORMAT = 1
FILENAME = "model.json"
_MAX_MANIFEST_BYTES = 16 * 1024 * 1024
_MOST_SAID = 120
"""Characters of what is wrong: a junk value may have thousands."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_HEX64 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Size and hash of one file of the folder."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """A model folder's description of itself."""

    folder: Path
    name: str
    dim: int
    """Numbers in a vector."""
    logit_scale: float
    """Multiplies cosines before the softmax; already exponentiated."""
    space: str
    """Space id with the default options; `space_id` gives the others."""
    image: ImageTower
    text: TextTower | None
    files: Mapping[str, FileRecord]
    record: Mapping[str, Any] = field(repr=False)
    """All of ``model.json``: source, licence, accuracy, versions, parity, goldens."""

    @classmethod
    def load(cls, folder: Path | str) -> Manifest:
        """Read ``folder/model.json`` and check that the files it names are there.

        A folder may lack the text tower with its tokenizer, all of it: a board that only watches
        with a prompt pack needs no words.

        Raises:
            ModelError: a file is missing, of another size, a link, or the manifest is broken.
        """
        manifest = cls.read(folder)
        spared = manifest.spared
        for name in manifest.files:
            if name not in spared:
                manifest.check_file(name)
        return manifest

    @property
    def spared(self) -> frozenset[str]:
        """The files of the text tower, where all of them were left out of the folder."""
        if self.text is None:
            return frozenset()
        words = {self.text.tokenizer, *(each.file for each in self.text.variants.values())}
        left_out = not any(os.path.lexists(self.folder / name) for name in words)
        return frozenset(words) if left_out else frozenset()

    @classmethod
    def read(cls, folder: Path | str) -> Manifest:
        """Read ``folder/model.json`` alone.

        Raises:
            ModelError: the manifest is missing or broken.
        """
        folder = Path(folder)
        record = _read_json(folder / FILENAME)
        try:
            return _parse(folder, record)
        except ModelError:
            raise
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            reason = f"{type(error).__name__}: {error}"
            reason = reason if len(reason) <= _MOST_SAID else f"{reason[:_MOST_SAID]}…"
            raise ModelError(
                f"{folder / FILENAME} is not a whole manifest ({reason}). Export or import the "
                "model again."
            ) from error

    def check_file(self, name: str) -> None:
        """Check that a file is there, no link, and of the right size.

        Raises:
            ModelError: it is not.
        """
        path, size = self.folder / name, self.files[name].bytes
        if path.is_symlink() or not path.is_file():
            what = "is a link" if path.is_symlink() else "is missing"
            raise ModelError(f"{path} {what}. Copy the model folder again.")
        if path.stat().st_size != size:
            raise ModelError(
                f"{path} has {path.stat().st_size:,} bytes, the manifest says {size:,}. "
                "Copy the model folder again."
            )

    def tower(self, name: str) -> ImageTower | TextTower | None:
        """Return the ``image`` or ``text`` tower; None: the model has no such tower."""
        return {"image": self.image, "text": self.text}[name]

    @property
    def untrained(self) -> bool:
        """Whether the weights are random, so that the answers mean nothing."""
        return bool(self.record["source"]["kind"] == "untrained")

    def warn_if_untrained(self) -> None:
        """Warn, once in a process, that the answers of random weights mean nothing."""
        if self.untrained:
            warnings.warn(
                f"model {self.name} has random weights: its answers mean nothing.",
                UntrainedWarning,
                stacklevel=1,  # always the same place: Python then says it once
            )

    def variant(self, tower: ImageTower | TextTower, name: str | None) -> Variant:
        """Return the variant ``name`` of a tower, or its default one.

        Raises:
            ModelError: there is no such variant.
        """
        chosen = tower.default if name is None else name
        if chosen not in tower.variants:
            raise ModelError(
                f"model {self.name} has no {chosen!r} variant of this tower. "
                f"It has: {', '.join(tower.variants)}."
            )
        return tower.variants[chosen]

    def verified(self, name: str) -> Path:
        """Hash the file ``name`` and return its path.

        Raises:
            ModelError: its SHA-256 is not the manifest's, or it cannot be read.
        """
        path = self.folder / name
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}.") from error
        if found != self.files[name].sha256:
            raise ModelError(
                f"{path} is damaged: its SHA-256 is {found[:12]}…, the manifest says "
                f"{self.files[name].sha256[:12]}…. Copy the model folder again."
            )
        return path

    def space_id(
        self,
        *,
        fit: Fit = "crop",
        draft: bool = False,
        image_variant: str | None = None,
        text_variant: str | None = None,
    ) -> str:
        """Return the space id of vectors made with these options and variants.

        Raises:
            ModelError: there is no such variant.
        """
        for tower, name in ((self.image, image_variant), (self.text, text_variant)):
            if tower is not None and name is not None:
                self.variant(tower, name)  # one that does not exist has no space
        chosen = {"image": image_variant, "text": text_variant}
        return space_id(self.record, fit=fit, draft=draft, chosen=chosen)


def _read_json(path: Path) -> Any:
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise ModelError(f"{path} is too large for a manifest. Export the model again.")
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ModelError(
            f"{path.parent} is no model folder: it has no {FILENAME}. "
            "See the installed models with: edgeclip models"
        ) from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from error
    except ModelError:  # a ValueError too
        raise
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"{path} is damaged: it is no JSON. Copy the model folder again."
        ) from error


def _parse(folder: Path, record: Any) -> Manifest:
    """Turn the JSON into dataclasses; KeyError and TypeError mean that something is missing."""
    if record["format"] != FORMAT:
        raise ModelError(
            f"{folder / FILENAME} has format {record['format']!r}, this edgeclip reads {FORMAT}. "
            "Update edgeclip, or export the model again."
        )
    manifest = Manifest(
        folder=folder,
        name=string(record["name"]),
        dim=positive(record["dim"]),
        logit_scale=_scale(record["logit_scale"]),
        space=string(record["space"]),
        image=image_tower(record["image"]),
        text=None if record["text"] is None else text_tower(record["text"]),
        files={name: _file_record(name, entry) for name, entry in record["files"].items()},
        record=record,
    )
    _check_names(manifest)
    _check_sections(record)
    sharing(record)
    if record["sha256"] != seal(record):
        raise ModelError(
            f"{folder / FILENAME} was changed or damaged since it was made: its own SHA-256 does "
            "not fit. Copy the model folder again."
        )
    if manifest.space != manifest.space_id():
        raise ModelError(
            f"{folder / FILENAME} was changed by hand: its space id does not fit its contents. "
            "Export or import the model again."
        )
    return manifest


def _file_record(name: str, entry: Mapping[str, Any]) -> FileRecord:
    # A name such as ../x or /etc/x must never be opened on the manifest's word.
    if not _PLAIN_NAME.fullmatch(name):
        raise ModelError(f"the manifest names {name!r}, which is no plain file name.")
    if not _HEX64.fullmatch(entry["sha256"]):
        raise ModelError(f"the manifest's SHA-256 of {name} is no SHA-256.")
    return FileRecord(entry["sha256"], positive(entry["bytes"]))


def _scale(value: Any) -> float:
    if not 0 < float(value) < math.inf:
        raise TypeError(f"a logit scale above 0 was expected, not {value!r}")
    return float(value)


def _check_sections(record: Any) -> None:
    """Check what is only shown to people; KeyError means that something is missing."""
    string(record["source"]["kind"])
    licence = record["license"]
    for key in ("name", "url", "consequence"):
        string(licence[key])
    if licence["commercial_use"] not in (True, False, None):
        raise TypeError("commercial_use must be true, false or null")
    dict(record["made_by"])
    for figure in record["accuracy"]:
        string(figure["task"])


def _check_names(manifest: Manifest) -> None:
    named = [variant.file for variant in manifest.image.variants.values()]
    if manifest.text is not None:
        named += [variant.file for variant in manifest.text.variants.values()]
        named.append(manifest.text.tokenizer)
    if "pixels" in manifest.record["image"]:
        named.append(string(manifest.record["image"]["pixels"]["file"]))
    for name in named:
        if name not in manifest.files:
            raise ModelError(f"the manifest names {name!r} but gives no SHA-256 of it.")
