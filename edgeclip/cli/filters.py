"""The options that narrow a search down: ``--where``, ``--since``, ``--until``."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_CONDITION = re.compile(r"([^=<>^!]+)(\^=|>=|<=|=|>|<)(.*)", re.DOTALL)
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d|w)")
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
TIME = "time"
"""The field that ``--since`` and ``--until`` look at."""


def filter_options(command: Command) -> Command:
    """Add the options; pass their values on to `where_of`."""
    for option in reversed(
        (
            click.option(
                "--where",
                "conditions",
                multiple=True,
                metavar="K=V",
                help="Only items whose field K is V; also >= <= > < and ^= (begins with).  K may "
                "be key.",
            ),
            click.option("--since", metavar="T", help="Only items since 2026-05-01, 14:30 or 2h."),
            click.option("--until", metavar="T", help="Only items before this time."),
        )
    ):
        command = option(command)
    return command


def where_of(
    conditions: Sequence[str], since: str | None, until: str | None
) -> dict[str, Any] | None:
    """Return the filter that the options mean, or None.

    Two values for one field mean either of them; ``>=`` and ``<`` together are a range.

    Raises:
        click.BadParameter: one of them cannot be read.
    """
    where: dict[str, Any] = {}
    for condition in conditions:
        _add(where, condition)
    for sign, value in ((">=", since), ("<", until)):
        if value is not None:
            _narrow(where.setdefault(TIME, {}), TIME, sign, moment_of(value))
    return where or None


def moment_of(text: str) -> datetime:
    """Return the time that a text means: a date, a time of today, or so long ago.

    Raises:
        click.BadParameter: it means none.
    """
    now = datetime.now()
    ago = _AGO.fullmatch(text)
    if ago:
        with contextlib.suppress(OverflowError):
            return now - timedelta(**{_UNITS[ago[2]]: float(ago[1])})
    for candidate in (text, f"{now:%Y-%m-%d}T{text}"):
        try:
            return datetime.fromisoformat(candidate)
        except ValueError:
            continue
    raise click.BadParameter(
        f"{text!r} is no time. Give 2026-05-01, 2026-05-01T14:30, 14:30 or 2h."
    )


def _add(where: dict[str, Any], condition: str) -> None:
    found = _CONDITION.fullmatch(condition)
    if found is None:
        raise click.BadParameter(f"{condition!r} is no condition. Give FIELD=VALUE.")
    field, sign, text = found[1].strip(), found[2], found[3].strip()
    known = where.setdefault(field, {})
    if sign == "=":
        # A shell has no types: both the number 12 and the text 12 are meant.
        known.setdefault("in", []).extend({text, _value(text)})
    else:
        _narrow(known, field, *(("prefix", text) if sign == "^=" else (sign, _ordered(text))))


def _narrow(known: dict[str, Any], field: str, sign: str, value: Any) -> None:
    """Add a condition that has to hold beside the others."""
    if sign in known:
        raise click.BadParameter(f"{field!r} has two conditions of one kind. Give the narrower.")
    known[sign] = value


def _value(text: str) -> str | int | float | bool:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float | bool) else text


def _ordered(text: str) -> Any:
    value = _value(text)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text
