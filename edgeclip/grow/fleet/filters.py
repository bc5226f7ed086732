"""The filters of `edgeclip.index.where` as a condition of SQL, with the same meaning.

A condition is text of this file alone; whatever a user gives is a value that travels beside it.
Times are compared with `times`, where the board has put what its own search would compare with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np

from edgeclip.grow.fleet import packing, texts
from edgeclip.index import where as filters

_SIGNS = (">", ">=", "<", "<=")
_MANY = (list, tuple, set, frozenset)


def condition(where: filters.Where | None) -> tuple[str, dict[str, Any]]:
    """Return a condition on the rows of the table of items, and its values by name.

    Raises:
        FilterError: the filter makes no sense.
    """
    filters.tests(where)
    values = _Values()
    parts = [_Field(field, values).holds(wanted) for field, wanted in (where or {}).items()]
    return _all(parts), values.known


class _Values:
    """Values that travel beside a statement."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}

    def text(self, value: str) -> str:
        """Keep a text; return what stands for it."""
        name = f"where{len(self.known)}"
        self.known[name] = value
        return f"%({name})s::text"


class _Field:
    """A field: expressions for its value as jsonb, its text where it is one, and its time."""

    def __init__(self, field: str, values: _Values) -> None:
        self._values = values
        if field == filters.KEY:
            self._value = "to_jsonb(key)"
            self._text = "key"
            self._time = f"times ->> {values.text(packing.KEY_TIME)}"
            return
        names = [values.text(texts.encoded(name)) for name in field.split(".")]
        whole = values.text(texts.encoded(field))
        self._value = _within("metadata", whole, names)
        self._text = _as_text(self._value)
        self._time = _as_text(_within("times", whole, names))

    def holds(self, wanted: Any) -> str:
        """Return the condition that a filter puts on the field."""
        if isinstance(wanted, Mapping):
            return _all([self._operation(name, value) for name, value in wanted.items()])
        return self._one_of(wanted) if isinstance(wanted, _MANY) else self._equal(wanted)

    def _operation(self, name: str, wanted: Any) -> str:
        if name in _SIGNS:
            return self._ordered(name, _plain(wanted))
        if name == "in":
            return self._one_of(wanted)
        return f"starts_with({self._text}, {self._values.text(texts.encoded(wanted))})"

    def _one_of(self, wanted: Any) -> str:
        return "(" + " OR ".join(map(self._equal, wanted)) + ")" if len(wanted) else "FALSE"

    def _equal(self, wanted: Any) -> str:
        wanted = _plain(wanted)
        if isinstance(wanted, bool):
            return f"{self._value} = to_jsonb({'TRUE' if wanted else 'FALSE'})"
        return self._ordered("=", wanted)

    def _ordered(self, sign: str, wanted: Any) -> str:
        if isinstance(wanted, date):
            return f"{self._time} {sign} {self._values.text(packing.wall_clock(wanted) or '')}"
        if isinstance(wanted, str):
            return f"{self._text} {sign} {self._values.text(texts.encoded(wanted))}"
        is_number = f"jsonb_typeof({self._value}) = 'number'"
        if math.isinf(wanted):  # which no JSON number is
            return is_number if sign[0] == ("<" if wanted > 0 else ">") else "FALSE"
        # jsonb orders numbers as numbers, and what is none before or after all of them.
        number = self._values.text(texts.number(wanted))
        return f"({is_number} AND {self._value} {sign} {number}::jsonb)"


def _within(column: str, whole: str, names: list[str]) -> str:
    """Return what a field is: by its whole name, else along its dots."""
    if len(names) == 1:
        return f"({column} -> {whole})"
    along = " -> ".join([column, *names])
    return f"(CASE WHEN metadata ? {whole} THEN {column} -> {whole} ELSE {along} END)"


def _as_text(value: str) -> str:
    """Return a text as such, ordered by code points as in Python; NULL for what is none."""
    return f"(CASE jsonb_typeof({value}) WHEN 'string' THEN {value} #>> '{{}}' END COLLATE \"C\")"


def _all(parts: list[str]) -> str:
    return "(" + " AND ".join(parts) + ")" if parts else "TRUE"


def _plain(value: Any) -> Any:
    """Return numpy's scalars as Python's."""
    return value.item() if isinstance(value, np.generic) else value
