"""Text → ids: the only importer of tokenizers.

A ``tokenizer.json`` alone cannot equal the tokenizer that a CLIP model was trained with: that one
first repairs the text (ftfy), unescapes HTML twice, folds white space and lowercases as Python
does.  The manifest names those steps; `clean` applies them, and the ids then equal open_clip's.
"""

from __future__ import annotations

import html
import string
from collections.abc import Callable, Sequence
from pathlib import Path

import ftfy
import numpy as np
import tokenizers
from numpy.typing import NDArray

from edgeclip.errors import ModelError
from edgeclip.model.manifest import Manifest
from edgeclip.model.texts import checked
from edgeclip.model.towers import TextTower

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_MAX_TOKENIZER_BYTES = 64 * 1024 * 1024


def _fold_white_space(text: str) -> str:
    return " ".join(text.split())


def _drop_punctuation(text: str) -> str:
    return text.replace("_", " ").translate(_NO_PUNCTUATION)


CLEANING: dict[str, Callable[[str], str]] = {
    "ftfy": ftfy.fix_text,
    "html": html.unescape,
    "whitespace": _fold_white_space,
    "lower": str.lower,
    "punctuation": _drop_punctuation,
}


def clean(text: str, steps: Sequence[str]) -> str:
    """Apply the manifest's cleaning steps in order."""
    for step in steps:
        text = CLEANING[step](text)
    return text


class Tokenizer:
    """Turn texts into the ids that a text graph eats.

    Args:
        inner: the tokenizer of the model folder, with its own padding and cutting switched off.
        tower: cleaning, lengths, pad and end ids.
    """

    def __init__(self, inner: tokenizers.Tokenizer, tower: TextTower) -> None:
        unknown = [step for step in tower.cleaning if step not in CLEANING]
        if unknown:
            raise ModelError(f"cleaning step {unknown[0]!r} is unknown. Update edgeclip.")
        inner.no_padding()
        inner.no_truncation()
        self._inner = inner
        self._tower = tower

    @classmethod
    def load(cls, manifest: Manifest, tower: TextTower) -> Tokenizer:
        """Open the tokenizer of a model folder.

        Raises:
            ModelError: the file is damaged or no tokenizer.
        """
        return cls(open_tokenizer(manifest.verified(tower.tokenizer)), tower)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.int64] | NDArray[np.int32]:
        """Return the ids of some texts.

        Args:
            texts: ``n`` ≥ 1 texts.

        Returns:
            ``(n, length)`` of the tower's dtype.  ``length`` is the context length, or the longest
            text's when the tower pads to that.  A text that is too long is cut; its last id stays
            the end token, as in open_clip.

        Raises:
            InvalidText: see `edgeclip.model.texts`.
        """
        tower = self._tower
        cleaned = [clean(checked(text), tower.cleaning) for text in texts]
        rows = [self._cut(encoding.ids) for encoding in self._encoded(cleaned)]
        longest = max(len(row) for row in rows)
        length = tower.context_length if tower.padding == "full" else longest
        ids = np.full((len(rows), length), tower.pad_id, dtype=tower.input_dtype)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
        return ids

    def count(self, text: str) -> int:
        """Count the tokens of a text, its two marks included, before anything is cut off.

        Raises:
            InvalidText: see `edgeclip.model.texts`.
        """
        (encoding,) = self._encoded([clean(checked(text), self._tower.cleaning)])
        return len(encoding.ids)

    def _encoded(self, texts: list[str]) -> list[tokenizers.Encoding]:
        try:
            return self._inner.encode_batch(texts)
        except BaseException as error:
            raise _refused(self._tower.tokenizer, error) from error

    def _cut(self, ids: list[int]) -> list[int]:
        limit = self._tower.context_length
        return ids if len(ids) <= limit else [*ids[: limit - 1], self._tower.end_id]


def end_id(path: Path) -> int:
    """Return the id that a tokenizer puts behind every text.

    Raises:
        ModelError: the file is no tokenizer, or puts nothing there.
    """
    inner = open_tokenizer(path)
    try:
        ids = inner.encode("").ids
    except BaseException as error:
        raise _refused(path, error) from error
    if not ids:
        raise ModelError(f"{path} puts no end token behind a text. Give the model's own tokenizer.")
    return int(ids[-1])


def open_tokenizer(path: Path) -> tokenizers.Tokenizer:
    """Open a ``tokenizer.json``.

    Raises:
        ModelError: the file is damaged or no tokenizer.
    """
    if path.stat().st_size > _MAX_TOKENIZER_BYTES:
        raise ModelError(f"{path} is too large for a tokenizer. Copy the model folder again.")
    try:
        return tokenizers.Tokenizer.from_file(str(path))
    except BaseException as error:
        raise _refused(path, error) from error


def _refused(name: Path | str, error: BaseException) -> BaseException:
    """Turn what the Rust half throws into a ModelError: its panics arrive as BaseException."""
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return error
    reason = " ".join(str(error).split())[:120]
    return ModelError(f"{name} is no usable tokenizer ({reason}). Copy the model folder again.")
