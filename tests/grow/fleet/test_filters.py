"""Filters on the server against `edgeclip.index.where`, the oracle, on the same items."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeclip.errors import FilterError
from edgeclip.grow.fleet import filters
from edgeclip.index import where as oracle
from edgeclip.index.where import field_of
from tests.grow.fleet.postgres import PASSWORD
from tests.grow.fleet.some import opened, pushed, vector_of

ZONE = timezone(timedelta(hours=9))
WALL = datetime(2026, 5, 1, 10)
NUMBERS = [0, 1, -3, 2.5, -0.0, 0.1, 1e16, 2**53 + 1, 10**20, 1e20, 1e23, 10**23, 5e-324]
TIMES = [
    "2026-05-01",
    "20260501",
    "2026-W18-5",
    "2026W185",
    "2026-05-01T10",
    "2026-05-01T10:00:00",
    "2026-05-01x10:00:00.000001",
    "2026-05-01T10:00:00+09:00",
    "2026-05-01T10:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-13-01",
    "now",
    "infinity",
    "today",
]
TEXTS = [
    "",
    "a",
    "ab",
    "b",
    "B",
    "é",
    "z",
    "1",
    "true",
    "null",
    "𝄞",
    "\0",
    "\ud800",
    "\ud7ff",
    "%s",
]
SCALARS = [None, True, False, *NUMBERS, *TEXTS, *TIMES]
FIELDS = ["f", "f.g", "f.g.h", "f..g", ".f", "f.0", "key", "key.g", "é.\0", "a'b\"c%s"]
STORED = [
    *({"f": value} for value in SCALARS),
    *({"f": {"g": value}} for value in SCALARS),
    *({"f.g": value, "f": {"g": "2026-05-01"}} for value in SCALARS),
    *({"key": value, "": {"f": value}} for value in SCALARS),
    *({"f": {"g": {"h": value}}, "f.g.h": value} for value in (None, 1, "a", "20260501")),
    *({"f": [value], "é": {"\0": value}} for value in (None, 1, "a", "20260501")),
    *({"key": {"g": value}, "f": {"": {"g": value}}} for value in (None, 1, "a", "20260501")),
    *({"a'b\"c%s": value} for value in (1, "a")),
    {},
    None,
]
ODD_KEYS = ["20260501", "2026-05-01T10:00:00Z", "a", "ab", "\udcff", "\ud7ff", "é", "1", "true"]

ORDERED = st.sampled_from(
    [each for each in SCALARS if each is not None and not isinstance(each, bool)]
) | st.sampled_from(
    [math.inf, -math.inf, np.int64(1), np.float32(0.1), WALL, WALL.replace(tzinfo=ZONE)]
    + [WALL.replace(tzinfo=UTC), date(2026, 5, 1), datetime.min, datetime.max]
)
ANY = ORDERED | st.booleans() | st.just(np.True_)
OPERATIONS = st.dictionaries(st.sampled_from([">", ">=", "<", "<="]), ORDERED, max_size=2)
CONDITIONS = (
    ANY
    | st.lists(ANY, max_size=3)
    | st.builds(
        lambda ranges, more: {**ranges, **more} or {"in": []},
        OPERATIONS,
        st.dictionaries(st.just("prefix"), st.sampled_from(TEXTS), max_size=1)
        | st.dictionaries(st.just("in"), st.lists(ANY, max_size=3), max_size=1),
    )
)
WHERE = st.dictionaries(st.sampled_from(FIELDS), CONDITIONS, max_size=2)


@pytest.fixture(scope="module")
def items():
    """Key → metadata of all items."""
    keys = [*ODD_KEYS, *(f"key{number:03}" for number in range(len(STORED) - len(ODD_KEYS)))]
    return dict(zip(keys, STORED, strict=True))


@pytest.fixture(scope="module")
def asked(postgres_server, items, tmp_path_factory):
    """A connection to a database with the items."""
    from tests.grow.fleet.conftest import Database

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGPASSWORD", PASSWORD)
        with postgres_server.connect() as connection:
            connection.execute("CREATE DATABASE filters")
        database = Database(postgres_server, "filters")
        folder = tmp_path_factory.mktemp("filters") / "index"
        with opened(folder) as index:
            index.add_many((key, vector_of(key), known) for key, known in items.items())
        pushed(database, folder)
        with database.open() as server:
            yield server
        with postgres_server.connect() as connection:
            connection.execute("DROP DATABASE filters")


def passing(server, where):
    from edgeclip.grow.fleet import texts

    held, values = filters.condition(where)
    rows = server.all(f"SELECT key FROM edgeclip_item WHERE {held}", values)
    return {texts.decoded(key) for (key,) in rows}


def expected(items, where):
    tests = oracle.tests(where)
    return {
        key
        for key, known in items.items()
        if all(
            test(key if field == oracle.KEY else field_of(known, field))
            for field, test in tests.items()
        )
    }


@given(where=WHERE)
@settings(max_examples=500)
def test_a_filter_lets_through_what_an_index_does(asked, items, where):
    assert passing(asked, where) == expected(items, where)


@pytest.mark.parametrize("value", [each for each in SCALARS if each is not None], ids=repr)
def test_each_value_is_found_again(asked, items, value):
    where = {"f": value}
    assert passing(asked, where) == expected(items, where) != set()


def test_no_filter_lets_all_through(asked, items):
    assert passing(asked, None) == passing(asked, {}) == set(items)


@pytest.mark.parametrize("where", [{"f": None}, {"f": {}}, {"f": {"like": 1}}, ["f"], {"": 1}])
def test_a_filter_that_makes_no_sense(where):
    with pytest.raises(FilterError):
        filters.condition(where)


HOSTILE = "'; DROP TABLE edgeclip_item; --"


def test_nothing_of_a_user_stands_in_the_statement(asked, items):
    for where in ({HOSTILE: 1}, {"f": HOSTILE}, {f"{HOSTILE}.x": {"prefix": HOSTILE}}):
        held, values = filters.condition(where)
        assert "DROP" not in held and any("DROP" in str(value) for value in values.values())
        assert passing(asked, where) == set()
