from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeclip.errors import PathRefused
from edgeclip.serve.roots import Roots

MOST = 1000


@pytest.fixture
def place(tmp_path):
    """``root`` may be read; ``outside`` may not."""
    for name in ("root/sub", "outside", "root-beside"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "root/a.jpg").write_bytes(b"a")
    (tmp_path / "root/sub/b.jpg").write_bytes(b"b")
    (tmp_path / "outside/secret").write_bytes(b"secret")
    (tmp_path / "root-beside/secret").write_bytes(b"secret")
    return tmp_path


@pytest.fixture
def roots(place):
    return Roots([place / "root"])


def refused(roots, path, match="no file that may be read here"):
    with pytest.raises(PathRefused, match=match) as caught:
        roots.read(path, MOST)
    with pytest.raises(PathRefused):
        roots.check(path)
    return str(caught.value).replace(path, "PATH")


@pytest.mark.parametrize("path", ["a.jpg", "./sub/../a.jpg", "sub//../../root/a.jpg"])
def test_files_of_the_root(roots, place, path):
    for each in (path, f"{place}/root/{path}"):
        roots.check(each)
        assert roots.read(each, MOST) == b"a"


def test_links_that_stay_within(roots, place):
    (place / "root/link.jpg").symlink_to("sub/b.jpg")
    (place / "root/folder").symlink_to(place / "root/sub")
    assert roots.read("link.jpg", MOST) == roots.read("folder/b.jpg", MOST) == b"b"
    # The root itself may be reached by another name, too.
    (place / "other").symlink_to(place / "root")
    assert roots.read(f"{place}/other/a.jpg", MOST) == b"a"
    assert Roots([place / "other"]).read("a.jpg", MOST) == b"a"


def test_one_message_whatever_is_outside(roots, place):
    for name, target in {"leads-out": "outside/secret", "leads-nowhere": "outside/none"}.items():
        (place / "root" / name).symlink_to(place / target)
    (place / "root/folder").symlink_to(place / "outside")
    paths = [
        f"{place}/outside/secret",
        f"{place}/outside/none",
        f"{place}/outside",
        f"{place}/root/../outside/secret",
        f"{place}/root-beside/secret",
        "../outside/secret",
        "../outside/none",
        "leads-out",
        "leads-nowhere",
        "folder/secret",
        "folder/none",
        "/etc/shadow",
        "/dev/zero",
        "/proc/self/environ",
        "/proc/self/root/etc/passwd",
        "none",
        "",
    ]
    assert len({refused(roots, path) for path in paths if path}) == 1
    refused(Roots([]), f"{place}/root/a.jpg")


def test_what_is_no_file(roots, place):
    os.mkfifo(place / "root/pipe")
    os.mknod(place / "root/socket", stat.S_IFSOCK | 0o600)
    (place / "root/loop").symlink_to("loop")
    for name in ("pipe", "socket", "sub", "."):
        refused(roots, name, "is no ordinary file")
    for name in ("loop", "loop/a.jpg", "a.jpg/", "a.jpg/b", "a\0.jpg", "x" * 300, "x/" * 3000):
        refused(roots, name)
    for name in ("\ud800", "\udc80", "/\ud800"):
        refused(roots, name)


def test_devices_are_not_opened(place):
    if os.geteuid() == 0:
        os.mknod(place / "root/device", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        refused(Roots([place / "root"]), "device", "is no ordinary file")
    refused(Roots(["/dev"]), "zero", "is no ordinary file")


def test_a_file_that_is_too_large(roots, place):
    (place / "root/large").write_bytes(b"x" * (MOST + 1))
    with pytest.raises(PathRefused, match="larger than"):
        roots.read("large", MOST)
    assert len(roots.read("large", MOST + 1)) == MOST + 1


def test_a_relative_path_is_of_exactly_one_root(place):
    both = Roots([place / "root", place / "root/sub", place / "root"])
    assert both.read("a.jpg", MOST) == b"a"
    assert both.read("b.jpg", MOST) == b"b"
    (place / "root/sub/a.jpg").write_bytes(b"another")
    with pytest.raises(PathRefused, match="several"):
        both.read("a.jpg", MOST)
    assert both.read(f"{place}/root/sub/a.jpg", MOST) == b"another"


def test_a_link_that_is_exchanged_meanwhile(roots, place, monkeypatch):
    """What is held is read, whatever has its name by then."""
    real = os.fstat
    link, calls = place / "root/swapped", []
    link.symlink_to("a.jpg")

    def exchanged(descriptor):
        if not calls:
            link.unlink()
            link.symlink_to(place / "outside/secret")
        calls.append(descriptor)
        return real(descriptor)

    monkeypatch.setattr(os, "fstat", exchanged)
    assert roots.read("swapped", MOST) == b"a"
    monkeypatch.undo()
    refused(roots, "swapped")


def test_nothing_stays_open(roots, place):
    def count():
        return len(list(Path("/proc/self/fd").iterdir()))

    before = count()
    for path in ["a.jpg", "sub", "none", "../outside/secret"] * 5:
        with contextlib.suppress(PathRefused):
            roots.read(path, MOST)
    assert count() == before


PARTS = st.sampled_from(
    ["..", ".", "", "sub", "a.jpg", "in", "out", "loop", "pipe", "secret", "root", "outside", "\0"]
) | st.text(max_size=3)


@settings(max_examples=150)
@given(parts=st.lists(PARTS, max_size=6), absolute=st.sampled_from(["", "/", "{}/", "{}/root/"]))
def test_whatever_is_asked_only_the_root_is_read(parts, absolute):
    place = Path(tempfile.mkdtemp())
    try:
        (place / "root/sub").mkdir(parents=True)
        (place / "outside").mkdir()
        (place / "outside/secret").write_bytes(b"secret")
        (place / "root/a.jpg").write_bytes(b"open")
        (place / "root/sub/a.jpg").write_bytes(b"open")
        (place / "root/in").symlink_to("sub")
        (place / "root/out").symlink_to("../outside")
        (place / "root/loop").symlink_to("loop")
        os.mkfifo(place / "root/pipe")
        path = absolute.format(place) + "/".join(parts)
        try:
            data = Roots([place / "root"]).read(path, MOST)
        except PathRefused as error:
            assert "secret" not in str(error) or "secret" in path
        else:
            assert data == b"open"
    finally:
        shutil.rmtree(place)
