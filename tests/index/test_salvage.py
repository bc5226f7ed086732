import json
import os
import sqlite3
from contextlib import closing

import pytest

from edgeclip import errors
from edgeclip.index import place, salvage
from edgeclip.index.changes import Fail, Setting
from edgeclip.index.database import files
from tests.index.some import SPACE, check, filled, opened, stored, vector_of

PAGE = 4096


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "i"


def database(folder):
    return folder / place.DATABASE


def spoil(folder, at, data):
    with database(folder).open("r+b") as file:
        file.seek(at)
        file.write(data)


def behind(folder, sql, *values):
    with closing(sqlite3.connect(database(folder))) as connection:
        connection.execute(sql, values)
        connection.commit()


def page_of(folder, text):
    data = database(folder).read_bytes()
    return next(at for at in range(0, len(data), PAGE) if text in data[at : at + PAGE])


def test_everything_comes_back_when_only_the_first_page_is_gone(folder):
    items = filled(folder, 300)
    with opened(folder) as index:
        index.write([Fail("broken.jpg", "7", "no picture"), Setting("folder", "/photos")])
        before = index._contents.store().identity
    spoil(folder, 0, bytes(PAGE))
    damaged = database(folder).read_bytes()
    with opened(folder, None) as index:
        check(index, items)
        assert index.get("0007.jpg").metadata == {"n": 7}
        assert "300 items were salvaged" in index.notes[0]
        store = index._contents.store()
        assert (store.identity.uuid, store.identity.secret) == (before.uuid, before.secret)
        assert store.identity.generation == before.generation + 1
        assert store.select("SELECT * FROM failed") == [(b"broken.jpg", "7", "no picture")]
        assert store.setting("folder") == "/photos" and index.verify().ok
        assert index.add("new", vector_of("new")) == "added"
    (kept,) = (folder / place.QUARANTINE).glob("*-store/store.db")
    assert kept.read_bytes() == damaged
    with opened(folder, None) as index:
        assert not index.notes and len(index) == 301


def test_settings_that_are_gone_need_the_model(folder):
    items = filled(folder, 100)
    spoil(folder, page_of(folder, b"generation"), bytes(PAGE))
    with pytest.raises(errors.StoreDamaged, match="Name the model"):
        opened(folder, None)
    with pytest.raises(errors.StoreDamaged, match="none of its items fits"):
        opened(folder, "6" * 64)
    with pytest.raises(errors.StoreDamaged):
        opened(folder, None, read_only=True)
    assert len(list((folder).glob("*.new*"))) == 0
    with opened(folder) as index:
        check(index, items)


def test_space_that_rotted_is_told_by_the_rows(folder):
    items = filled(folder, 50)
    at = page_of(folder, b"generation")
    data = database(folder).read_bytes()
    spoil(folder, data.index(SPACE.encode(), at), b"6")
    with opened(folder) as index:
        check(index, items)
        assert index.space == SPACE


def test_another_models_index_stays_as_it_is(folder):
    filled(folder, 5)
    before = database(folder).read_bytes()
    for read_only in (True, False):
        with pytest.raises(errors.SpaceMismatch, match="not of"):
            opened(folder, "6" * 64, read_only=read_only)
    assert database(folder).read_bytes() == before
    assert not (folder / place.QUARANTINE).exists()


def test_database_of_another_program_stays_as_it_is(folder):
    folder.mkdir()
    with closing(sqlite3.connect(database(folder))) as connection:
        connection.execute("CREATE TABLE theirs (n)")
        connection.commit()
    before = database(folder).read_bytes()
    for read_only in (True, False):
        with pytest.raises(errors.StoreError, match="another program") as caught:
            opened(folder, read_only=read_only)
        assert not isinstance(caught.value, errors.StoreDamaged)
    assert database(folder).read_bytes() == before


def test_one_bad_row(folder):
    filled(folder, 3)
    behind(folder, "UPDATE item SET metadata = '{}' WHERE id = 2")
    with opened(folder, None, read_only=True) as index:
        assert index.notes[0].startswith("1 damaged item is left out, and set aside by the next")
    with opened(folder, None) as index:
        assert index.notes[0].startswith("1 item was damaged, and set aside in ")


