import threading

import pytest

from edgeclip.errors import EdgeclipError
from edgeclip.watch.sinks.spool import REFUSED, Spool
from tests.patience import PATIENCE_S


@pytest.fixture
def spool(tmp_path):
    made = Spool(tmp_path / "spool")
    yield made
    made.close()


def drained(spool):
    found = []
    while len(spool):
        number, body = spool.first()
        found.append(body)
        spool.remove(number)
    return found


def test_the_oldest_goes_first_and_nothing_is_left(spool):
    for number in range(12):
        spool.put(b"%d" % number)
    assert drained(spool) == [b"%d" % number for number in range(12)]
    assert [path.name for path in spool.folder.iterdir()] == ["lock"] and spool.notes == []


def test_what_is_not_removed_is_first_again(spool):
    spool.put(b"a")
    assert spool.first() == spool.first()


def test_a_restart_goes_on_with_what_was_left(tmp_path):
    with_three = Spool(tmp_path)
    for body in (b"1", b"2", b"3"):
        with_three.put(body)
    with_three.remove(with_three.first()[0])
    with_three.close()
    (tmp_path / ".edgeclip-0123.partial").write_bytes(b"half")
    again = Spool(tmp_path)
    again.put(b"4")
    assert drained(again) == [b"2", b"3", b"4"] and not list(tmp_path.glob(".edgeclip*"))
    again.close()


def test_numbers_do_not_come_twice_while_a_refused_one_is_kept(tmp_path):
    spool = Spool(tmp_path)
    for body in (b"a", b"b"):
        spool.put(body)
        spool.refuse(spool.first()[0])
        spool.close()
        spool = Spool(tmp_path)
    spool.close()
    kept = sorted((tmp_path / REFUSED).iterdir())
    assert [path.read_bytes() for path in kept] == [b"a", b"b"]


def test_only_the_last_refused_are_kept(spool, monkeypatch):
    monkeypatch.setattr("edgeclip.watch.sinks.spool._MOST_REFUSED", 3)
    for number in range(5):
        spool.put(b"%d" % number)
        spool.refuse(spool.first()[0])
    kept = sorted((spool.folder / REFUSED).iterdir())
    assert [path.read_bytes() for path in kept] == [b"2", b"3", b"4"]
    assert spool.notes == [f"Events were refused. See {spool.folder / REFUSED}"]
    assert spool.refused == 5


def test_the_oldest_make_room_for_newer_ones(tmp_path):
    spool = Spool(tmp_path, most=3)
    for number in range(5):
        spool.put(b"%d" % number)
    assert spool.dropped == 2 and "Events were dropped" in spool.notes[0]
    assert drained(spool) == [b"2", b"3", b"4"] and len(list(tmp_path.iterdir())) == 1
    spool.close()


def test_bytes_are_bounded_but_one_always_fits(tmp_path):
    spool = Spool(tmp_path, most_bytes=100)
    spool.put(bytes(300))
    assert len(spool) == 1
    spool.put(bytes(60))
    spool.put(bytes(30))
    assert len(spool) == 2 and spool.dropped == 1
    spool.close()


def test_one_that_was_dropped_on_its_way_is_not_missed(tmp_path):
    spool = Spool(tmp_path, most=1)
    spool.put(b"a")
    number, _ = spool.first()
    spool.put(b"b")
    spool.remove(number)
    assert drained(spool) == [b"b"]
    spool.close()


def test_a_file_that_somebody_took_away_is_passed_over(spool):
    spool.put(b"a")
    spool.put(b"b")
    min(spool.folder.glob("*.json")).unlink()
    assert drained(spool) == [b"b"]


def test_one_process_at_a_time(spool):
    with pytest.raises(EdgeclipError, match="in use by another process"):
        Spool(spool.folder)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EdgeclipError, match=r"the spool .*file/x cannot be used"):
        Spool(tmp_path / "file" / "x")


def test_a_disk_that_takes_nothing_leaves_the_event_in_memory(spool):
    for path in spool.folder.iterdir():
        path.unlink()
    spool.folder.rmdir()
    spool.put(b"a")
    assert spool.notes == [
        f"Events wait in memory only, not in {spool.folder}: No such file or directory. Make the "
        "folder first, or choose another place."
    ]
    spool.folder.mkdir()
    spool.put(b"b")
    assert drained(spool) == [b"a", b"b"] and spool.notes == []


def test_closing_wakes_who_waits(spool):
    found = []
    thread = threading.Thread(target=lambda: found.append(spool.first()))
    thread.start()
    spool.close()
    thread.join(PATIENCE_S)
    assert found == [None]
