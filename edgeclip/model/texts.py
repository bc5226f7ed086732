"""Which texts are embedded at all, decided before anything heavy is opened."""

from __future__ import annotations

from typing import Any

from edgeclip.errors import InvalidText

MAX_CHARACTERS = 4096
"""Longer texts are refused: 10 MB of one word keep a tokenizer busy for 33 s, cut or not."""


def checked(text: Any) -> str:
    """Return ``text`` when it is one that can be embedded.

    Raises:
        InvalidText: not a string, longer than `MAX_CHARACTERS`, or with NUL or lone surrogates.
    """
    if not isinstance(text, str):
        raise InvalidText(f"a text must be a str, not {type(text).__name__}. Give words.")
    if len(text) > MAX_CHARACTERS:
        raise InvalidText(
            f"the text has {len(text):,} characters, more than {MAX_CHARACTERS:,}. "
            "Shorten it: only its first words count."
        )
    if "\0" in text:
        raise InvalidText("the text holds a NUL character. Remove it.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidText(
            f"the text holds a lone surrogate at position {error.start}. Decode it as UTF-8."
        ) from error
    return text