def test_bad_rows_go_to_quarantine_and_can_be_read_there(folder):
    items = filled(folder, 20)
    behind(folder, "UPDATE item SET metadata = '{}' WHERE id IN (3, 4)")
    with opened(folder, None, read_only=True) as index:
        assert len(index) == 18 and "2 damaged items are left out" in index.notes[0]
    with opened(folder, None) as index:
        assert "2 items were damaged" in index.notes[0]
        check(index, {k: v for k, v in items.items() if k not in ("0002.jpg", "0003.jpg")})
        index.add("0002.jpg", items["0002.jpg"])
    with opened(folder, None) as index:
        assert not index.notes and len(index) == 19
    (kept,) = (folder / place.QUARANTINE).glob("*-rows.jsonl")
    told = [json.loads(line) for line in kept.read_text().splitlines()]
    assert [row["key"] for row in told] == ["0002.jpg", "0003.jpg"]
    assert bytes.fromhex(told[0]["vector"]) == stored(items["0002.jpg"]).astype("<f2").tobytes()


def test_bad_rows_stay_where_quarantine_cannot_be_written(folder):
    filled(folder, 20)
    behind(folder, "UPDATE item SET metadata = '{}' WHERE id = 3")
    (folder / place.QUARANTINE).write_text("in the way")
    for _ in range(2):
        with opened(folder, None) as index:
            assert len(index) == 19 and "could not be set aside" in index.notes[0]
            index.add("new", vector_of("new"))
            index.remove("new")


def test_salvage_that_cannot_keep_the_old_file_changes_nothing(folder):
    filled(folder, 20)
    spoil(folder, 0, bytes(PAGE))
    before = database(folder).read_bytes()
    (folder / place.QUARANTINE).write_text("in the way")
    with pytest.raises(errors.StoreError, match="cannot be salvaged"):
        opened(folder, None)
    assert database(folder).read_bytes() == before
    assert {path.name for path in folder.iterdir()} <= {
        *("store.db", "cache", "lock", "ballast", "quarantine")
    }


def test_deleted_items_do_not_come_back(folder):
    items = filled(folder, 400)
    gone = [key for key in items if int(key[:4]) % 3]
    with opened(folder) as index:
        index.remove_many(gone)
        index.update("0000.jpg", new_key="renamed.jpg")
        index.add("0003.jpg", vector_of("other"))
    wanted = {key: vector for key, vector in items.items() if key not in gone}
    wanted["renamed.jpg"] = wanted.pop("0000.jpg")
    wanted["0003.jpg"] = vector_of("other")
    spoil(folder, 0, bytes(PAGE))
    with opened(folder, None) as index:
        check(index, wanted)


def test_newest_of_rows_that_share_a_key_is_kept(folder):
    filled(folder, 3)
    old = database(folder).read_bytes()
    with opened(folder) as index:
        index.add("0001.jpg", vector_of("newer"))
    # Pages of an older state behind the end, as a file system that lost some writes leaves them.
    with database(folder).open("ab") as file:
        file.write(old[PAGE:])
    spoil(folder, 0, bytes(PAGE))
    with opened(folder, None) as index:
        wanted = {f"{n:04}.jpg": vector_of(n) for n in range(3)}
        check(index, wanted | {"0001.jpg": vector_of("newer")})


def test_index_on_keys_that_lies_is_noticed(folder):
    items = filled(folder, 300)
    data = database(folder).read_bytes()
    starts = [at for at in range(0, len(data), PAGE) if data[at] == 0x0A]
    (leaf,) = (at for at in starts if b"0150.jpg" in data[at : at + PAGE])
    at = data.index(b"0150.jpg", leaf)
    spoil(folder, at, b"0150.jqg")
    with opened(folder, None) as index:
        assert "salvaged" in index.notes[0]
        check(index, items)
        assert index.add("0150.jpg", items["0150.jpg"], {"n": 150}) == "unchanged"


def test_quarantined_database_can_be_opened_by_itself(folder):
    items = filled(folder, 30)
    spoil(folder, 0, bytes(PAGE))
    opened(folder).close()
    (kept,) = (folder / place.QUARANTINE).glob("*-store")
    with opened(kept) as index:
        check(index, items)


def test_change_of_files_is_finished_once_begun(folder, monkeypatch):
    items = filled(folder, 30)
    spoil(folder, 0, bytes(PAGE))
    finish = salvage.finish
    monkeypatch.setattr(salvage, "finish", lambda _: None)
    with pytest.raises(errors.StoreDamaged):
        opened(folder)
    assert salvage.is_due(folder)
    files(database(folder))[1].write_bytes(os.urandom(5000))
    monkeypatch.setattr(salvage, "finish", finish)
    with opened(folder, None) as index:
        check(index, items)


def test_index_whose_database_was_salvaged_is_followed_by_readers(folder):
    items = filled(folder, 50)
    with opened(folder, read_only=True) as reader:
        check(reader, items)
        index = opened(folder)
        index.close()
        spoil(folder, 0, bytes(PAGE))
        with opened(folder, None) as index:
            index.remove("0000.jpg")
            del items["0000.jpg"]
            check(reader, items)
