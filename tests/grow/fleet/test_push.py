"""``push``: the server comes to hold what the index holds, whatever happened to either."""

from __future__ import annotations

import contextlib
import random
import shutil

import numpy as np
import pytest

from edgeclip.errors import EdgeclipError, FleetError, StoreNotFound
from edgeclip.grow.fleet import server as servers
from edgeclip.grow.fleet.push import push
from edgeclip.index import outbox
from edgeclip.index.index import Index
from tests.grow.fleet.some import (
    DIM,
    SPACE,
    check,
    filled,
    held,
    indexed,
    opened,
    pushed,
    stir,
    vector_of,
)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "index"


@pytest.fixture
def small_pieces(monkeypatch):
    """Several pieces, and pieces of changes, from a few rows."""
    monkeypatch.setattr(outbox, "LEAST_ROWS", 7)
    monkeypatch.setattr(outbox, "MOST_ROWS", 7)


def test_all_of_an_index_arrives_bit_by_bit(database, folder, small_pieces):
    filled(folder, 100)
    found = pushed(database, folder)
    assert (found.sent, found.unchanged, found.removed, found.items) == (100, 0, 0, 100)
    assert (found.device, found.space, found.dim) == ("door", SPACE, DIM)
    check(database, folder)


def test_how_far_it_is_is_told(database, folder, small_pieces):
    filled(folder, 50)
    told = []
    with database.open() as server:
        push(folder, server, "door", progress=lambda done, total: told.append((done, total)))
    assert sum(done for done, _ in told) == 50 and {total for _, total in told} == {50}
    assert len(told) == 8


def test_a_second_push_sends_only_what_is_new_changed_and_gone(database, folder, small_pieces):
    filled(folder, 50)
    pushed(database, folder)
    assert pushed(database, folder).sent == 0
    with opened(folder) as index:
        index.add("new.jpg", vector_of("new"))
        index.add("00001.jpg", vector_of("another"), {"n": 1})  # another vector: another id
        index.update("00002.jpg", {"n": -2})
        index.update("00003.jpg", new_key="renamed.jpg")
        index.remove("00004.jpg")
    found = pushed(database, folder)
    assert (found.sent, found.removed, found.items) == (4, 1, 50)
    check(database, folder)


def test_keys_that_change_places(database, folder):
    filled(folder, 10)
    pushed(database, folder)
    with opened(folder) as index:
        for old, new in (("00000.jpg", "x"), ("00001.jpg", "00000.jpg"), ("x", "00001.jpg")):
            index.update(old, new_key=new)
        index.update("00002.jpg", new_key="00003.jpg")  # which replaces that one
    found = pushed(database, folder)
    assert (found.sent, found.removed, found.items) == (3, 1, 9)
    check(database, folder)


@pytest.mark.parametrize("seed", range(6))
def test_any_changes_between_pushes(database, folder, small_pieces, seed):
    for turn in range(6):
        stir(folder, 100 * seed + turn)
        pushed(database, folder)
        check(database, folder)


class Cut(Exception):
    """The end of a push in the middle."""


@pytest.mark.parametrize("seed", range(8))
def test_whatever_becomes_of_the_index_and_of_pushes(
    database, folder, tmp_path, small_pieces, seed
):
    """Writers and compactions while it is pushed, pushes that end early, copies put back."""
    chosen, copies = random.Random(seed), []

    def between(*_: int) -> None:
        what = chosen.random()
        if what < 0.3:
            stir(folder, chosen.randrange(1 << 30), changes=5)
        elif what < 0.36:
            raise Cut

    for turn in range(6):
        stir(folder, chosen.randrange(1 << 30), changes=60)
        if chosen.random() < 0.3:
            copies.append(shutil.copytree(folder, tmp_path / f"copy{turn}"))
        if copies and chosen.random() < 0.2:
            shutil.rmtree(folder)
            shutil.copytree(chosen.choice(copies), folder)
        with contextlib.suppress(Cut):
            pushed(database, folder, progress=between, compare=chosen.random() < 0.1)
        if chosen.random() < 0.5:
            pushed(database, folder)
            check(database, folder)
    pushed(database, folder)
    check(database, folder)


def test_changes_that_are_forgotten_while_they_are_pushed(database, folder):
    filled(folder, 20)

    def write(*_: int) -> None:
        with opened(folder) as index:
            if "00003.jpg" not in index:
                return
            index.remove("00003.jpg")
            index.update("00005.jpg", new_key="renamed.jpg")
            index.compact()
            index.update("00006.jpg", {"n": -6})

    with database.open() as server:
        found = push(folder, server, "door", progress=write)
    assert found.anew
    check(database, folder)


