"""Schedule: the hours of the week in which a rule may alert."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time

from edgeclip.errors import PromptError

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = "(?:mon|tue|wed|thu|fri|sat|sun)(?:day|sday|nesday|rsday|urday|s|rs)?s?"
_SPAN = re.compile(
    rf"(?:(?P<first>{_DAY})(?:\s*-\s*(?P<last>{_DAY}))?)?\s*"
    r"(?:(?P<from>\d?\d:\d\d)\s*-\s*(?P<to>\d?\d:\d\d))?",
    re.IGNORECASE,
)
_MIDNIGHT = "24:00"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Spans of the week in local time; without any, it is always."""

    spans: tuple[tuple[frozenset[int], time, time], ...] = ()
    """Days (Monday is 0), beginning and end; one that ends before it begins goes past midnight."""

    @classmethod
    def parse(cls, texts: str | Iterable[str]) -> Schedule:
        """Read spans such as ``22:00-06:00``, ``mon-fri 08:00-18:00`` and ``sat``.

        Raises:
            PromptError: one of them is no such span.
        """
        given = [texts] if isinstance(texts, str) else list(texts)
        return cls(tuple(_span(text) for text in given))

    def __contains__(self, moment: datetime) -> bool:
        """Tell whether a local time lies in one of the spans."""
        return not self.spans or any(_lies_in(moment, *span) for span in self.spans)


ALWAYS = Schedule()


def _span(text: str) -> tuple[frozenset[int], time, time]:
    found = _SPAN.fullmatch(text.strip()) if isinstance(text, str) and text.strip() else None
    try:
        if found is None:
            raise ValueError
        begin, end = _time(found["from"] or "00:00"), _time(found["to"] or _MIDNIGHT)
    except ValueError:
        raise PromptError(
            f"the schedule {text!r} is no span of time. Give 22:00-06:00 or mon-fri 08:00-18:00."
        ) from None
    return _days(found["first"], found["last"]), begin, end


def _time(text: str) -> time:
    return time.max if text == _MIDNIGHT else time.fromisoformat(text.zfill(5))


def _days(first: str | None, last: str | None) -> frozenset[int]:
    if first is None:
        return frozenset(range(7))
    begin = _DAYS.index(first[:3].lower())
    end = begin if last is None else _DAYS.index(last[:3].lower())
    return frozenset((begin + step) % 7 for step in range((end - begin) % 7 + 1))


def _lies_in(moment: datetime, days: frozenset[int], begin: time, end: time) -> bool:
    now, day = moment.time(), moment.weekday()
    if begin < end:
        return day in days and begin <= now < end
    # Past midnight it still belongs to the day on which it began.
    return (day in days and now >= begin) or ((day - 1) % 7 in days and now < end)
