"""follow: what happens in a folder arrives in the index."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from edgeclip.errors import ExtraMissing, StoreError
from edgeclip.index import watching
from edgeclip.index.index import Index
from edgeclip.index.items import Item
from tests.index import mounting
from tests.index.albums import Album, Oracle, picture
from tests.patience import PATIENCE_S, until


class Watched:
    """A folder, its index, and a thread that follows."""

    def __init__(self, root: Path, index: Index, model) -> None:
        self.album, self.index, self.model = Album(root, 1), index, model
        self.stop, self.entries = threading.Event(), []
        self.error: Exception | None = None
        self.thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        found = watching.follow(self.index, self.model, self.album.root, stop=self.stop)
        try:
            for entry in found:
                self.entries.append((entry.key, entry.status))
        except Exception as error:
            self.error = error

    def until(self, *wanted: tuple[str, str]) -> None:
        until(
            lambda: set(wanted) <= set(self.entries) or self.error,
            lambda: self.entries,
        )
        assert self.error is None
        self.entries.clear()

    def end(self) -> None:
        self.stop.set()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()


@pytest.fixture
def watched(tmp_path, model):
    # The index lies in the folder: what is written to it must not wake the watch.
    root = tmp_path / "album"
    root.mkdir()
    with Index.open(root / "my.index", model.space) as index:
        made = Watched(root, index, model)
        (root / "early.png").write_bytes(picture(1))
        made.thread.start()
        made.until(("early.png", "added"))
        yield made
        made.end()


def test_what_happens_is_followed(watched, model):
    root = watched.album.root
    (root / "new.png").write_bytes(picture(2))
    (root / "trip").mkdir()
    (root / "trip" / "a.png").write_bytes(picture(3))
    (root / "note.txt").write_text("no picture")
    (root / "bad.png").write_bytes(b"none")
    watched.until(("new.png", "added"), ("trip/a.png", "added"), ("bad.png", "failed"))
    (root / "trip").rename(root / "journey")
    (root / "new.png").write_bytes(picture(4))
    (root / "early.png").unlink()
    (root / "bad.png").write_bytes(picture(5))
    watched.until(
        ("journey/a.png", "renamed"),
        ("new.png", "updated"),
        ("early.png", "removed"),
        ("bad.png", "added"),
    )
    for path in watched.album.files():
        path.unlink()  # the folder is there, so this is meant
    watched.until(*((key, "removed") for key in ("journey/a.png", "new.png", "bad.png")))
    assert watched.error is None and len(watched.index) == 0


def test_a_file_that_grows_is_waited_for(watched, model):
    data, path = picture(6), watched.album.root / "slow.png"
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(data), len(data) // 12):
            file.write(data[start : start + len(data) // 12])
            time.sleep(0.1)
    watched.until(("slow.png", "added"))
    Oracle(model).check(watched.index, watched.album)
    assert not watched.entries


def moved(root: Path) -> None:
    root.rename(root.with_name("away"))
    root.mkdir()
    (root.with_name("away") / "x.png").write_bytes(picture(7))


def deleted(root: Path) -> None:
    shutil.rmtree(root)


def made_anew(root: Path) -> None:
    shutil.rmtree(root)
    root.mkdir()


@pytest.mark.parametrize("change", [moved, deleted, made_anew])
def test_a_folder_that_is_no_more_ends_it(tmp_path, model, change):
    root = tmp_path / "album"
    root.mkdir()
    with Index.open(tmp_path / "index", model.space) as index:
        watched = Watched(root, index, model)
        (root / "early.png").write_bytes(picture(1))
        watched.thread.start()
        watched.until(("early.png", "added"))
        change(root)
        watched.thread.join(PATIENCE_S)
        assert isinstance(watched.error, StoreError) and "Watch it again" in str(watched.error)
        assert list(index) == ["early.png"] and watched.entries == []


def test_a_new_folder_of_the_same_number_is_another(tmp_path, model, monkeypatch):
    monkeypatch.setattr(os.path, "samestat", lambda *_: True)  # as ext4 gives numbers again
    test_a_folder_that_is_no_more_ends_it(tmp_path, model, made_anew)


@pytest.mark.parametrize("quiet_s", [0, 1.5])
def test_a_drive_that_is_unmounted_keeps_its_items(tmp_path, quiet_s):
    mounting.run("tests.index.unmounting", tmp_path, quiet_s)


def test_a_drive_that_vanishes_while_it_is_looked_at(tmp_path, model, monkeypatch):
    """The scan itself sees two empty folders, before and after."""
    root, real = tmp_path / "album", watching.plan

    def scanned(*arguments, **options):
        if len(index):
            root.rename(tmp_path / "away")
            root.mkdir()
        return real(*arguments, **options)

    monkeypatch.setattr(watching, "plan", scanned)
    root.mkdir()
    with Index.open(tmp_path / "index", model.space) as index:
        watched = Watched(root, index, model)
        for seed in range(3):
            (root / f"{seed}.png").write_bytes(picture(seed))
        watched.thread.start()
        watched.until(("2.png", "added"))
        (root / "2.png").unlink()
        watched.thread.join(PATIENCE_S)
        assert "was unmounted or replaced" in str(watched.error) and len(index) == 3


def test_a_drive_that_was_gone_before_the_watch_began(tmp_path, model):
    (tmp_path / "album").mkdir()
    with Index.open(tmp_path / "index", model.space) as index:
        vector = np.eye(16, dtype=np.float32)[0]
        index.write([index.put(Item("a.png", vector, stamp="old"))])
        found = watching.follow(index, model, tmp_path / "album", stop=threading.Event())
        with pytest.raises(StoreError, match="is its drive mounted"):
            next(found)
        assert len(index) == 1


def test_what_the_kernel_does_not_tell_is_found_later(tmp_path, model, monkeypatch):
    def silent(folder, stop):
        while not stop.is_set():
            time.sleep(0.02)
            yield []

    monkeypatch.setattr(watching, "_batches", silent)
    monkeypatch.setattr(watching, "RESCAN_S", 0.1)
    (tmp_path / "album").mkdir()
    with Index.open(tmp_path / "index", model.space) as index:
        watched = Watched(tmp_path / "album", index, model)
        watched.thread.start()
        (tmp_path / "album" / "bad.png").write_bytes(b"none")
        watched.until(("bad.png", "failed"))
        (tmp_path / "album" / "new.png").write_bytes(picture(1))
        watched.until(("new.png", "added"))
        time.sleep(0.5)
        watched.end()
        # Nothing is told twice, but of a file that was too young to be trusted at first.
        assert watched.entries in ([], [("new.png", "unchanged")])


def test_looking_at_a_large_folder_is_no_silence(tmp_path, model, monkeypatch):
    for number in range(30):
        (tmp_path / "album" / str(number)).mkdir(parents=True)
        (tmp_path / "album" / str(number) / "note.txt").write_text("no picture")
    monkeypatch.setattr(watching, "_batches", lambda *_: [[]])
    steps: list[float] = []
    with Index.open(tmp_path / "index", model.space) as index:
        found = watching.follow(
            index,
            model,
            tmp_path / "album",
            stop=threading.Event(),
            step=lambda: steps.append(time.monotonic()),
        )
        assert list(found) == []
    assert len(steps) > 30


def test_too_many_folders_to_watch(tmp_path, model, monkeypatch):
    def refused(*_, **__):
        raise OSError("OS file watch limit reached.")

    monkeypatch.setattr("watchfiles.watch", refused)
    with Index.open(tmp_path / "index", model.space) as index:
        found = watching.follow(index, model, tmp_path, stop=threading.Event())
        with pytest.raises(StoreError, match=r"sysctl fs\.inotify\.max_user_watches"):
            next(found)


def test_a_name_that_is_no_text_stands_for_its_folder():
    changes = watching._Settling(Path("/a"), Path("/a/own"))
    changes.add(["/a/b/caf\ufffd.png", "/a/own/store.db-wal", "/a/x.png", "/a", "/a/own"])
    assert set(changes._stamps) == {"b", "x.png", ""}


def test_without_watchfiles(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "watchfiles", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'edgeclip\[folder\]'"):
        watching.check()
