"""A model folder is whole or absent, whatever happens while it is written."""

from __future__ import annotations

import copy
import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgeclip.errors import LicenseNotAccepted, ModelError, ParityError
from edgeclip.model import verify, writer
from edgeclip.model.manifest import Manifest
from edgeclip.model.model import Model
from edgeclip.model.writer import write_model
from tests import folders, tiny


def record(**changes):
    return {**copy.deepcopy(tiny.RECORD), "text": None, **changes}


FILES = {"image.onnx": tiny.image_graph()}


def contents(place: Path) -> dict[str, bytes]:
    """Everything below a folder, hidden files too."""
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file()
    }


def test_the_written_folder_loads_and_holds_what_was_given(tmp_path):
    folder = tmp_path / "deep" / "er" / "m"
    assert write_model(folder, record(), FILES, check=lambda _: {"parity": {"rows": []}}) == folder
    manifest = Manifest.load(folder)
    assert manifest.record["parity"] == {"rows": []} and manifest.record["format"] == 1
    assert manifest.files["image.onnx"].bytes == len(FILES["image.onnx"])
    assert Model.load(folder).embed_image(np.zeros((9, 9, 3), np.uint8)).shape == (tiny.DIM,)
    assert [path.name for path in folder.parent.iterdir()] == ["m"]


def test_others_may_read_it(tmp_path):
    folder = write_model(tmp_path / "m", record(), FILES, check=lambda _: None)
    assert folder.stat().st_mode & 0o755 == 0o755


def test_files_are_copied_from_paths(tmp_path):
    source = tmp_path / "graph"
    source.write_bytes(FILES["image.onnx"])
    folder = write_model(tmp_path / "m", record(), {"image.onnx": source}, check=lambda _: None)
    assert (folder / "image.onnx").read_bytes() == source.read_bytes() == FILES["image.onnx"]


def test_the_check_sees_a_model_that_works(tmp_path):
    seen = []

    def check(place):
        seen.append(place)
        return {"goldens": verify.compute_goldens(Model.load(place), by="the check")}

    folder = write_model(tmp_path / "m", record(), FILES, check=check)
    assert seen[0].parent == tmp_path and seen[0] != folder and not seen[0].exists()
    assert verify.replay(Model.load(folder))["image"] > 0.99999


@pytest.mark.parametrize(
    "error",
    [
        ParityError("off by 1"),
        LicenseNotAccepted("say yes"),
        ModelError("no"),
        RuntimeError("bug"),
        KeyboardInterrupt(),
    ],
    ids=repr,
)
@pytest.mark.parametrize("before", [False, True], ids=["new", "replacing"])
def test_a_failing_check_leaves_what_was_there(tmp_path, error, before):
    folder = tmp_path / "m"
    if before:
        write_model(folder, record(name="old"), FILES, check=lambda _: None)
    old = contents(tmp_path)

    def check(_):
        raise error

    with pytest.raises(type(error)) as caught:
        write_model(folder, record(name="new"), FILES, check=check)
    assert caught.value is error
    assert contents(tmp_path) == old
    assert [path.name for path in tmp_path.iterdir()] == (["m"] if before else [])


def test_an_older_model_is_replaced_whole(tmp_path):
    folder = folders.write(tmp_path / "m", name="old")
    write_model(folder, record(name="new"), FILES, check=lambda _: None)
    assert Manifest.load(folder).name == "new"
    assert sorted(path.name for path in folder.iterdir()) == ["image.onnx", "model.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_foreign_places_are_refused_untouched(tmp_path):
    empty, full, file = tmp_path / "empty", tmp_path / "full", tmp_path / "file"
    empty.mkdir()
    full.mkdir()
    (full / "holiday.jpg").write_bytes(b"precious")
    file.write_bytes(b"precious")
    old = contents(tmp_path)
    for place in (empty, full, file):
        with pytest.raises(ModelError, match="is no model folder") as caught:
            write_model(place, record(), FILES, check=lambda _: None)
        assert str(place) in str(caught.value)
    assert contents(tmp_path) == old and empty.is_dir()


@pytest.mark.parametrize("before", [False, True], ids=["new", "replacing"])
@pytest.mark.parametrize("call", ["fsync", "rename", "write_bytes", "copyfile", "mkdtemp"], ids=str)
def test_a_full_disk_at_any_call_leaves_a_whole_model_or_none(tmp_path, monkeypatch, call, before):
    """Fail the first, second, third… use of a system call until the writing succeeds."""
    owner = {
        "fsync": os,
        "rename": Path,
        "write_bytes": Path,
        "copyfile": shutil,
        "mkdtemp": writer.tempfile,
    }[call]
    source = tmp_path / "graph"
    source.write_bytes(FILES["image.onnx"])
    files = {"image.onnx": source, "more": b"more"}
    real = getattr(owner, call)
    for fails_at in range(1, 30):
        place = tmp_path / f"{fails_at}"
        place.mkdir()
        if before:
            write_model(place / "m", record(name="old"), FILES, check=lambda _: None)
        uses = iter(range(1, 1000))

        def failing(*args, fails_at=fails_at, uses=uses, **kwargs):
            if next(uses) == fails_at:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, call, failing)
        try:
            write_model(place / "m", record(name="new"), files, check=lambda _: None)
        except ModelError as error:
            done = False
            assert "No space left" in str(error) and str(place / "m") in str(error)
            assert "\n" not in str(error)
        else:
            done = True
        monkeypatch.setattr(owner, call, real)
        left = [path.name for path in place.iterdir()]
        assert left == ["m"] or (left == [] and not before), (fails_at, left)
        if left:
            assert Manifest.load(place / "m").name in ("old", "new")
        if done:
            assert fails_at > 1, f"{call} was never called"
            assert Manifest.load(place / "m").name == "new"
            return
    pytest.fail("the writing never succeeded")


def test_a_place_that_cannot_be_made_is_a_model_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="cannot be written"):
        write_model(tmp_path / "file" / "m", record(), FILES, check=lambda _: None)


def test_a_missing_source_leaves_nothing(tmp_path):
    with pytest.raises(ModelError):
        write_model(
            tmp_path / "m", record(), {"image.onnx": tmp_path / "absent"}, check=lambda _: None
        )
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_is_text_for_people(tmp_path):
    folder = write_model(tmp_path / "m", record(name="m"), FILES, check=lambda _: None)
    text = (folder / "model.json").read_text("utf-8")
    assert text.endswith("}\n") and text.count("\n") > 20
    assert json.loads(text)["files"]["image.onnx"]["bytes"] == len(FILES["image.onnx"])
