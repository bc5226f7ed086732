import pytest

from edgeclip import errors
from edgeclip.index import place
from tests.index.some import check, filled, opened, vector_of


def test_backup_is_an_index(tmp_path):
    items = filled(tmp_path / "i", 200)
    with opened(tmp_path / "i") as index:
        index.backup(tmp_path / "deep" / "copy")
        index.add("later", vector_of("later"))
    for read_only in (True, False):
        with opened(tmp_path / "deep" / "copy", None, read_only=read_only) as copy:
            check(copy, items)
            assert not copy.notes and copy.verify().ok
    with opened(tmp_path / "i") as index:
        assert len(index) == 201


def test_reader_can_make_a_backup(tmp_path):
    items = filled(tmp_path / "i", 20)
    with opened(tmp_path / "i", read_only=True) as index:
        index.backup(tmp_path / "copy")
    with opened(tmp_path / "copy", None) as copy:
        check(copy, items)


def test_backup_replaces_nothing(tmp_path):
    filled(tmp_path / "i", 2)
    (tmp_path / "there").mkdir()
    with opened(tmp_path / "i") as index:
        for target in (tmp_path / "there", tmp_path / "i"):
            with pytest.raises(errors.StoreError, match="exists already"):
                index.backup(target)


def test_backup_that_fails_leaves_nothing(tmp_path):
    filled(tmp_path / "i", 20)
    (tmp_path / "file").write_text("")
    with opened(tmp_path / "i") as index:
        with pytest.raises(errors.StoreError, match="cannot be written"):
            index.backup(tmp_path / "file" / "copy")
        assert index.add("new", vector_of("new")) == "added"
    assert {path.name for path in tmp_path.iterdir()} == {"i", "file"}


def test_name_of_a_folder_may_be_as_long_as_it_can(tmp_path):
    filled(tmp_path / "i", 2)
    with opened(tmp_path / "i") as index:
        index.backup(tmp_path / ("x" * 255))
    assert (tmp_path / ("x" * 255) / place.DATABASE).exists()
