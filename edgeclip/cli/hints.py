"""Why a filter lets nothing through: a field that no item has, or values of another kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Protocol

from edgeclip.cli import output

_KEY = "key"
_MOST_NAMES = 20
_GIVE = {
    "number": "a number",
    "text": "a text",
    "time": "a time such as 2026-05-01",
    "bool": "true or false",
}


class Known(Protocol):
    """What a filter asks."""

    @property
    def key(self) -> str:
        """Of the item."""

    @property
    def metadata(self) -> Mapping[str, Any] | None:
        """Of the item."""


def hints(where: Mapping[str, Mapping[str, Any]], items: Iterable[Known]) -> list[str]:
    """Say which fields of a filter no item has, or which values no item can be compared with.

    Args:
        where: from `edgeclip.cli.filters.where_of`.
        items: those of the index; read until one is found for each condition that it can judge.

    Returns:
        A sentence or two for each field that lets nothing through.
    """
    from edgeclip.index.where import field_of

    wanted = {field: list(map(_wanted, condition.values())) for field, condition in where.items()}
    seen: dict[str, set[str]] = {field: set() for field in where}
    names: set[str] = set()
    for item in items:
        names.update(_names(item.metadata or {}), [_KEY])
        for field, kinds in seen.items():
            kinds |= _kinds(item.key if field == _KEY else field_of(item.metadata, field))
        if all(kinds & each for field, kinds in seen.items() for each in wanted[field]):
            return []
    return [
        _missing(field, names) if not kinds else _other_kind(field, where[field], kinds, names)
        for field, kinds in seen.items()
        if names and not all(kinds & each for each in wanted[field])
    ]


def tell(found: Iterable[str]) -> None:
    """Print hints, each on a line of its own, on stderr."""
    for hint in found:
        output.note(output.printable(hint))


def _wanted(value: Any) -> set[str]:
    """Return of which kinds a value may be that meets a condition."""
    if isinstance(value, list):
        return set().union(*map(_wanted, value))
    return {"time"} if isinstance(value, datetime) else _kinds(value) - {"time"}


def _kinds(value: Any) -> set[str]:
    """Return the kinds that a value belongs to: a text may be a time, too."""
    from edgeclip.index.where import moment

    if isinstance(value, bool):
        return {"bool"}
    if isinstance(value, int | float):
        return {"number"}
    if isinstance(value, str):
        return {"text"} if moment(value) is None else {"text", "time"}
    return set() if value is None else {"other"}


def _missing(field: str, names: set[str]) -> str:
    near = get_close_matches(field, sorted(names), n=1)
    if near:
        return f"no item has a field {field!r}. Did you mean {near[0]!r}?"
    shown = sorted(names)[:_MOST_NAMES]
    more = ", …" if len(names) > len(shown) else ""
    return f"no item has a field {field!r}. There are: {', '.join(shown)}{more}."


def _other_kind(field: str, condition: Mapping[str, Any], kinds: set[str], names: set[str]) -> str:
    value = next(value for value in condition.values() if not _wanted(value) & kinds)
    value = value[0] if isinstance(value, list) else value
    shown = repr(value) if isinstance(value, str) else str(value)
    said = f"no item's {field!r} can be compared with {shown}."
    inside = sorted(name for name in names if name.startswith(f"{field}."))
    if inside:
        return f"{said} Name a field in it: {', '.join(inside[:_MOST_NAMES])}."
    give = [text for kind, text in _GIVE.items() if kind in kinds]
    return f"{said} Give {' or '.join(give)}." if give else f"{said} It is a list."


def _names(metadata: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for name, value in metadata.items():
        yield before + name
        if isinstance(value, Mapping):
            yield from _names(value, f"{before}{name}.")
