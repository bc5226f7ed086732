import json
import random

import numpy as np
import pytest

from edgeclip.errors import FilterError
from edgeclip.index.rows import Row
from edgeclip.index.table import Table


def row(number, key=None, **metadata):
    return Row(number, key or f"k{number}", b"", None, None, json.dumps(metadata))


def table_of(*rows):
    table = Table()
    table.put(rows)
    return table


def test_items_are_found_by_id_and_by_key():
    table = table_of(row(3, "c", n=3), row(1, "a", n=1))
    assert len(table) == 2 and 3 in table and 2 not in table
    assert table.id("a") == 1 and table.id("b") is None
    assert table.known(3) == ("c", {"n": 3}) and table.known(2) is None
    assert table.keys() == ["a", "c"] and table.ids().tolist() == [1, 3]


def test_renames_that_swap_names():
    table = table_of(row(1, "a"), row(2, "b"))
    table.put([row(1, "b"), row(2, "a")])
    assert (table.id("a"), table.id("b")) == (2, 1)
    table.drop([1])
    assert (table.id("a"), table.id("b")) == (2, None)


def test_key_belongs_to_the_newest_item_that_has_it():
    table = table_of(row(1, "a"))
    table.put([row(2, "a")])
    table.drop([1])
    assert table.id("a") == 2 and len(table) == 1
    table.drop([1, 7])
    assert len(table) == 1


def test_filters_see_changes_of_columns_that_were_read_before():
    table = table_of(*(row(n, n=n, even=n % 2 == 0) for n in range(10)))
    assert table.matching({"n": {">=": 7}}).tolist() == [7, 8, 9]
    table.put([row(3, n=70), row(11, n=8)])
    table.drop([8])
    assert table.matching({"n": {">=": 7}}).tolist() == [3, 7, 9, 11]
    assert table.matching({"n": {">=": 7}, "even": False}).tolist() == [7, 9]
    assert table.matching({"key": {"prefix": "k1"}}).tolist() == [1, 11]
    assert table.matching({"key": ["k1", "k2"], "n": 2}).tolist() == [2]


def test_no_filter_is_no_list():
    table = table_of(row(1))
    assert table.matching(None) is None and table.matching({}) is None
    assert table.matching({"n": []}).tolist() == []
    assert table.matching({"n": []}).dtype == np.int64


def test_many_fields_are_asked_for_in_turn():
    table = table_of(*(row(n, **{f"f{f}": n for f in range(30)}) for n in range(5)))
    for f in [*range(30), *range(30)]:
        assert table.matching({f"f{f}": 3}).tolist() == [3]


def test_filter_that_makes_no_sense_changes_nothing():
    table = table_of(row(1, n=1))
    with pytest.raises(FilterError):
        table.matching({"n": 1, "m": None})
    assert table.matching({"n": 1}).tolist() == [1]


def test_table_is_a_dict_after_any_changes():
    choose = random.Random(4)
    table, items = Table(), {}
    for step in range(3000):
        number = choose.randrange(40)
        if choose.random() < 0.3:
            table.drop([number])
            items.pop(number, None)
        else:
            key = f"k{choose.randrange(60)}"
            if key in {k for n, (k, _) in items.items() if n != number}:
                continue
            table.put([row(number, key, v=step % 7)])
            items[number] = (key, step % 7)
        if step % 50 == 0:
            wanted = sorted(n for n, (_, v) in items.items() if v < 3)
            assert table.matching({"v": {"<": 3}}).tolist() == wanted
    assert {key: table.id(key) for key, _ in items.values()} == {
        k: n for n, (k, _) in items.items()
    }
    assert table.ids().tolist() == sorted(items)
