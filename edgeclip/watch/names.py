"""Names of cameras, rules and events, as files and topics bear them."""

from __future__ import annotations

import hashlib
import re

_MOST_LETTERS = 59
"""Of four bytes each they leave room for a mark and an ending: a file's name has 255 bytes."""


def cleaned(name: str) -> str:
    """Return a name with a dash for what a file's name had better not hold."""
    return re.sub(r"[^\w.-]+", "-", name)


def file_name(name: str) -> str:
    """Return what stands for a name in files: itself where it can, else cleaned, with a mark.

    Without the mark ``a b`` and ``a-b`` would be one file.
    """
    plain = cleaned(name).lstrip(".")[:_MOST_LETTERS]
    return plain if plain == name and plain else f"{plain}-{mark(name)}".lstrip("-")


def mark(name: str) -> str:
    """Return six hex digits that tell a name from others that look like it."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]