def test_a_device_that_is_forgotten_while_it_is_pushed(database, folder, small_pieces):
    filled(folder, 20)

    def forget(*_: int) -> None:
        database.all("DELETE FROM edgeclip_item")
        database.all("DELETE FROM edgeclip_device")

    with database.open() as server, pytest.raises(FleetError, match="was forgotten by"):
        push(folder, server, "door", progress=forget)
    pushed(database, folder)
    check(database, folder)
    database.all("DELETE FROM edgeclip_device")
    assert pushed(database, folder).unchanged == 20
    check(database, folder)


def test_a_file_that_was_only_touched_is_not_sent(database, folder):
    from edgeclip.index.changes import Amend

    filled(folder, 5)
    pushed(database, folder)
    with opened(folder) as index:
        index.write([Amend(f"{n:05}.jpg", stamp="touched") for n in range(5)])
    found = pushed(database, folder)
    assert (found.sent, found.unchanged) == (0, 5)


def test_a_forgotten_log_is_made_up_for_by_comparing(database, folder, small_pieces):
    filled(folder, 40)
    pushed(database, folder)
    with opened(folder) as index:
        index.update("00002.jpg", {"n": -2})
        index.remove("00039.jpg")
        index.compact()
    found = pushed(database, folder)
    assert (found.sent, found.unchanged, found.removed) == (1, 38, 1)
    check(database, folder)


def test_compare_mends_what_was_changed_on_the_server(database, folder, small_pieces):
    filled(folder, 40)
    pushed(database, folder)
    database.all("DELETE FROM edgeclip_item WHERE id % 3 = 0")
    database.all("UPDATE edgeclip_item SET mark = 0 WHERE id % 3 = 1")
    found = pushed(database, folder, compare=True)
    assert (found.sent, found.unchanged, found.items) == (27, 13, 40)
    check(database, folder)


def test_a_copy_of_the_index_that_was_put_back(database, folder, tmp_path):
    filled(folder, 20)
    shutil.copytree(folder, tmp_path / "copy")
    with opened(folder) as index:
        index.add_many((f"later{n}", vector_of(n)) for n in range(9))
    pushed(database, folder)
    shutil.rmtree(folder)
    (tmp_path / "copy").rename(folder)
    found = pushed(database, folder)
    assert found.removed == 9 and found.anew
    check(database, folder)


@pytest.mark.parametrize("more", [3, 9, 30])
def test_a_copy_that_was_put_back_and_went_on(database, folder, tmp_path, more):
    """Its ids come as far as those that were pushed, and name other rows."""
    filled(folder, 20)
    with opened(folder) as index:
        index.backup(tmp_path / "copy")
        index.add_many((f"lost{n}", vector_of(n)) for n in range(9))
        index.update("00004.jpg", {"lost": True})
    pushed(database, folder)
    shutil.rmtree(folder)
    (tmp_path / "copy").rename(folder)
    with opened(folder) as index:
        index.add_many((f"new{n}", vector_of(-n)) for n in range(more))
        index.update("00005.jpg", {"new": True})
    found = pushed(database, folder)
    assert found.anew and found.unchanged == 18
    check(database, folder)
    assert not pushed(database, folder).anew


def test_two_boards_with_copies_of_one_index(database, folder, tmp_path):
    filled(folder, 20)
    shutil.copytree(folder, tmp_path / "copy")
    for turn in range(4):
        board = (folder, tmp_path / "copy")[turn % 2]
        with opened(board) as index:
            index.add_many((f"{board.name}{turn}{n}", vector_of(n)) for n in range(7))
        assert pushed(database, board).anew == (turn > 0)
        check(database, board)


def test_writers_that_come_and_go_leave_nothing_to_compare(database, folder, small_pieces):
    for turn in range(5):
        with opened(folder) as index:
            index.add_many((f"{turn}{n}", vector_of((turn, n))) for n in range(9))
        with opened(folder) as index:
            index.update(f"{turn}3", {"turn": turn})
        found = pushed(database, folder)
        assert not found.anew and found.unchanged <= 1 and found.sent == 9
        assert not pushed(database, folder).anew
    check(database, folder)


def test_an_empty_index(database, folder):
    opened(folder).close()
    found = pushed(database, folder)
    assert (found.sent, found.items, found.dim) == (0, 0, None)
    filled(folder, 3)
    found = pushed(database, folder)
    assert found.sent == 3 and not found.anew
    with opened(folder) as index:
        index.remove_many(list(index))
    assert pushed(database, folder).removed == 3
    check(database, folder)


def test_the_name_of_another_index(database, folder, tmp_path):
    filled(folder, 20)
    other = filled(tmp_path / "other", 5, "other")
    pushed(database, folder)
    with pytest.raises(FleetError, match=r"door is another index's name.*--replace"):
        pushed(database, other)
    check(database, folder)
    found = pushed(database, other, replaces=True)
    assert (found.sent, found.items) == (5, 5)
    check(database, other)
    with pytest.raises(FleetError, match="another index"):
        pushed(database, folder)


