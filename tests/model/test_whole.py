"""A file appears whole or not at all."""

from __future__ import annotations

import errno
import os

import pytest

from edgeclip.errors import EdgeclipError, ModelNotFound
from edgeclip.model.whole import whole_file


@pytest.mark.parametrize("older", [None, b"older"])
def test_it_appears_at_the_end(tmp_path, older):
    target = tmp_path / "a.bin"
    if older:
        target.write_bytes(older)
    with whole_file(target) as file:
        file.write(b"new")
        file.flush()
        assert (target.read_bytes() if target.exists() else None) == older
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, ModelNotFound("m")])
def test_whatever_goes_wrong_passes_and_leaves_the_older_file(tmp_path, error):
    target = tmp_path / "a.bin"
    target.write_bytes(b"older")
    kind = error if isinstance(error, type) else type(error)
    with pytest.raises(kind), whole_file(target) as file:
        file.write(b"new")
        raise error
    assert target.read_bytes() == b"older" and list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("number", "step"), [(errno.ENOSPC, "Free some space"), (errno.EROFS, "Make it writable")]
)
def test_a_full_or_read_only_disk(number, step, tmp_path, monkeypatch):
    def fail(_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    said = rf"a\.bin cannot be written: {os.strerror(number)}\. {step}"
    with pytest.raises(EdgeclipError, match=said), whole_file(tmp_path / "a.bin") as file:
        file.write(b"new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["absent/a.bin", "file/a.bin", "folder"])
def test_places_that_cannot_be_written(tmp_path, place):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(EdgeclipError, match="cannot be written"), whole_file(tmp_path / place):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_it_has_the_permissions_of_an_ordinary_file(tmp_path):
    with whole_file(tmp_path / "a"):
        pass
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_the_longest_name(tmp_path):
    with whole_file(tmp_path / ("x" * 255)):
        pass
    assert [len(path.name) for path in tmp_path.iterdir()] == [255]
