"""What stands for a name in files."""

from __future__ import annotations

import pytest

from edgeclip.watch.names import cleaned, file_name


@pytest.mark.parametrize("name", ["door", "front-door_2", "Tür.1", "10.0.0.2-554-live"])
def test_a_plain_name_is_itself(name):
    assert file_name(name) == cleaned(name) == name


def test_names_that_look_alike_are_other_files():
    names = ["a b", "a-b", "a/b", "a  b", ".a-b", "", ".", "..", "門 1", "門/1", "x" * 60, "x" * 61]
    found = [file_name(name) for name in names]
    assert len(set(found)) == len(names) and found[1] == "a-b"
    assert all(cleaned(name) == name and not name.startswith((".", "-")) for name in found)
    assert found[0].startswith("a-b-") and found == [file_name(name) for name in names]


def test_there_is_room_for_an_ending():
    assert len(f"{file_name('𠀋' * 99)}.json.lock".encode()) <= 255
