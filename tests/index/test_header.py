import sqlite3
from contextlib import closing

import pytest

from edgeclip import errors
from edgeclip.index import header, identity
from edgeclip.index.store import Store
from tests.index.some import SPACE


@pytest.fixture
def path(tmp_path):
    Store.create(tmp_path / "store.db", identity.new_identity(SPACE, ""))
    return tmp_path / "store.db"


def spoil(path, at, data):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def test_header_of_a_store_and_of_its_copy(path, tmp_path):
    header.check(path)
    with closing(Store.open(path, read_only=False)) as store:
        store.compact()
        store.backup(tmp_path / "copy.db")
    header.check(path)
    header.check(tmp_path / "copy.db")


@pytest.mark.parametrize("at", [*range(0, 24), *range(44, 48), *range(52, 60), 64, 67])
@pytest.mark.parametrize("bit", [0, 5])
def test_each_flipped_bit_that_sqlite_would_obey_is_damage(at, bit, path):
    value = path.read_bytes()[at] ^ 1 << bit
    if 52 <= at < 56 and value:
        return  # the largest root page; only none at all would turn the bookkeeping off
    spoil(path, at, bytes([value]))
    with pytest.raises(errors.StoreDamaged):
        header.check(path)


@pytest.mark.parametrize("data", [b"", b"SQLite format 3\0", b"x" * 5000])
def test_what_is_no_database_is_damaged(data, path):
    path.write_bytes(data)
    with pytest.raises(errors.StoreDamaged):
        header.check(path)


@pytest.mark.parametrize("bit", range(32))
def test_application_that_rotted_is_damage(bit, path):
    at = 68 + bit // 8
    spoil(path, at, bytes([path.read_bytes()[at] ^ 1 << bit % 8]))
    with pytest.raises(errors.StoreDamaged):
        header.check(path)


def test_other_programs_database_is_not_ours(tmp_path):
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.execute("CREATE TABLE t (n)")
    with pytest.raises(errors.StoreError, match="another program") as caught:
        header.check(tmp_path / "x.db")
    assert not isinstance(caught.value, errors.StoreDamaged)


def test_file_that_is_missing_or_a_folder(tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(errors.StoreError, match="cannot be read"):
            header.check(path)
