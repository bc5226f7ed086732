"""Models: every way in which a folder can be damaged has its line."""

from __future__ import annotations

import pytest

from edgeclip.device.doctor import models
from edgeclip.model import verify
from tests import folders, tiny
from tests.device.conftest import only, states


def damaged(name: str):
    def damage(folder):
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 4
        (folder / name).write_bytes(data)

    return damage


def swapped(folder):
    (folder / "image.onnx").write_bytes(folders.image_graph_with(folders.swap_weights))
    folders.edited(folder, lambda _: None)


def poisoned(folder):
    (folder / "image.onnx").write_bytes(folders.image_graph_with(folders.poison_weights))
    folders.edited(folder, lambda _: None)


def linked(folder):
    (folder / "text.onnx").rename(folder.parent / "text.onnx")
    (folder / "text.onnx").symlink_to(folder.parent / "text.onnx")


def external(folder):
    import onnx

    model = onnx.load_from_string(tiny.image_graph())
    path = folder / "image.onnx"
    onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    folders.edited(folder, lambda _: None)


def by_hand(folder):
    folders.edited(folder, lambda r: r.update(dim=8), rehash=False, reseal=False)


def no_json(folder):
    (folder / "model.json").write_text("[" * 100_000)


def newer(folder):
    folders.edited(folder, lambda r: r.update(format=2), rehash=False)


FILES = {
    "image": (damaged("image.onnx"), "image.onnx is damaged"),
    "text": (damaged("text.onnx"), "text.onnx is damaged"),
    "tokenizer": (damaged("tokenizer.json"), "tokenizer.json is damaged"),
    "missing": (lambda folder: (folder / "text.onnx").unlink(), "text.onnx is missing"),
    "cut": (lambda folder: (folder / "image.onnx").write_bytes(b""), "has 0 bytes"),
    "link": (linked, "text.onnx is a link"),
    "external data": (external, "keeps its weights in other files"),
    "manifest by hand": (by_hand, "was changed or damaged"),
    "manifest": (no_json, "is no JSON"),
    "no manifest": (lambda folder: (folder / "model.json").unlink(), "has no model.json"),
    "newer": (newer, "has format 2"),
}


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_damage(tiny_model, tmp_path, name, quick):
    folder = folders.copied(tiny_model, tmp_path / "m")
    damage, text = FILES[name]
    damage(folder)
    found = only(models.findings(folder, quick=quick))
    assert found.check == "model" and found.state == "failed" and found.command
    assert text in found.message and str(folder) in found.message


@pytest.mark.parametrize(
    ("damage", "text"), [(swapped, "drifted"), (poisoned, "non-finite")], ids=["swapped", "nan"]
)
def test_what_only_the_goldens_tell(tiny_model, tmp_path, damage, text):
    folder = folders.copied(tiny_model, tmp_path / "m")
    damage(folder)
    found = only(models.findings(folder))
    assert found.state == "failed" and text in found.message
    assert found.command == f"edgeclip verify {folder}"
    assert states(models.findings(folder, quick=True)) == []


def test_a_good_one(tiny_model):
    (found,) = models.findings(tiny_model)
    assert found.state == "ok" and "image 1.00000, text 1.00000" in found.message
    (found,) = models.findings(tiny_model, quick=True)
    assert found.state == "ok" and "the goldens were left out" in found.message


def test_goldens_that_take_too_long(tiny_model):
    assert "timed out" in only(models.findings(tiny_model, timeout_s=0.01)).message


def test_random_weights_and_a_licence(tmp_path):
    licence = {**tiny.RECORD["license"], "commercial_use": False, "consequence": "Research only."}
    source = {"kind": "untrained", "weights_sha256": "0" * 64}
    folder = folders.write(tmp_path / "m", source=source, license=licence)
    found = list(models.findings(folder, quick=True))
    assert [each.state for each in found] == ["ok", "warning", "ok"]
    assert "m has random weights" in found[1].message
    assert found[2].check == "licence" and "Research only." in found[2].message


def test_a_model_that_does_not_fit_into_memory(tiny_model):
    found = only(models.findings(tiny_model, quick=True, available=50 << 20))
    assert found.state == "warning" and "needs at least 105 MB" in found.message
    assert states(models.findings(tiny_model, quick=True, available=1 << 30)) == []


def test_the_goldens_leave_no_graph_behind(tiny_model, monkeypatch):
    """Graphs that are worth keeping are larger than those of the tests."""
    seen = []

    def asked(*_, environment, **__):
        seen.append(environment)
        return verify.Verdict("tiny", True, "ok", "")

    monkeypatch.setattr(models, "verify", asked)
    assert states(models.findings(tiny_model)) == []
    assert seen == [{"EDGECLIP_CACHE": "off"}]
