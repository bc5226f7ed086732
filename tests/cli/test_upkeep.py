"""What is done to an index without looking into its folder: removing items, and copies."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edgeclip.cli import upkeep
from edgeclip.errors import EdgeclipError
from edgeclip.index.index import Index


@pytest.fixture
def index(here):
    """An index of four items of a program's own."""
    with Index.open(here / "own.index", "space", hnsw=False) as opened:
        opened.add_many((key, vector) for key, vector in zip("abcd", np.eye(4), strict=True))
    return here / "own.index"


def keys(index):
    with Index.open(index, read_only=True) as opened:
        return list(opened)


def test_items_are_removed(index, capsys):
    upkeep.remove(index, ["b", "d", "b"], as_json=False)
    assert keys(index) == ["a", "c"] and capsys.readouterr().out == "removed 2 items\n"
    upkeep.remove(index, ["a"], as_json=True)
    assert json.loads(capsys.readouterr().out) == {"removed": 1, "missing": []}
    assert keys(index) == ["c"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [(["b", "gone", "a"], "has no item 'gone'. "), (["b", "y", "z", "a"], "'y' and 1 more. ")],
)
def test_the_others_are_removed_where_keys_are_unknown(index, capsys, wanted, said):
    with pytest.raises(EdgeclipError) as caught:
        upkeep.remove(index, wanted, as_json=True)
    assert said in str(caught.value) and "lists them" in str(caught.value)
    told = json.loads(capsys.readouterr().out)
    assert told == {"removed": 2, "missing": [key for key in wanted if key not in "ab"]}
    assert keys(index) == ["c", "d"]


def test_a_copy_makes_no_folders_on_the_way(index, here):
    with pytest.raises(EdgeclipError, match=r"absent is no folder. Make it first"):
        upkeep.backup(index, here / "absent" / "copy.index", as_json=False)
    assert not (here / "absent").exists()


def test_a_copy_is_an_index(index, here, monkeypatch):
    monkeypatch.chdir(here)
    upkeep.backup(index, here.joinpath("copy.index").relative_to(here), as_json=False)
    assert keys(here / "copy.index") == ["a", "b", "c", "d"]
