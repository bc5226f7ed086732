"""A service of the tiny model and an index of photographs, shared by the tests that only ask."""

from __future__ import annotations

import shutil

import pytest

from edgeclip.index.folder import sync
from edgeclip.index.index import Index
from edgeclip.serve import decoding
from tests.serve import harmful
from tests.serve.serving import serving

PICTURES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")


@pytest.fixture(scope="session")
def gallery(tmp_path_factory, photos):
    """A folder of four photographs, one of them in a folder of its own."""
    folder = tmp_path_factory.mktemp("gallery")
    (folder / "more").mkdir()
    for name in PICTURES[:3]:
        shutil.copy(photos / name, folder / name)
    shutil.copy(photos / PICTURES[3], folder / "more" / PICTURES[3])
    return folder


@pytest.fixture(scope="session")
def indexed(tmp_path_factory, gallery, model):
    """An index of the gallery; copy it to change it."""
    path = tmp_path_factory.mktemp("indexed") / "photos.index"
    with Index.open(path, model.space, model=str(model.manifest.folder)) as index:
        assert [entry.status for entry in sync(index, model, gallery)] == ["added"] * 4
    return path


@pytest.fixture(scope="module")  # other modules count the processes that there are
def served(tmp_path_factory, indexed, gallery):
    """A running service of the index."""
    folder = tmp_path_factory.mktemp("served")
    own = shutil.copytree(indexed, folder / "photos.index")
    with serving(folder, "--index", str(own), "--root", str(gallery)) as running:
        yield running


@pytest.fixture
def client(served):
    """A client of the shared service."""
    with served.client() as asking:
        yield asking


@pytest.fixture
def harm(monkeypatch):
    """Let children do what pictures say."""
    monkeypatch.setattr(decoding, "MAKER", harmful.MAKER)
