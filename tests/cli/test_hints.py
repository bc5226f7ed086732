"""Why a filter lets nothing through."""

from __future__ import annotations

import numpy as np
import pytest

from edgeclip.cli.filters import where_of
from edgeclip.cli.hints import hints
from edgeclip.index.items import Item

METADATA = [
    {"width": 640, "camera": "door", "time": "2026-05-01T12:00:00", "flash": True, "tags": ["a"]},
    {"width": 320, "gps": {"latitude": 1.5, "longitude": 2.5}, "time": "2026-05-02T12:00:00"},
    None,
]
ITEMS = [Item(f"{n}.jpg", np.ones(1, np.float32), each) for n, each in enumerate(METADATA)]


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("wdith=5", "no item has a field 'wdith'. Did you mean 'width'?"),
        ("gps.latitud>5", "no item has a field 'gps.latitud'. Did you mean 'gps.latitude'?"),
        ("zzz=5", "no item has a field 'zzz'. There are: camera, flash, gps, gps.latitude,"),
        ("width>abc", "no item's 'width' can be compared with 'abc'. Give a number."),
        ("width=abc", "no item's 'width' can be compared with 'abc'. Give a number."),
        ("width^=6", "no item's 'width' can be compared with '6'. Give a number."),
        ("width>2026-05-01", "no item's 'width' can be compared with 2026-05-01 00:00:00. Give a"),
        ("time>2026", "can be compared with 2026. Give a text or a time such as 2026-05-01."),
        ("camera>5", "no item's 'camera' can be compared with 5. Give a text."),
        ("flash=yes", "no item's 'flash' can be compared with 'yes'. Give true or false."),
        ("gps=5", "no item's 'gps' can be compared with '5'. Name a field in it: gps.latitude, "),
        ("tags=b", "no item's 'tags' can be compared with 'b'. It is a list."),
        ("key>5", "no item's 'key' can be compared with 5. Give a text."),
    ],
)
def test_what_is_said(condition, said):
    (hint,) = hints(where_of([condition], None, None), ITEMS)
    assert said in hint


@pytest.mark.parametrize(
    "condition",
    ["width=5", "width>9999", "camera=yard", "camera>x", "time>2027-01-01", "key^=x", "key=5"],
)
def test_conditions_that_could_hold_are_not_explained(condition):
    assert hints(where_of([condition], None, None), ITEMS) == []


def test_times_without_such_a_field():
    (hint,) = hints(where_of([], "2h", None), ITEMS[2:])
    assert hint == "no item has a field 'time'. There are: key."


def test_each_field_has_its_own_sentence_and_the_others_none():
    said = hints(where_of(["wdith=5", "hight=5", "camera=x"], None, None), ITEMS)
    assert [hint.split("'")[1] for hint in said] == ["wdith", "hight"]


def test_an_empty_index_has_no_fields_to_speak_of():
    assert hints(where_of(["wdith=5"], None, None), []) == []


def test_no_more_is_read_than_is_needed():
    items = iter(ITEMS)
    assert hints(where_of(["width=5", "camera=x"], None, None), items) == []
    assert len(list(items)) == 2
