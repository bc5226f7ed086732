"""Filters: typed conditions on what is known about items.

::

    {"camera": "door"}                       equal
    {"camera": ["door", "yard"]}             one of these
    {"width": {">=": 640, "<": 2000}}        a range
    {"time": {">=": datetime(2026, 5, 1)}}   a range of time, against ISO texts
    {"key": {"prefix": "2026/05/"}}          the beginning of the key, or of any text
    {"gps.latitude": {">": 0}}               a field within a field

All conditions must hold.  Types count: ``True`` is not 1, and ``"1"`` is not 1.  An item that lacks
a field, or holds another type there, does not match.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import numpy as np

from edgeclip.errors import FilterError

KEY = "key"
"""The field that is the item's key."""

Test = Callable[[Any], bool]
Where = Mapping[str, Any]

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_OPERATORS = (*_ORDER, "in", "prefix")


def tests(where: Where | None) -> dict[str, Test]:
    """Turn conditions into a test for the value of each field.

    Raises:
        FilterError: it is no mapping, or holds something that makes no condition.
    """
    if where is None:
        return {}
    if not isinstance(where, Mapping):
        raise FilterError(f"where must be a mapping, not {type(where).__name__}. Give a dict.")
    for field in where:
        if not isinstance(field, str) or not field:
            raise FilterError(f"{field!r} is no name of a field. Give a str.")
    return {field: _test(field, condition) for field, condition in where.items()}


def field_of(metadata: Mapping[str, Any] | None, field: str) -> Any:
    """Return the value of a field, by its whole name or along its dots, or None."""
    if metadata is None or field in metadata:
        return None if metadata is None else metadata[field]
    value: Any = metadata
    for name in field.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


def moment(value: Any) -> datetime | None:
    """Return a time as the wall clock shows it, without a zone, or None for what is no time.

    A camera writes its wall clock and no zone, so a time with a zone is brought to this machine's.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        try:
            return value.astimezone().replace(tzinfo=None) if value.tzinfo else value
        except (OverflowError, ValueError):  # at the ends of the calendar
            return None
    return datetime(value.year, value.month, value.day) if isinstance(value, date) else None


def _test(field: str, condition: Any) -> Test:
    if isinstance(condition, Mapping):
        if not condition:
            raise FilterError(f"the condition on {field!r} is empty. Give one of {_names()}.")
        parts = [_operation(field, name, value) for name, value in condition.items()]
        return lambda value: all(part(value) for part in parts)
    if isinstance(condition, list | tuple | set | frozenset):
        return _one_of(field, condition)
    return _equal(field, condition)


def _operation(field: str, name: str, wanted: Any) -> Test:
    if name in _ORDER:
        return _ordered(field, _ORDER[name], wanted)
    if name == "in" and isinstance(wanted, list | tuple | set | frozenset):
        return _one_of(field, wanted)
    if name == "prefix" and isinstance(wanted, str):
        return lambda value: isinstance(value, str) and value.startswith(wanted)
    raise FilterError(f"{name!r}: {wanted!r} is no condition on {field!r}. Give one of {_names()}.")


def _ordered(field: str, holds: Callable[[Any, Any], bool], wanted: Any) -> Test:
    wanted = _plain(wanted)
    if isinstance(wanted, date):
        limit = _limit(field, wanted)

        def later(value: Any) -> bool:
            at = moment(value)
            return at is not None and holds(at, limit)

        return later
    if isinstance(wanted, str):
        return lambda value: isinstance(value, str) and holds(value, wanted)
    if _is_number(wanted):
        return lambda value: _is_number(value) and holds(value, wanted)
    raise FilterError(
        f"{wanted!r} has no order, so {field!r} cannot be compared with it. Give a number, a text "
        "or a datetime."
    )


def _one_of(field: str, wanted: Any) -> Test:
    # Sets: each value is looked up among perhaps thousands, for each item.
    flags, texts, numbers, moments = set(), set(), set(), set()
    for value in map(_plain, wanted):
        if isinstance(value, bool):
            flags.add(value)
        elif isinstance(value, str):
            texts.add(value)
        elif _is_number(value):
            numbers.add(value)
        elif isinstance(value, date):
            moments.add(_limit(field, value))
        else:
            raise _no_value(field, value)

    def held(value: Any) -> bool:
        if isinstance(value, bool):
            return value in flags
        if _is_number(value):
            return value in numbers
        if isinstance(value, str) and value in texts:
            return True
        return bool(moments) and moment(value) in moments

    return held


def _equal(field: str, wanted: Any) -> Test:
    wanted = _plain(wanted)
    if isinstance(wanted, bool):
        return lambda value: value is wanted
    if isinstance(wanted, str):
        return lambda value: isinstance(value, str) and value == wanted
    if _is_number(wanted):
        return lambda value: _is_number(value) and value == wanted
    if isinstance(wanted, date):
        limit = _limit(field, wanted)
        return lambda value: moment(value) == limit
    raise _no_value(field, wanted)


def _no_value(field: str, wanted: Any) -> FilterError:
    return FilterError(
        f"{wanted!r} cannot be a value of {field!r}. Give a text, a number, True, False or a "
        "datetime."
    )


def _limit(field: str, wanted: date) -> datetime:
    found = moment(wanted)
    if found is None:
        raise FilterError(f"{wanted} is no time of this machine's, for {field!r}. Give another.")
    return found


def _plain(value: Any) -> Any:
    """Return numpy's scalars as Python's, as they are kept."""
    return value.item() if isinstance(value, np.generic) else value


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isnan(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _names() -> str:
    return ", ".join(_OPERATORS)
