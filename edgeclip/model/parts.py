"""Open the parts of a model folder, each with its foreign library only when it is needed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgeclip.errors import ExtraMissing, ModelError
from edgeclip.model.manifest import Manifest
from edgeclip.model.towers import ImageTower, TextTower
from edgeclip.model.tuned import Setting

if TYPE_CHECKING:
    from edgeclip.model.session import Session
    from edgeclip.model.tokens import Tokenizer


def open_image(manifest: Manifest, setting: Setting) -> Session:
    """Open the image tower, after hashing its file."""
    return _open(manifest, manifest.image, setting)


def open_text(manifest: Manifest, setting: Setting) -> tuple[Tokenizer, Session]:
    """Open the tokenizer and the text tower, after hashing their files.

    Raises:
        ModelError: the model has no text tower, or it is not here.
    """
    from edgeclip.model.tokens import Tokenizer

    tower = text_tower(manifest)
    if manifest.spared:
        raise ModelError(
            f"{manifest.folder} was copied without its text tower. Give a prompt pack "
            "(edgeclip pack), or copy the whole model folder."
        )
    # A kept graph saves a text tower nothing: 393 MB and 0.5 s either way (MobileCLIP-S2).
    options = dataclasses.replace(setting.options, cache=False)
    session = _open(manifest, tower, dataclasses.replace(setting, options=options))
    return Tokenizer.load(manifest, tower), session


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


def _open(manifest: Manifest, tower: ImageTower | TextTower, setting: Setting) -> Session:
    try:
        from edgeclip.model import graph_cache, half
        from edgeclip.model.session import Session, row_of
    except ImportError as error:
        raise ExtraMissing(
            f"onnxruntime cannot be imported ({error}). Run: pip install onnxruntime, or install "
            "the build of your board."
        ) from error
    variant = manifest.variant(tower, setting.variant)
    entry = manifest.files[variant.file]
    options = half.fitting(variant, setting.options)
    path, how = graph_cache.ready(
        entry.sha256, entry.bytes, lambda: manifest.verified(variant.file), options
    )
    if variant.providers is not None:
        half.probe(path, entry.sha256, how, row=row_of(tower))
    try:
        return Session.load(path, tower, how, dim=manifest.dim)
    except ModelError:
        if how is options:
            raise
    # A kept graph may be deleted at any moment, also between the look at it and its opening.
    return Session.load(manifest.verified(variant.file), tower, options, dim=manifest.dim)
