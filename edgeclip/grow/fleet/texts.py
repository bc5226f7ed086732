r"""Any text and any metadata ↔ what PostgreSQL can hold, in the same order.

PostgreSQL's text and jsonb take neither NUL nor single surrogates, which stand for the bytes of
file names that are no UTF-8.  They are escaped so that equality, order by code points, and prefixes
stay as they are in Python: no code begins another one, and each sorts where its letter did.
Nothing changes in a text without U+0000, U+0001, U+D7FF (which is nobody's letter) and surrogates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_CODES = {"\0": "\1\1", "\1": "\1\2", "\ud7ff": "\ud7ff\1"}
_LETTERS = {code: letter for letter, code in _CODES.items()}
_ODD = re.compile("[\0\1\ud7ff\ud800-\udfff]")
_CODE = re.compile("\1[\1\2]|\ud7ff(?:\1|\2[0-9a-f]{4})")
# What `json.dumps` writes for an odd letter, and for a float from 1e16 on.
_RARE = re.compile(r"\\u(?:000[01]|d[7-9a-f])|\de\+")
# What a code begins with, in JSON of any writer.
_MARKS = re.compile(r"\\u0001|\\ud7ff|\ud7ff")
_EXACT_FLOATS = 2.0**53


def encoded(text: str) -> str:
    """Return a text as it is kept on the server."""
    if text.isprintable():  # as nearly all are, and none of the odd ones
        return text
    return _ODD.sub(lambda found: _code(found[0]), text)


def decoded(text: str) -> str:
    """Return a text from how it is kept on the server."""
    return _CODE.sub(lambda found: _letter(found[0]), text)


def jsonb(text: str) -> str:
    """Return the JSON text of metadata as jsonb takes it.

    Large floats are written out: jsonb holds decimal numbers, and ``1e+23`` is less than 10²³.
    """
    rare = ("\\" in text or "e+" in text) and _RARE.search(text)
    return _dumped(json.loads(text)) if rare else text


def metadata(text: str | None) -> dict[str, Any] | None:
    """Return metadata from the text of its jsonb."""
    if text is None:
        return None
    found: dict[str, Any] = json.loads(text)
    return _mapped(found, decoded) if _MARKS.search(text) else found


def number(value: int | float) -> str:
    """Return a finite number as jsonb holds it, so that both compare as in Python."""
    if isinstance(value, float) and abs(value) >= _EXACT_FLOATS:
        return str(int(value))
    return repr(value)


def _dumped(value: Any) -> str:
    if isinstance(value, Mapping):
        members = (f"{_dumped(name)}:{_dumped(each)}" for name, each in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_dumped, value)) + "]"
    if isinstance(value, float) and abs(value) >= _EXACT_FLOATS:
        return number(value) + ".0"  # with a point: it comes back as a float
    return json.dumps(encoded(value) if isinstance(value, str) else value)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(name): _mapped(each, change) for name, each in value.items()}
    return [_mapped(each, change) for each in value] if isinstance(value, list) else value


def _code(letter: str) -> str:
    return _CODES.get(letter) or f"\ud7ff\2{ord(letter):04x}"


def _letter(code: str) -> str:
    return _LETTERS.get(code) or chr(int(code[2:], 16))
