"""Sources: what there is to embed, here and at addresses, and what one worker makes of it."""

from __future__ import annotations

import os
import pickle
import time
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from edgeclip.errors import EdgeclipError, ModelError
from edgeclip.grow import embedder
from edgeclip.grow.embedder import Embedder, Task
from edgeclip.grow.sources import Folder, source
from edgeclip.grow.tables import Head
from edgeclip.index.scan import Rules, scan
from edgeclip.model import facts
from tests.grow.albums import ODD, album
from tests.pictures import photo


@pytest.fixture
def photos(tmp_path):
    return album(tmp_path / "photos", 9)


def task(model, where, **options) -> Task:
    head = Head(model.space, model.dim, model.name)
    given = {"max_pixels": model.max_pixels, "variants": dict(model.variants)} | options
    return Task(source(where), model.manifest.folder, head, 1, **given)


def rows_of(model, where, **options):
    """What a worker makes of a source that was sent to it."""
    sent = pickle.loads(pickle.dumps(task(model, where, **options)))
    return {row.key: row for row in Embedder(sent).rows(sent.source.entries())}


def check(rows, photos, model, name=lambda key: key):
    for path in [*photos.rglob("*.png"), photos / "broken.jpg"]:
        key = path.relative_to(photos).as_posix()
        if key == ".hidden.png":
            continue
        row = rows[name(key)]
        if key in ("broken.jpg", "empty.png"):
            assert row.vector is None and row.error.startswith("it ")
        else:
            assert np.dot(row.vector, model.embed_image(path)) >= 0.99999 and row.error is None


def test_a_folder_has_the_keys_and_stamps_of_the_index(photos, model):
    rows = rows_of(model, photos)
    stamps = scan(photos, Rules()).files
    assert {row.key: (row.stamp or "").split()[0].strip("~") for row in rows.values()} == stamps
    assert ODD in rows and len(rows[ODD].content_hash) == 32
    check(rows, photos, model)


def test_a_folder_at_an_address(photos, model, tmp_path):
    (photos / ODD).unlink()
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as file:
        for path in photos.rglob("*.*"):
            file.write(path, f"inner/{path.relative_to(photos)}")
    address = f"zip://inner::file://{tmp_path}/photos.zip"
    rows = rows_of(model, address, afar=True)
    check(rows, photos, model)
    assert len(rows) == 11 and rows["0000.png"].stamp.startswith(
        str((photos / "0000.png").stat().st_size)
    )
    again = dict(source(address).entries())
    assert all(
        row.stamp == (again[key] if row.error is None else f"{again[key]} {facts.decoders()}")
        for key, row in rows.items()
    )
    check(rows_of(model, f"file://{photos}"), photos, model)


def test_a_list_of_paths_and_addresses(photos, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["0000.png", "broken.jpg", "empty.png", ODD]
    lines = [f"photos/{name}" for name in names]
    lines += [f"file://{photos}/0003.png", f"{photos}/0006.png", lines[0], "", "photos/none.png"]
    lines += ["file:///nowhere/x.png", "nowhere://x.png"]
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbf" + os.fsencode("\n".join(lines)))
    rows = rows_of(model, "list.txt", afar=True)
    assert list(rows) == [line for line in dict.fromkeys(lines) if line]
    assert not any(row.stamp for row in rows.values())
    failed = {key for key, row in rows.items() if row.error}
    assert failed == {*lines[1:3], *lines[8:]}
    assert np.dot(rows[lines[4]].vector, model.embed_image(photos / "0003.png")) >= 0.99999
    assert all(
        row.error.startswith("it ") and "\n" not in row.error for row in rows.values() if row.error
    )


def test_what_is_nothing_is_refused(tmp_path):
    with pytest.raises(EdgeclipError, match="is no folder, no file and no address"):
        source(tmp_path / "absent")
    (tmp_path / "photo.jpg").write_bytes(bytes(range(256)) * 40)
    with pytest.raises(EdgeclipError, match="is no list of pictures"):
        list(source(tmp_path / "photo.jpg").entries())


def test_what_cannot_be_read_is_a_row(photos, model):
    entries = [("gone.png", "1-2-3"), ("trip", "1-2-3")]
    rows = list(Embedder(task(model, photos)).rows(entries))
    assert [row.stamp for row in rows] == [None, None]
    assert "vanished" in rows[0].error and "no ordinary file" in rows[1].error


@pytest.mark.parametrize("afar", [False, True])
def test_few_pictures_are_read_ahead_however_slow_the_model_is(photos, model, afar):
    begun = []

    @dataclass(frozen=True)
    class Counted:
        root: Path
        name = "a folder"

        def entries(self):
            return Folder(self.root).entries()

        def reader(self):
            read = Folder(self.root).reader()
            return lambda *entry: begun.append(entry) or read(*entry)

    for number in range(60):
        photo(48, 40, number).save(photos / f"more{number}.png")
    given = replace(task(model, photos, afar=afar), source=Counted(photos))
    bound = (embedder._READERS_AFAR if afar else embedder._READERS_HERE) + embedder._AHEAD
    for done, _ in enumerate(Embedder(given).rows(given.source.entries())):
        if done % 20 == 0:
            time.sleep(0.1)  # all that may be read meanwhile is
        assert len(begun) - done <= bound + 1
    assert len(begun) == done + 1 > 60


def test_another_model_in_the_same_folder_is_refused(photos, model):
    with pytest.raises(ModelError, match="Copy the same model folder"):
        Embedder(task(model, photos, draft=True))
