"""scan: which files belong to a folder, without opening any."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from edgeclip.errors import StoreError
from edgeclip.index.scan import Rules, is_settled, scan, stamp_of


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape"))


def keys(root: Path, *, own=None, below=None, **rules) -> list[str]:
    return list(scan(root, Rules(**rules), own=own, below=below).files)


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A folder; nothing in it may be opened."""
    real = os.open
    folder = tmp_path / "root"
    folder.mkdir()

    def guarded(path, *rest, **more):
        assert not str(path).startswith(str(folder)), path
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "open", guarded)
    return folder


def test_pictures_in_order_of_their_keys(root):
    make(root, "b.JPG", "a/z.heic", "a.png", "notes.txt", "jpg", "a/b/c.webp", "a-b.gif", "x.jpg.")
    assert keys(root) == ["a-b.gif", "a.png", "a/b/c.webp", "a/z.heic", "b.JPG"]
    (root / "folder.jpg").mkdir()
    assert len(keys(root)) == 5


def test_steps_are_taken_on_the_way(root):
    make(root, *(f"{number}.txt" for number in range(2500)), "a/b/c.png")
    steps = []
    scan(root, Rules(), step=lambda: steps.append(1))
    assert len(steps) == 3 + 1 + 1  # the root's entries, a and a/b


def test_hidden_ones(root):
    make(root, ".a.jpg", ".thumbs/b.jpg", "c/.d/e.jpg", "f.jpg")
    assert keys(root) == ["f.jpg"]
    assert keys(root, hidden=True) == [".a.jpg", ".thumbs/b.jpg", "c/.d/e.jpg", "f.jpg"]


def test_excluded_ones(root):
    make(root, "a/thumbs/x.jpg", "a/x.jpg", "b.tmp.jpg", "2019/1/c.jpg")
    assert keys(root, exclude=("thumbs/", "*.tmp.*", "2019/**")) == ["a/x.jpg"]


def test_the_index_itself(root):
    make(root, "a.jpg", "my.index/quarantine/b.jpg")
    assert keys(root, own=root / "my.index") == ["a.jpg"]
    assert keys(root, own=root / "my.index", below=["my.index/quarantine/b.jpg"]) == []
    assert len(keys(root, own=root / "nothing")) == 2


def test_special_files(root):
    make(root, "a.jpg")
    os.mkfifo(root / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(root / "socket.jpg"))
        (root / "zero.jpg").symlink_to("/dev/zero")
        (root / "core.jpg").symlink_to("/proc/kcore")
        for follow in (False, True):
            assert "pipe.jpg" not in keys(root, follow_symlinks=follow)
            found = keys(root, follow_symlinks=follow)
            assert set(found) - {"core.jpg"} == {"a.jpg"} and "zero.jpg" not in found


def test_links(root, tmp_path):
    make(root, "real/a.jpg", "z/b.jpg")
    make(tmp_path, "outside/c.jpg")
    (root / "again").symlink_to("z")
    (root / "loop").symlink_to(".")
    (root / "real" / "up").symlink_to("..")
    (root / "self.jpg").symlink_to("self.jpg")
    (root / "nowhere.jpg").symlink_to("nothing")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "one.jpg").symlink_to("real/a.jpg")
    assert keys(root) == ["real/a.jpg", "z/b.jpg"]
    found = scan(root, Rules(follow_symlinks=True))
    assert list(found.files) == ["one.jpg", "out/c.jpg", "real/a.jpg", "z/b.jpg"]
    assert not found.unread


def test_many_links_between_folders_are_no_maze(root):
    for level in range(30):
        make(root, f"{level}/x.jpg")
        for name in "ab":
            (root / f"{level}" / name).symlink_to(f"../{level + 1}")
    assert len(keys(root, follow_symlinks=True)) == 30


def test_the_root_may_be_a_link(root, tmp_path):
    make(root, "a.jpg")
    (tmp_path / "link").symlink_to(root)
    assert keys(tmp_path / "link") == ["a.jpg"]


def test_deep_folders(root):
    deep = "/".join(["d"] * 1500)
    here = os.getcwd()  # noqa: PTH109
    try:
        os.chdir(root)
        for part in deep.split("/"):
            Path(part).mkdir()
            os.chdir(part)
        Path("a.jpg").write_bytes(b"x")
        assert keys(root) == [f"{deep}/a.jpg"]
    finally:
        os.chdir(here)
        subprocess.run(["rm", "-rf", root / "d"], check=True)  # too deep for Python's own


