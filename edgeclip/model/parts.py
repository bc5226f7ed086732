"""Open the parts of a model folder, each with its foreign library only when it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeclip.errors import ExtraMissing, ModelError
from edgeclip.model.manifest import Manifest
from edgeclip.model.options import SessionOptions
from edgeclip.model.towers import ImageTower, TextTower

if TYPE_CHECKING:
    from edgeclip.model.session import Session
    from edgeclip.model.tokens import Tokenizer


def open_image(manifest: Manifest, options: SessionOptions) -> Session:
    """Open the image tower, after hashing its file."""
    return _open(manifest, manifest.image, options)


def open_text(manifest: Manifest, options: SessionOptions) -> tuple[Tokenizer, Session]:
    """Open the tokenizer and the text tower, after hashing their files.

    Raises:
        ModelError: the model has no text tower.
    """
    from edgeclip.model.tokens import Tokenizer

    tower = text_tower(manifest)
    return Tokenizer.load(manifest, tower), _open(manifest, tower, options)


def text_tower(manifest: Manifest) -> TextTower:
    """Return the text tower.

    Raises:
        ModelError: the model has none.
    """
    if manifest.text is None:
        raise ModelError(
            f"model {manifest.name} has no text tower. Import or export it with one to embed words."
        )
    return manifest.text


def _open(manifest: Manifest, tower: ImageTower | TextTower, options: SessionOptions) -> Session:
    try:
        from edgeclip.model.session import Session
    except ImportError as error:
        raise ExtraMissing(
            f"onnxruntime cannot be imported ({error}). Run: pip install onnxruntime, or install "
            "the build of your board."
        ) from error
    path = manifest.verified(manifest.variant(tower, None).file)
    return Session.load(path, tower, options, dim=manifest.dim)
