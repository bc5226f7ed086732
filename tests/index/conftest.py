"""Folders of the tests lie in RAM where there is some: on a disk, each commit waits for it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeclip.index import folder, reading
from edgeclip.index.index import Index
from tests.index.albums import Album, Counting

_RAM = Path("/dev/shm")
_LEAST_FREE = 1 << 30


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder; `tmp_path_factory` gives one on the disk."""
    if not os.access(_RAM, os.W_OK) or shutil.disk_usage(_RAM).free < _LEAST_FREE:
        yield tmp_path_factory.mktemp("disk")
        return
    with tempfile.TemporaryDirectory(dir=_RAM, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def album(tmp_path) -> Album:
    made = Album(tmp_path / "album", 1)
    for seed, name in enumerate(("a.png", "b.png", "trip/c.png")):
        made.write(name, seed)
    return made


@pytest.fixture
def counting(model) -> Counting:
    return Counting(model)


@pytest.fixture
def index(tmp_path, model):
    with Index.open(tmp_path / "index", model.space, model=model.name) as opened:
        yield opened


@pytest.fixture
def run(index, counting, album):
    """Sync; return status → keys, sorted, and how many pictures were given to the model."""

    def call(root: Path | None = None, **options):
        counting.seen.clear()
        found: dict[str, list[str]] = {}
        for entry in folder.sync(index, counting, root or album.root, **options):
            found.setdefault(entry.status, []).append(entry.key)
        # Files that are young are looked at last.
        return {status: sorted(keys) for status, keys in found.items()}, len(counting.seen)

    return call


@pytest.fixture
def settled(monkeypatch):
    """Let no file be too young to be known by its stamp."""
    monkeypatch.setattr(reading, "is_settled", lambda *_: True)
