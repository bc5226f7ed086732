"""What a stopped writer left, when the next opening fails as well."""

import shutil

import pytest

from edgeclip import errors
from edgeclip.index import place
from edgeclip.index.database import files
from tests.index.some import opened, vector_of


@pytest.fixture
def left(tmp_path):
    """An index as it is when its writer is killed: with a log, and a lock that says so."""
    with opened(tmp_path / "i") as index:
        index.add("a", vector_of("a"))
        shutil.copytree(tmp_path / "i", tmp_path / "left")
    _, log, shared = files(tmp_path / "left" / place.DATABASE)
    shared.unlink()
    assert log.stat().st_size and place.was_left_open(tmp_path / "left")
    return tmp_path / "left"


def fail_to_open(folder):
    with pytest.raises(errors.SpaceMismatch):
        opened(folder, "6" * 64)


def test_log_that_is_missing_is_told_of_by_the_opening_that_succeeds(left):
    files(left / place.DATABASE)[1].unlink()
    for _ in range(2):
        fail_to_open(left)
        assert place.was_left_open(left)
    with opened(left) as index:
        (note,) = index.notes
        assert "the log of its latest changes is missing" in note
    with opened(left) as index:
        assert not index.notes


def test_log_that_is_damaged_is_told_of_by_the_opening_that_succeeds(left):
    log = files(left / place.DATABASE)[1]
    log.write_bytes(b"rotted")
    fail_to_open(left)
    assert not log.exists()
    with opened(left) as index:
        (note,) = index.notes
        assert "they may be lost" in note


def test_log_that_was_taken_over_by_an_opening_that_failed_is_not_missed(left):
    fail_to_open(left)
    assert not files(left / place.DATABASE)[1].exists()
    with opened(left) as index:
        assert not index.notes and "a" in index


def test_opening_that_fails_before_it_looks_at_the_log_forgets_nothing(left, monkeypatch):
    def fail(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr("edgeclip.index.wal.read", fail)
        with pytest.raises(errors.StoreError, match="cannot be opened: Input/output error"):
            opened(left)
    assert place.was_left_open(left)
    files(left / place.DATABASE)[1].unlink()
    with opened(left) as index:
        assert "is missing" in index.notes[0]