def test_names_that_are_no_text(root):
    name = os.fsdecode(b"caf\xe9.jpg")
    make(root, name, "new\nline.jpg")
    assert keys(root) == sorted([name, "new\nline.jpg"])


def test_a_stamp_changes_with_the_file(root):
    make(root, "a.jpg")
    path = root / "a.jpg"
    stamps = [scan(root, Rules()).files["a.jpg"]]

    def after(change):
        change()
        stamps.append(scan(root, Rules()).files["a.jpg"])

    status = path.stat()
    after(lambda: path.write_bytes(b"longer than before"))
    after(lambda: os.utime(path, ns=(5, 5)))
    path.write_bytes(b"same length, other")
    after(lambda: os.utime(path, ns=(5, 5)))  # as a program does that hides its change
    after(lambda: path.chmod(0o600))
    assert len(set(stamps)) == len(stamps) and all(stamp.isascii() for stamp in stamps)
    assert stamps[0] == stamp_of(status)


class Status:
    def __init__(self, mtime_ns, ctime_ns):
        self.st_mtime_ns, self.st_ctime_ns = mtime_ns, ctime_ns


@pytest.mark.parametrize(
    ("newest", "age", "settled"),
    [
        (1_700_000_000_123_456_789, 1_000_000, False),
        (1_700_000_000_123_456_789, 60_000_000, True),
        (1_700_000_000_000_000_000, 60_000_000, False),
        (1_700_000_000_000_000_000, 2_100_000_000, True),
        (1_700_000_000_123_456_789, -5_000_000_000, False),
    ],
)
def test_settled(newest, age, settled):
    assert is_settled(Status(newest, 5), newest + age) is settled
    assert is_settled(Status(5, newest), newest + age) is settled


def test_what_is_out_of_sight_is_not_gone(root, monkeypatch):
    make(root, "a/x.jpg", "b/y.jpg", "c.jpg")
    real = os.scandir

    def guarded(path):
        if str(path).endswith("/b"):
            raise OSError(5, "Input/output error", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", guarded)
    found = scan(root, Rules())
    assert found.unread == {"b": "Input/output error"}
    assert list(found.files) == ["a/x.jpg", "c.jpg"]
    assert not found.lacks("b/y.jpg") and not found.lacks("b/z/w.jpg") and not found.lacks("b")
    assert found.lacks("bb/y.jpg") and found.lacks("d.jpg") and not found.lacks("c.jpg")


def test_a_part_of_the_folder(root):
    make(root, "a/x.jpg", "a/b/y.jpg", "c.jpg", ".h/z.jpg", "t/u.jpg")
    (root / "link").symlink_to("a")
    below = ["a", "c.jpg", "gone.jpg", ".h/z.jpg", "t/u.jpg", "link/x.jpg"]
    found = scan(root, Rules(exclude=("t/",)), below=below)
    assert list(found.files) == ["a/b/y.jpg", "a/x.jpg", "c.jpg"]
    assert found.lacks("gone.jpg") and found.lacks("a/gone.jpg") and found.lacks("t/u.jpg")
    assert not found.lacks("elsewhere/d.jpg") and not found.unread
    everything = scan(root, Rules(), below=[""])
    assert list(everything.files) == ["a/b/y.jpg", "a/x.jpg", "c.jpg", "t/u.jpg"]
    assert everything.lacks("d.jpg")


def test_a_root_that_is_none(root):
    make(root, "a.jpg")
    for bad, reason in (("nothing", "No such file"), ("a.jpg", "Not a directory")):
        with pytest.raises(StoreError, match=f"{bad} cannot be read: {reason}"):
            scan(root / bad, Rules())


@pytest.mark.parametrize("below", [None, [""]])
def test_a_root_that_is_unmounted_meanwhile(root, tmp_path, monkeypatch, below):
    make(root, "a.jpg")
    real = os.scandir

    def pulled(path):
        entries = real(path)
        if root.exists() and not (tmp_path / "away").exists() and pulled.ready:
            root.rename(tmp_path / "away")
            root.mkdir()
        pulled.ready = True
        return entries

    pulled.ready = False
    monkeypatch.setattr(os, "scandir", pulled)
    with pytest.raises(StoreError, match="replaced or unmounted"):
        scan(root, Rules(), below=below)
