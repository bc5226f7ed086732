"""follow: what happens in a folder arrives in the index."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from edgeclip.errors import ExtraMissing, StoreError
from edgeclip.index import watching
from edgeclip.index.index import Index
from edgeclip.index.scan import Rules
from tests.index.albums import Album, Oracle, picture


class Watched:
    """A folder, its index, and a thread that follows."""

    def __init__(self, root: Path, index: Index, model) -> None:
        self.album, self.index, self.model = Album(root, 1), index, model
        self.stop, self.entries = threading.Event(), []
        self.error: Exception | None = None
        self.thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        found = watching.follow(
            self.index, self.model, self.album.root, rules=Rules(), stop=self.stop
        )
        try:
            for entry in found:
                self.entries.append((entry.key, entry.status))
        except Exception as error:
            self.error = error

    def until(self, *wanted: tuple[str, str], seconds: float = 8) -> None:
        end = time.monotonic() + seconds
        while not set(wanted) <= set(self.entries):
            assert time.monotonic() < end and self.error is None, (self.entries, self.error)
            time.sleep(0.02)
        self.entries.clear()

    def end(self) -> None:
        self.stop.set()
        self.thread.join(5)
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


def test_a_folder_that_is_unmounted_ends_it(watched, tmp_path):
    watched.album.root.rename(tmp_path / "away")
    watched.album.root.mkdir()
    (tmp_path / "away" / "x.png").write_bytes(picture(7))
    watched.thread.join(8)
    assert isinstance(watched.error, StoreError) and "unmounted or replaced" in str(watched.error)
    assert len(watched.index) == 1


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
        assert watched.entries == []  # nothing is told twice


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
