import pytest

from edgeclip import errors
from edgeclip.index import copies, place
from tests.index.some import check, filled, opened, vector_of


def test_backup_is_an_index(tmp_path):
    (tmp_path / "deep").mkdir()
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
    (tmp_path / "copy").symlink_to("nowhere")
    with opened(tmp_path / "i") as index:
        with pytest.raises(errors.StoreError, match="copy cannot be made: Not a directory"):
            index.backup(tmp_path / "copy")
        assert index.add("new", vector_of("new")) == "added"
    assert {path.name for path in tmp_path.iterdir()} == {"i", "copy"}


@pytest.mark.parametrize("parent", ["nowhere", "file"])
def test_backup_makes_no_folder_to_stand_in(parent, tmp_path):
    filled(tmp_path / "i", 2)
    (tmp_path / "file").write_text("")
    said = f"{parent} is no folder. Make it first"
    with opened(tmp_path / "i") as index, pytest.raises(errors.StoreError, match=said):
        index.backup(tmp_path / parent / "copy")
    assert {path.name for path in tmp_path.iterdir()} == {"i", "file"}


def test_what_is_not_of_a_backup_is_never_removed(tmp_path):
    """Neither in another folder of such a name, nor in the one that has the right name."""
    filled(tmp_path / "i", 2)
    draft = copies._draft(tmp_path / "copy")
    for folder in (draft, tmp_path / ".edgeclip-0123456789abcdef.partial"):
        folder.mkdir()
        (folder / "theirs").write_text("mine")
    (draft / place.DATABASE).write_text("half of it")
    with opened(tmp_path / "i") as index:
        index.backup(tmp_path / "copy")
    found = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("theirs"))
    assert [str(path.parent) for path in found] == [".edgeclip-0123456789abcdef.partial", "copy"]
    with opened(tmp_path / "copy", None) as index:
        assert len(index) == 2


def test_two_backups_to_one_place_at_once(tmp_path):
    filled(tmp_path / "i", 2)
    draft = copies._draft(tmp_path / "copy")
    draft.mkdir()
    lock = place.lock(draft)
    (draft / place.DATABASE).write_text("half of it")
    with opened(tmp_path / "i") as index:
        with pytest.raises(errors.StoreLocked, match="another process copies an index to"):
            index.backup(tmp_path / "copy")
        assert (draft / place.DATABASE).read_text() == "half of it"
        place.unlock(lock)
        index.backup(tmp_path / "copy")
    assert {path.name for path in tmp_path.iterdir()} == {"i", "copy"}


def test_name_of_a_folder_may_be_as_long_as_it_can(tmp_path):
    filled(tmp_path / "i", 2)
    with opened(tmp_path / "i") as index:
        index.backup(tmp_path / ("x" * 255))
    assert (tmp_path / ("x" * 255) / place.DATABASE).exists()
