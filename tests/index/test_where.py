import math
import operator
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeclip.errors import FilterError
from edgeclip.index import where as filters
from edgeclip.index.where import field_of, moment

ORDER = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
NUMBERS = st.integers(-3, 3) | st.sampled_from([-0.5, 0.0, 1.0, 2.5, math.inf, 10**20])
TEXTS = st.sampled_from(["", "a", "ab", "b", "1", "True", "2026-05-01", "2026-05-01T10:00:00"])
STORED = st.none() | st.booleans() | NUMBERS | TEXTS | st.lists(NUMBERS, max_size=2)
WANTED = st.booleans() | NUMBERS | TEXTS


def passes(metadata, where):
    return all(test(field_of(metadata, field)) for field, test in filters.tests(where).items())


def kind(value):
    """What may be compared with each other."""
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__


@given(STORED, WANTED)
def test_equal_is_equal_of_the_same_kind(value, wanted):
    same = kind(value) == kind(wanted) and value == wanted
    assert passes({"f": value}, {"f": wanted}) == same


@given(STORED, st.lists(WANTED, max_size=3))
def test_in_is_one_of_them(value, wanted):
    same = any(kind(value) == kind(each) and value == each for each in wanted)
    assert passes({"f": value}, {"f": wanted}) == same
    assert passes({"f": value}, {"f": {"in": tuple(wanted)}}) == same


@given(STORED, st.dictionaries(st.sampled_from(list(ORDER)), NUMBERS | TEXTS, min_size=1))
def test_range_holds_on_both_sides(value, limits):
    inside = all(
        kind(value) == kind(limit) and ORDER[name](value, limit) for name, limit in limits.items()
    )
    assert passes({"f": value}, {"f": limits}) == inside


@given(STORED, TEXTS)
def test_prefix_is_of_texts(value, start):
    assert passes({"f": value}, {"f": {"prefix": start}}) == (
        isinstance(value, str) and value.startswith(start)
    )


@pytest.mark.parametrize(
    ("value", "wanted", "holds"),
    [
        (True, 1, False),
        (1, True, False),
        (False, 0, False),
        (1, 1.0, True),
        ("1", 1, False),
        (1, "1", False),
        (None, False, False),
        (7, np.int64(7), True),
        (True, np.True_, True),
        (0.5, np.float32(0.5), True),
    ],
)
def test_types_count(value, wanted, holds):
    assert passes({"f": value}, {"f": wanted}) is holds
    assert passes({"f": value}, {"f": [wanted]}) is holds


WALL = datetime(2026, 5, 1, 12)
HERE = WALL.astimezone()
FAR = HERE.astimezone(timezone(timedelta(hours=9)))


@pytest.mark.parametrize("value", [WALL, HERE, FAR, HERE.astimezone(UTC)])
@pytest.mark.parametrize("limit", [WALL, HERE, FAR])
def test_time_with_and_without_zone(value, limit):
    stored = {"t": value.isoformat()}
    assert passes(stored, {"t": limit})
    assert passes(stored, {"t": {">=": limit, "<=": limit}})
    assert not passes(stored, {"t": {">": limit}})
    assert passes(stored, {"t": {">": limit - timedelta(microseconds=1)}})
    assert not passes(stored, {"t": {"<": limit}})


def test_date_is_its_midnight():
    assert passes({"t": "2026-05-01"}, {"t": date(2026, 5, 1)})
    assert passes({"t": "2026-05-01T00:00:01"}, {"t": {">": date(2026, 5, 1)}})
    assert not passes({"t": "2026-04-30T23:59:59"}, {"t": {">=": date(2026, 5, 1)}})


@pytest.mark.parametrize("value", [None, 7, True, "", "yesterday", "2026-13-01", [], {}])
def test_what_is_no_time_is_never_within_times(value):
    for condition in (WALL, [WALL], {">": datetime.min}, {"<": datetime.max}):
        assert not passes({"t": value}, {"t": condition})


def test_times_at_the_ends_of_the_calendar_do_no_harm():
    edge = "0001-01-01T00:00:00+14:00"
    assert moment(edge) is None or moment(edge) <= datetime(1, 1, 2)
    assert not passes({"t": edge}, {"t": {">": WALL}})
    assert not passes({"t": "9999-12-31T23:59:59-14:00"}, {"t": {"<": WALL}})


@pytest.mark.parametrize(
    ("metadata", "field", "value"),
    [
        ({"gps": {"lat": 1}}, "gps.lat", 1),
        ({"gps.lat": 2, "gps": {"lat": 1}}, "gps.lat", 2),
        ({"gps": {"lat": 1}}, "gps.lon", None),
        ({"gps": {"lat": 1}}, "gps.lat.deg", None),
        ({"gps": [1]}, "gps.0", None),
        ({"gps": {"lat": 1}}, "gps", {"lat": 1}),
        (None, "gps", None),
        ({}, "gps", None),
    ],
)
def test_field_within_a_field(metadata, field, value):
    assert field_of(metadata, field) == value


@pytest.mark.parametrize(
    "condition",
    [{">": 0}, {"<": 9}, {"prefix": ""}, True, 0, "", ["a"], {">": ""}, {"<=": datetime.max}],
)
def test_item_without_the_field_never_matches(condition):
    assert not passes({}, {"f": condition})
    assert not passes(None, {"f": condition})
    assert not passes({"f": None}, {"f": condition})


@pytest.mark.parametrize(
    "where",
    [
        {"f": None},
        {"f": {}},
        {"f": {"like": "a"}},
        {"f": {"prefix": 1}},
        {"f": {"in": "abc"}},
        {"f": {">": None}},
        {"f": {">": True}},
        {"f": {">": [1]}},
        {"f": {1: 2}},
        {"f": math.nan},
        {"f": {">": math.nan}},
        {"f": object()},
        {"f": [None]},
        {"f": [[1]]},
        {"f": b"a"},
        {1: 2},
        {"": 2},
        ["f"],
        "f=1",
        7,
    ],
)
def test_filter_that_makes_no_sense(where):
    with pytest.raises(FilterError):
        filters.tests(where)


def test_all_conditions_must_hold():
    metadata = {"camera": "door", "width": 640}
    assert passes(metadata, {"camera": "door", "width": {">=": 640, "<": 641}})
    assert not passes(metadata, {"camera": "door", "width": {">": 640}})
    assert passes(metadata, {}) and passes(metadata, None)


def test_whole_numbers_beyond_floats():
    large = 10**400
    assert filters.tests({"n": large})["n"](large) and not filters.tests({"n": large})["n"](1)
    assert filters.tests({"n": {">": 1}})["n"](large) and filters.tests({"n": [1, large]})["n"](
        large
    )
