"""Files that are broken, out of reach, or in motion; and models that are broken."""

from __future__ import annotations

import os

import numpy as np
import pytest

from edgeclip.errors import ModelError
from edgeclip.index import folder, reading
from tests.index.albums import Counting, picture


def test_a_broken_picture_is_tried_once(run, index, album, counting, settled):
    (album.root / "b.png").write_bytes(b"none")
    found, _ = run()
    assert found["failed"] == ["b.png"] and "b.png" not in index
    entries = [entry for entry in folder.sync(index, counting, album.root) if entry.error]
    assert len(counting.seen) == 3 and not entries[0].tried
    assert entries[0].error.startswith("it is no picture of a format")
    assert "is no picture" in index.records().failed["b.png"].reason
    album.write("b.png", 20)
    assert run()[0]["added"] == ["b.png"] and not index.records().failed


def test_a_picture_that_broke_leaves_the_index(run, index, album):
    run()
    (album.root / "b.png").write_bytes((album.root / "b.png").read_bytes()[:40])
    assert run()[0]["failed"] == ["b.png"] and "b.png" not in index
    (album.root / "b.png").unlink()
    assert run()[0] == {"unchanged": ["a.png", "trip/c.png"]} and not index.records().failed


def test_another_decoder_tries_again(run, album, monkeypatch, settled):
    (album.root / "b.png").write_bytes(b"none")
    run()
    monkeypatch.setattr("edgeclip.model.facts.decoders", lambda: "pillow-99")
    assert run() == ({"unchanged": ["a.png", "trip/c.png"], "failed": ["b.png"]}, 1)


def test_an_unreadable_file_keeps_what_the_index_has(run, index, album, monkeypatch):
    run()
    album.write("b.png", 30)
    album.write("e.png", 31)
    real = os.open

    def guarded(path, *rest, **more):
        if str(path).endswith(("b.png", "e.png")):
            raise PermissionError(13, "Permission denied", path)
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "open", guarded)
    for _ in range(2):
        found, embedded = run()
        assert (found["failed"], embedded) == (["b.png", "e.png"], 0)
        assert "b.png" in index and list(index.records().failed) == ["e.png"]
    monkeypatch.setattr(os, "open", real)
    found, _ = run()
    assert (found["updated"], found["added"]) == (["b.png"], ["e.png"])


def test_a_folder_out_of_sight_keeps_its_items(run, index, album, monkeypatch):
    run()
    real = os.scandir

    def guarded(path):
        if str(path).endswith("trip"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert run()[0] == {"unchanged": ["a.png", "b.png"], "failed": ["trip"]}
    assert "trip/c.png" in index


def test_a_file_that_changes_while_it_is_read(run, index, album, monkeypatch):
    run()
    album.write("b.png", 40)
    real = reading._bytes

    def slow(descriptor, size):
        data = real(descriptor, size)
        with (album.root / "b.png").open("ab") as file:
            file.write(b"more")
        return data

    monkeypatch.setattr(reading, "_bytes", slow)
    assert run()[0]["failed"] == ["b.png"] and "b.png" in index
    monkeypatch.setattr(reading, "_bytes", real)
    assert run()[0]["updated"] == ["b.png"]


def test_a_file_that_vanishes_before_it_is_read(index, counting, album):
    plan = folder.plan(index, album.root, index.records())
    (album.root / "b.png").unlink()
    (album.root / "trip" / "c.png").unlink()
    (album.root / "trip" / "c.png").mkdir()
    found = {entry.key: entry for entry in folder.carry_out(index, counting, plan)}
    assert found["b.png"].error == "it has vanished. Index the folder again."
    assert found["trip/c.png"].status == "failed"
    assert found["a.png"].status == "added" and not index.records().failed


def test_a_pipe_in_the_place_of_a_file_does_not_block(index, counting, album):
    plan = folder.plan(index, album.root, index.records())
    for name in ("a.png", "b.png"):
        (album.root / name).unlink()
    os.mkfifo(album.root / "a.png")
    (album.root / "b.png").symlink_to("trip/c.png")
    found = {entry.key: entry.error for entry in folder.carry_out(index, counting, plan)}
    assert found["a.png"] == "it is no ordinary file any more."
    assert "it cannot be read" in found["b.png"]


def test_a_file_beyond_the_cap_is_not_read(run, index, album, monkeypatch):
    monkeypatch.setattr(reading, "MAX_BYTES", 1 << 20)
    with (album.root / "big.png").open("wb") as file:
        file.truncate(5 << 20)
    assert run()[0]["failed"] == ["big.png"]
    assert "it has 5 MB, more than the limit of 1 MB." in index.records().failed["big.png"].reason
    assert run()[1] == 0


@pytest.mark.parametrize("name", ["caf\udce9.png", "new\nline.png", "-f.png", "x" * 251 + ".png"])
def test_odd_names(run, index, album, name):
    (album.root / name).write_bytes(picture(60))
    found, _ = run()
    assert name in found["added"] and name in index
    (album.root / name).unlink()
    assert run()[0]["removed"] == [name]


def test_a_root_whose_name_is_no_text(index, counting, tmp_path):
    root = tmp_path / "caf\udce9"
    root.mkdir()
    (root / "a.png").write_bytes(picture(1))
    list(folder.sync(index, counting, root))
    assert index.root == root
    assert [entry.status for entry in folder.sync(index, counting, root)] == ["unchanged"]


def test_a_model_that_breaks_is_told(index, album, model):
    class Broken(Counting):
        def embed_images(self, pictures, *, on_error):
            for number, data in enumerate(pictures):
                if number == 1:
                    raise ModelError("image.onnx is damaged. Install the model anew.")
                yield from model.embed_images([data])

    with pytest.raises(ModelError, match="is damaged"):
        list(folder.sync(index, Broken(model), album.root))


def test_large_files_share_the_memory(index, model, album, monkeypatch):
    monkeypatch.setattr(reading.Budget.__init__, "__defaults__", (3000,))
    for seed in range(40):
        (album.root / f"{seed:02}.png").write_bytes(picture(2000 + seed) + bytes(2500))
    held, most = [0], [0]
    real = reading.Budget

    class Watched(real):
        def take(self, count):
            super().take(count)
            held[0] += count
            most[0] = max(most[0], held[0])

        def give(self, count):
            held[0] -= count
            super().give(count)

    monkeypatch.setattr(reading, "Budget", Watched)
    assert len(list(folder.sync(index, model, album.root))) == 43
    assert held[0] == 0 and most[0] < 2 * 3000


def test_an_item_that_cannot_be_kept_fails(index, album, model):
    class Mad(Counting):
        def embed_images(self, pictures, *, on_error):
            return (np.full(16, np.nan, np.float32) for _ in pictures)

    found = list(folder.sync(index, Mad(model), album.root))
    assert {entry.status for entry in found} == {"failed"} and len(index) == 0
    assert "a vector has length nan" in found[0].error
