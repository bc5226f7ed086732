"""Progress: it is told while a folder is compared, and by nobody else."""

from __future__ import annotations

import json
import time

import pytest

from edgeclip.index import folder, progress
from edgeclip.index.place import CACHE
from edgeclip.index.progress import Progress


def test_it_is_told_while_pictures_come_and_forgotten_then(monkeypatch, index, counting, album):
    monkeypatch.setattr(progress, "_EVERY_S", 0.0)
    seen = []
    for _ in folder.sync(index, counting, album.root):
        seen.append(progress.told(index.path))
    assert seen == [Progress(done, 3) for done in (1, 2, 3)]
    assert progress.told(index.path) is None
    assert list((index.path / CACHE).iterdir()) == []


def test_it_is_forgotten_when_it_is_stopped(index, counting, album):
    entries = folder.sync(index, counting, album.root)
    next(entries)
    assert progress.told(index.path) is not None
    entries.close()
    assert progress.told(index.path) is None


def test_nothing_to_do_tells_nothing(settled, index, counting, album):
    list(folder.sync(index, counting, album.root))
    for _ in folder.sync(index, counting, album.root):
        assert progress.told(index.path) is None


@pytest.mark.parametrize("age", [-1.0, 61.0])
def test_what_a_dead_process_told_is_not_believed(index, age):
    text = json.dumps({"done": 1, "total": 2, "at": time.monotonic() - age})
    (index.path / CACHE / "progress.json").write_text(text)
    assert progress.told(index.path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"done": null, "total": 1, "at": 0}', "3"])
def test_half_a_file_is_none(index, text):
    (index.path / CACHE / "progress.json").write_text(text)
    assert progress.told(index.path) is None


def test_it_never_stops_the_work(index, counting, album):
    (index.path / CACHE).rmdir()
    assert len(list(folder.sync(index, counting, album.root))) == 3
