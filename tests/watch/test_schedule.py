from __future__ import annotations

from datetime import datetime

import pytest

from edgeclip.errors import PromptError
from edgeclip.watch.schedule import ALWAYS, Schedule

MONDAY = "2026-05-04"


def lies_in(schedule: Schedule, day: str, time: str) -> bool:
    return datetime.fromisoformat(f"{day}T{time}").astimezone() in schedule


def test_without_spans_it_is_always():
    assert lies_in(ALWAYS, MONDAY, "03:00")
    assert lies_in(Schedule.parse([]), MONDAY, "03:00")


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("08:00-18:00", ["08:00", "17:59:59"], ["07:59:59", "18:00"]),
        ("22:00-06:00", ["22:00", "23:59", "00:00", "05:59"], ["06:00", "21:59", "12:00"]),
        ("8:00-24:00", ["08:00", "23:59:59"], ["07:59"]),
        ("mon", ["00:00", "23:59"], []),
        ("Tuesday", [], ["00:00", "12:00"]),
        ("08:00-08:00", ["00:00", "07:59", "08:00", "12:00"], []),
        ("Mondays 08:00-09:00", ["08:30"], ["09:30"]),
        ("sat-mon 10:00-11:00", ["10:30"], ["11:30"]),
        ("tue-sun", [], ["12:00"]),
        ("sun 22:00-06:00", ["05:00"], ["22:30"]),
    ],
)
def test_spans_on_a_monday(text, inside, outside):
    schedule = Schedule.parse(text)
    assert all(lies_in(schedule, MONDAY, time) for time in inside)
    assert not any(lies_in(schedule, MONDAY, time) for time in outside)


def test_any_of_several_spans():
    schedule = Schedule.parse(["mon-fri 08:00-18:00", "sat 10:00-14:00"])
    assert lies_in(schedule, "2026-05-09", "12:00")
    assert not lies_in(schedule, "2026-05-10", "12:00")


@pytest.mark.parametrize(
    "text", ["", " ", "8-18", "25:00-26:00", "mon-xyz", "monkey", "08:00", 7, "mon 08:00"]
)
def test_what_is_no_span(text):
    with pytest.raises(PromptError, match=r"no span of time. Give"):
        Schedule.parse([text])
