import os

import pytest

from edgeclip import errors
from edgeclip.index import copies, failpoints, place
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


def test_backup_that_fails_leaves_nothing(tmp_path, monkeypatch):
    filled(tmp_path / "i", 20)

    def other(step):
        if step == "backup.copied":
            (tmp_path / "copy").symlink_to("i")

    monkeypatch.setattr(failpoints, "hook", other)
    with opened(tmp_path / "i") as index:
        with pytest.raises(errors.StoreError, match=r"copy exists already\. Give the path"):
            index.backup(tmp_path / "copy")
        assert index.add("new", vector_of("new")) == "added"
    assert {path.name for path in tmp_path.iterdir()} == {"i", "copy"}


def test_backup_onto_a_link_to_nothing(tmp_path):
    filled(tmp_path / "i", 2)
    (tmp_path / "copy").symlink_to("nowhere")
    said = "copy is a link to nowhere, which does not exist. Remove it, or"
    with opened(tmp_path / "i") as index, pytest.raises(errors.StoreError, match=said):
        index.backup(tmp_path / "copy")


@pytest.mark.parametrize("parent", ["nowhere", "file"])
def test_backup_makes_no_folder_to_stand_in(parent, tmp_path):
    filled(tmp_path / "i", 2)
    (tmp_path / "file").write_text("")
    said = f"{parent} is no folder. Make it first"
    with opened(tmp_path / "i") as index, pytest.raises(errors.StoreError, match=said):
        index.backup(tmp_path / parent / "copy")
    assert {path.name for path in tmp_path.iterdir()} == {"i", "file"}


def test_what_a_killed_backup_left_is_replaced(tmp_path):
    """And nothing in another folder of such a name."""
    filled(tmp_path / "i", 2)
    theirs = tmp_path / ".edgeclip-0123456789abcdef.partial"
    draft = copies._draft(tmp_path / "copy")
    for folder in (draft, theirs):
        folder.mkdir()
        for end in ("", "-journal", "-wal"):
            (folder / f"{place.DATABASE}{end}").write_text("half of it")
        (folder / place.LOCK).touch()
    with opened(tmp_path / "i") as index:
        index.backup(tmp_path / "copy")
    assert len(list(theirs.iterdir())) == 4 and not draft.exists()
    with opened(tmp_path / "copy", None) as index:
        assert len(index) == 2


@pytest.mark.parametrize("way", ["a link to an index", "an index", "a link to nothing", "a file"])
def test_what_is_in_the_way_of_a_backup_stays_as_it_is(way, tmp_path):
    filled(tmp_path / "i", 2)
    items = filled(tmp_path / "theirs", 5)
    draft = copies._draft(tmp_path / "copy")
    if way == "an index":
        (tmp_path / "theirs").rename(draft)
    elif way == "a file":
        draft.touch()
    else:
        draft.symlink_to("theirs" if way == "a link to an index" else "nowhere")
    said = f"copy cannot be made: {draft.name}, beside it, is no copy of yours that was stopped."
    with opened(tmp_path / "i") as index, pytest.raises(errors.StoreError, match=said):
        index.backup(tmp_path / "copy")
    if "an index" in way:
        with opened(draft, None) as index:
            check(index, items)


def test_folder_of_another_user_is_not_copied_into(tmp_path, monkeypatch):
    filled(tmp_path / "i", 2)
    with opened(tmp_path / "i") as index:
        copies._draft(tmp_path / "copy").mkdir()
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        with pytest.raises(errors.StoreError, match="no copy of yours"):
            index.backup(tmp_path / "copy")
        index.backup(tmp_path / "other")  # a file system may give what is made to anybody


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


@pytest.mark.parametrize("again", [False, True])
def test_backup_that_finds_the_folder_renamed_before_it_has_the_lock(again, tmp_path, monkeypatch):
    """The first to finish renames it; meanwhile a third may have begun."""
    filled(tmp_path / "i", 2)
    draft, moved = copies._draft(tmp_path / "copy"), tmp_path / "moved"
    flock = place.fcntl.flock

    def late(descriptor, how):
        monkeypatch.undo()
        draft.rename(moved)
        if again:
            draft.mkdir()
            (draft / place.LOCK).touch()
            (draft / place.DATABASE).write_text("half of it")
        flock(descriptor, how)

    with opened(tmp_path / "i") as index:
        monkeypatch.setattr(place.fcntl, "flock", late)
        with pytest.raises(errors.StoreLocked, match=f"copies an index to {tmp_path / 'copy'}"):
            index.backup(tmp_path / "copy")
    assert not again or (draft / place.DATABASE).read_text() == "half of it"
    assert (moved / place.LOCK).read_bytes() == b"" and not (tmp_path / "copy").exists()


def test_backup_whose_folder_is_renamed_before_it_is_locked(tmp_path, monkeypatch):
    filled(tmp_path / "i", 2)
    lock = place.lock

    def late(folder):
        folder.rename(tmp_path / "moved")
        return lock(folder)

    with opened(tmp_path / "i") as index:
        monkeypatch.setattr(place, "lock", late)
        with pytest.raises(errors.StoreLocked, match=f"copies an index to {tmp_path / 'copy'}"):
            index.backup(tmp_path / "copy")


def test_interrupted_after_its_end_a_backup_leaves_the_next_one_alone(tmp_path, monkeypatch):
    filled(tmp_path / "i", 2)
    draft = copies._draft(tmp_path / "copy")

    def interrupt(step):
        if step == "backup.published":
            draft.mkdir()
            (draft / place.LOCK).touch()
            raise KeyboardInterrupt

    with opened(tmp_path / "i") as index:
        monkeypatch.setattr(failpoints, "hook", interrupt)
        with pytest.raises(KeyboardInterrupt):
            index.backup(tmp_path / "copy")
    assert (draft / place.LOCK).exists()


def test_backup_that_cannot_be_written_names_its_target(tmp_path, monkeypatch):
    filled(tmp_path / "i", 2)
    draft = copies._draft(tmp_path / "copy")

    def block(step):
        if step == "backup.begun":
            (draft / place.DATABASE).mkdir()

    with opened(tmp_path / "i") as index:
        monkeypatch.setattr(failpoints, "hook", block)
        with pytest.raises(errors.StoreError, match=r"copy/store\.db cannot be used") as caught:
            index.backup(tmp_path / "copy")
    assert draft.name not in str(caught.value)


def test_name_of_a_folder_may_be_as_long_as_it_can(tmp_path):
    filled(tmp_path / "i", 2)
    with opened(tmp_path / "i") as index:
        index.backup(tmp_path / ("x" * 255))
    assert (tmp_path / ("x" * 255) / place.DATABASE).exists()