def test_devices_do_not_touch_each_other(database, folder, tmp_path):
    filled(folder, 20)
    other = filled(tmp_path / "other", 20)  # with the same keys
    pushed(database, folder, "door")
    pushed(database, other, "yard")
    with opened(folder) as index:
        index.remove_many(list(index))
    pushed(database, folder, "door")
    check(database, folder, "door")
    check(database, other, "yard")


LONG = random.Random(1).randbytes(4096).replace(b"\0", b"x").decode("utf-8", "surrogateescape")
ODD_KEYS = ["a\\b", "caf\xe9.jpg", "\udcff\udc80.jpg", "\ud7ff", "\1", "𝄞", "%s {} '\"; --", LONG]
ODD_TEXTS = ["\0", "\ud800", "\udfff\ud800", "\1\1", "\ud7ff\2dc80", "\\u0000", "𝄞", "é\0\1"]


def test_keys_and_metadata_that_postgresql_cannot_hold(database, folder):
    known = {text: {"list": [text, {text: text}], "n": None} for text in ODD_TEXTS}
    numbers = [1e23, 10**23, -1e300, 5e-324, 1e16, 0.1, 5.0, -0.0, 2**53 + 1, 10**400]
    with opened(folder) as index:
        for key in ODD_KEYS:
            index.add(key, vector_of(key), {"known": known, "numbers": numbers, "key": key})
    pushed(database, folder)
    check(database, folder)
    found = held(database)[ODD_KEYS[0]][2]["numbers"]
    assert [type(each) for each in found] == [type(each) for each in numbers]
    assert pushed(database, folder, compare=True).unchanged == len(ODD_KEYS)


def test_an_index_that_somebody_writes_to(database, folder, small_pieces):
    """Rows come, change and go between the pieces; another push is enough in the end."""
    filled(folder, 60)
    with opened(folder) as index:
        turns = iter(range(1000))

        def write() -> None:
            turn = next(turns)
            index.add("00000.jpg", vector_of(("moving", turn)))
            index.add(f"during{turn}", vector_of(turn))
            index.update("00059.jpg", {"turn": turn})
            index.remove(f"0000{turn + 1}.jpg")

        with database.open() as server:
            push(folder, server, "door", progress=lambda ids, _: write() if ids > 3 else None)
        assert len(index) == len(indexed(folder))
        pushed(database, folder)
        check(database, folder)


def test_a_first_push_while_somebody_changes_what_was_just_sent(database, folder):
    filled(folder, 20)
    with opened(folder) as index:

        def changed(*_):
            index.remove("00003.jpg")
            index.update("00004.jpg", new_key="renamed.jpg")
            index.update("00005.jpg", {"n": -5})

        with database.open() as server:
            push(folder, server, "door", progress=changed)
    pushed(database, folder)
    check(database, folder)


def test_two_pushes_of_one_device_at_once(database, folder, monkeypatch):
    monkeypatch.setattr(servers, "LOCK_S", 1)
    filled(folder, 10)
    with database.open() as first:
        push(folder, first, "door")
        with pytest.raises(FleetError, match=r"another push of door to .* is under way"):
            pushed(database, folder)
        pushed(database, folder, "yard")
    pushed(database, folder)


def test_a_push_that_lost_its_lock_does_not_write(database, folder, small_pieces):
    """As behind a pooler of connections, where a lock may be another's."""
    filled(folder, 30)

    def other(*_: int) -> None:
        database.all("UPDATE edgeclip_device SET last_id = last_id + 1")

    with database.open() as server, pytest.raises(FleetError, match="another push"):
        push(folder, server, "door", progress=other)
    assert len(held(database)) == 7


@pytest.mark.parametrize("name", ["", "a\nb", "\0", "\udcff", "x" * 256])
def test_names_that_are_none(database, folder, name):
    filled(folder, 1)
    with pytest.raises(EdgeclipError, match="is no name of a device"):
        pushed(database, folder, name)


def test_no_index(database, tmp_path):
    with pytest.raises(StoreNotFound):
        pushed(database, tmp_path / "none")


def test_vectors_are_as_the_index_gives_them(database, folder):
    filled(folder, 3)
    pushed(database, folder)
    with Index.open(folder, read_only=True) as index:
        item = index.get("00001.jpg")
    ((text,),) = database.all("SELECT vector::text FROM edgeclip_item WHERE key = '00001.jpg'")
    assert np.array_equal(np.array(text[1:-1].split(","), np.float32), item.vector)
