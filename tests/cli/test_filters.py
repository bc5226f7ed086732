"""``--where``, ``--since`` and ``--until``: what they mean."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import click
import pytest

from edgeclip.cli import filters
from edgeclip.cli.filters import moment_of, where_of


@pytest.mark.parametrize(
    ("conditions", "where"),
    [
        ([], None),
        (["camera=door"], {"camera": {"in": ["door"]}}),
        (["camera=door", "camera=yard"], {"camera": {"in": ["door", "yard"]}}),
        (["width>=640", "width < 2000"], {"width": {">=": 640, "<": 2000}}),
        (["key^=2026/05/"], {"key": {"prefix": "2026/05/"}}),
        (["gps.latitude>-1.5"], {"gps.latitude": {">": -1.5}}),
        (["time>2026-05-01"], {"time": {">": datetime(2026, 5, 1)}}),
        (["note=a=b"], {"note": {"in": ["a=b"]}}),
        (["camera==door"], {"camera": {"in": ["door"]}}),
        (["camera == door"], {"camera": {"in": ["door"]}}),
        (["name>m"], {"name": {">": "m"}}),
    ],
)
def test_conditions(conditions, where):
    assert where_of(conditions, None, None) == where


@pytest.mark.parametrize(("text", "values"), [("12", {"12", 12}), ("true", {"true", True})])
def test_a_shell_has_no_types(text, values):
    assert set(where_of([f"n={text}"], None, None)["n"]["in"]) == values


def test_brackets_without_end_are_a_text():
    text = "[" * 100_000
    assert where_of([f"n={text}"], None, None) == {"n": {"in": [text]}}


def test_since_and_until_are_one_span():
    where = where_of([], "2026-05-01", "2026-05-02T12:00")
    assert where == {"time": {">=": datetime(2026, 5, 1), "<": datetime(2026, 5, 2, 12)}}


def test_a_condition_on_time_and_since_both_hold():
    where = where_of(["time<2026-06-01"], "2026-05-01", None)
    assert where == {"time": {"<": datetime(2026, 6, 1), ">=": datetime(2026, 5, 1)}}


def test_times_of_today_and_so_long_ago():
    now = datetime.now()
    assert moment_of("14:30").time().isoformat() == "14:30:00"
    assert abs(now - timedelta(hours=2) - moment_of("2h")) < timedelta(seconds=5)
    assert abs(now - timedelta(days=1.5) - moment_of("1.5d")) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("now", "hour"), [("2026-03-29T03:30", "00:30"), ("2026-10-25T03:30", "02:30")]
)
def test_so_long_ago_is_elapsed_time_where_clocks_are_changed(monkeypatch, now, hour):
    class Then(datetime):
        @classmethod
        def now(cls):
            return cls.fromisoformat(now)

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    monkeypatch.setattr(filters, "datetime", Then)
    assert moment_of("2h").strftime("%H:%M") == hour
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026", datetime(2026, 1, 1)),
        ("2026-11", datetime(2026, 11, 1)),
        (" 2026-11-05 ", datetime(2026, 11, 5)),
        ("20261105", datetime(2026, 11, 5)),
        ("2026-11-05 08:30", datetime(2026, 11, 5, 8, 30)),
    ],
)
def test_dates_and_their_parts(text, moment):
    assert moment_of(text) == moment


def test_an_hour_of_one_digit():
    assert moment_of("9:30").time().isoformat() == "09:30:00"
    assert moment_of("9:30:15").time().isoformat() == "09:30:15"


def test_m_may_be_minutes_or_months():
    with pytest.raises(click.BadParameter, match=r"minutes or months. Give 5min, or a date"):
        moment_of("5m")


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("2026-05-02", "2026-05-01"),
        ("2026", "2026"),
        ("1h", "2h"),
        ("2026-05-02T12:00+02:00", "2026-04-30"),
    ],
)
def test_a_span_without_time(since, until):
    with pytest.raises(click.UsageError, match=r"--since .* is not before --until"):
        where_of([], since, until)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "25:00",
        "2026-13-01",
        "3 lightyears",
        "2026-13",
        "0000",
        "14",
        "202",
        "20260",
        "T9",
    ],
)
def test_what_is_no_time(text):
    with pytest.raises(click.BadParameter, match="is no time"):
        moment_of(text)


@pytest.mark.parametrize("text", ["", "camera", "=door", ">3"])
def test_what_is_no_condition(text):
    with pytest.raises(click.BadParameter, match="is no condition"):
        where_of([text], None, None)


@pytest.mark.parametrize(
    ("conditions", "since"),
    [
        (["key^=a/", "key^=b/"], None),
        (["width>=1", "width>=100"], None),
        (["time>=2026-01-01"], "2026-05-01"),
    ],
)
def test_two_conditions_of_one_kind(conditions, since):
    with pytest.raises(click.BadParameter, match="two conditions of one kind"):
        where_of(conditions, since, None)


@pytest.mark.parametrize("text", ["a!=b", "!a=b"])
def test_there_is_no_not(text):
    with pytest.raises(click.BadParameter, match="is no condition: there is no 'not'"):
        where_of([text], None, None)


def test_before_the_beginning_of_time():
    with pytest.raises(click.BadParameter, match="is no time"):
        moment_of("99999999999d")
