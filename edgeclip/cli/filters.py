"""The options that narrow a search down: ``--where``, ``--since``, ``--until``."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_CONDITION = re.compile(r"([^=<>^!]+)(\^=|>=|<=|==?|>|<)(.*)", re.DOTALL)
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d|w)")
_AMBIGUOUS = re.compile(r"(\d+(?:\.\d+)?)\s*m")
_YEAR = re.compile(r"(\d{4})(?:-(\d\d))?")
_TODAY = re.compile(r"\d?\d:\d\d(?::\d\d)?")
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
                "be key, or a field in a field, such as gps.latitude.  Give it twice: for one "
                "field, either value; for two, both conditions.",
            ),
            click.option(
                "--since",
                metavar="T",
                help="Only items whose field time is T or later, in local time.  T is 2026, "
                "2026-05, 2026-05-01, 2026-05-01T14:30, 14:30 (today), or so long ago: 90s, "
                "30min, 2h, 3d, 1w.",
            ),
            click.option(
                "--until", metavar="T", help="Only items whose field time is before T, as above."
            ),
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
        click.UsageError: no time lies between ``since`` and ``until``.
    """
    where: dict[str, Any] = {}
    for condition in conditions:
        _add(where, condition)
    for sign, value in ((">=", since), ("<", until)):
        if value is not None:
            _narrow(where.setdefault(TIME, {}), TIME, sign, moment_of(value))
    if since is not None and until is not None:
        _check_span(where[TIME][">="], where[TIME]["<"])
    return where or None


def moment_of(text: str) -> datetime:
    """Return the time that a text means: a date, a time of today, or so long ago.

    A year and a month mean their beginning.

    Raises:
        click.BadParameter: it means none.
    """
    now, text = datetime.now(), text.strip()
    with contextlib.suppress(OverflowError, ValueError):
        if ago := _AGO.fullmatch(text):
            # Elapsed time, also where the clocks were put forward or back meanwhile.
            then = now.astimezone(UTC) - timedelta(**{_UNITS[ago[2]]: float(ago[1])})
            return then.astimezone().replace(tzinfo=None)
        if year := _YEAR.fullmatch(text):
            return datetime(int(year[1]), int(year[2] or 1), 1)
        if _TODAY.fullmatch(text):
            return datetime.combine(now, time.fromisoformat("0" * (text[1] == ":") + text))
        return datetime.fromisoformat(text)
    if unclear := _AMBIGUOUS.fullmatch(text):
        raise click.BadParameter(
            f"{text!r} is no time: m may be minutes or months. Give {unclear[1]}min, or a date."
        )
    raise click.BadParameter(
        f"{text!r} is no time. Give 2026, 2026-05, 2026-05-01, 2026-05-01T14:30, 14:30 (today), or "
        "so long ago: 90s, 30min, 2h, 3d, 1w."
    )


def _check_span(since: datetime, until: datetime) -> None:
    from edgeclip.index.where import moment

    first, last = moment(since), moment(until)
    if first is not None and last is not None and first >= last:
        raise click.UsageError(
            f"--since {first:%Y-%m-%d %H:%M:%S} is not before --until {last:%Y-%m-%d %H:%M:%S}, so "
            "nothing lies between them. Give an earlier --since."
        )


def _add(where: dict[str, Any], condition: str) -> None:
    found = _CONDITION.fullmatch(condition)
    if found is None and "!" in condition:
        raise click.BadParameter(
            f"{condition!r} is no condition: there is no 'not'. Give what is wanted, FIELD=VALUE."
        )
    if found is None:
        raise click.BadParameter(f"{condition!r} is no condition. Give FIELD=VALUE.")
    field, sign, text = found[1].strip(), found[2], found[3].strip()
    known = where.setdefault(field, {})
    if sign in ("=", "=="):
        # A shell has no types: both the number 12 and the text 12 are meant.
        known.setdefault("in", []).extend(dict.fromkeys((text, _value(text))))
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
    except (ValueError, RecursionError):  # brackets in brackets, thousands deep
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
