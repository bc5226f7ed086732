"""``verify``: every way in which a model or a board can be broken has its verdict."""

from __future__ import annotations

import os
import time

import pytest

from edgeclip.errors import ModelError
from edgeclip.model import goldens, tuned, verify
from edgeclip.model.manifest import Manifest
from edgeclip.model.model import Model
from edgeclip.model.options import SessionOptions
from tests import folders, tiny
from tests.patience import PROMPT_S


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """Put a module of our own in the place of onnxruntime, in child processes only."""

    def put(source):
        place = tmp_path / "stand-in"
        place.mkdir()
        (place / "onnxruntime.py").write_text(source, "utf-8")
        monkeypatch.setenv("PYTHONPATH", f"{place}{os.pathsep}{os.environ['PYTHONPATH']}")

    return put


def one_line(verdict):
    assert verdict.ok == (verdict.verdict == "ok") == (verdict.reason == "")
    assert "\n" not in verdict.reason
    return verdict


def test_a_good_model_is_ok_wherever_it_is_asked(tiny_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = one_line(verify.verify(tiny_model))
    assert found.ok and found.model == "tiny"
    assert found.files == dict.fromkeys(("image.onnx", "text.onnx", "tokenizer.json"), "ok")
    assert set(found.goldens) == {"image", "text"} and min(found.goldens.values()) > 0.999999
    assert "tiny.py" in found.computed_by


@pytest.mark.parametrize("name", ["image.onnx", "text.onnx", "tokenizer.json"])
def test_damaged_files_are_named(tiny_model, tmp_path, name):
    folder = folders.copied(tiny_model, tmp_path / "m")
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 4
    (folder / name).write_bytes(data)
    found = one_line(verify.verify(folder))
    assert found.verdict == "damaged" and name in found.reason and "SHA-256" in found.reason
    assert [file for file, state in found.files.items() if state != "ok"] == [name]
    assert found.goldens == {}


def test_missing_and_cut_files_are_damage_too(tiny_model, tmp_path):
    folder = folders.copied(tiny_model, tmp_path / "m")
    (folder / "text.onnx").unlink()
    (folder / "image.onnx").write_bytes(b"")
    found = one_line(verify.verify(folder))
    assert found.verdict == "damaged"
    assert "missing" in found.files["text.onnx"] and "0 bytes" in found.files["image.onnx"]


def test_swapped_weights_with_honest_hashes_have_drifted(tiny_model, tmp_path):
    folder = folders.copied(tiny_model, tmp_path / "m")
    (folder / "image.onnx").write_bytes(folders.image_graph_with(folders.swap_weights))
    found = one_line(verify.verify(folders.edited(folder, lambda r: None)))
    assert found.verdict == "drifted" and "least cosine image" in found.reason
    assert found.goldens["image"] < 0.9 and found.goldens["text"] > 0.999999
    assert set(found.files.values()) == {"ok"}


def test_another_resize_filter_has_drifted(tiny_model, tmp_path):
    folder = folders.copied(tiny_model, tmp_path / "m")
    folders.edited(folder, lambda r: r["image"].update(filter="bicubic"))
    assert verify.verify(folder).verdict == "drifted"


def test_the_manifest_says_what_is_near_enough(tiny_model, tmp_path):
    folder = folders.copied(tiny_model, tmp_path / "m")
    folders.edited(folder, lambda r: r["goldens"].update(least_cosine=1.5))
    found = one_line(verify.verify(folder))
    assert found.verdict == "drifted" and "needed 1.5" in found.reason


def test_nan_weights_have_failed(tiny_model, tmp_path):
    folder = folders.copied(tiny_model, tmp_path / "m")
    (folder / "image.onnx").write_bytes(folders.image_graph_with(folders.poison_weights))
    found = one_line(verify.verify(folders.edited(folder, lambda r: None)))
    assert found.verdict == "failed" and "non-finite" in found.reason


CRASH = "import os, resource, signal; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); "


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL", "SIGILL"])
def test_a_crashing_runtime_is_a_verdict(tiny_model, stand_in, name):
    stand_in(CRASH + f"os.kill(os.getpid(), signal.{name})")
    found = one_line(verify.verify(tiny_model))
    assert found.verdict == "crashed" and name in found.reason and found.goldens == {}


def test_a_hanging_runtime_is_a_verdict(tiny_model, stand_in):
    stand_in("import time; time.sleep(60)")
    started = time.monotonic()
    found = one_line(verify.verify(tiny_model, timeout_s=1.5))
    assert found.verdict == "timed out" and "1.5 s" in found.reason
    assert time.monotonic() - started < PROMPT_S


@pytest.mark.parametrize(
    "source",
    [
        "raise ImportError('libcudart.so.12: cannot open shared object file\\nand more')",
        "import sys; sys.exit(3)",
        "print('Warning: something'); raise SystemExit(0)",
        "",
    ],
    ids=["import error", "exit", "noise", "empty module"],
)
def test_a_runtime_that_does_not_work_has_failed(tiny_model, stand_in, source):
    stand_in(source)
    assert one_line(verify.verify(tiny_model)).verdict == "failed"


def test_no_readable_manifest_is_an_error(tmp_path):
    with pytest.raises(ModelError):
        verify.verify(tmp_path)


def test_a_model_without_goldens_is_not_ok(tiny_model, tmp_path):
    """Nothing was replayed, so nothing may be vouched for."""
    none = folders.copied(tiny_model, tmp_path / "none")
    folders.edited(none, lambda r: r.pop("goldens"))
    empty = folders.write(tmp_path / "empty")
    for folder in (none, empty):
        found = one_line(verify.verify(folder))
        assert found.verdict == "failed" and "no goldens" in found.reason


@pytest.mark.parametrize("vector", ["", "!!", "AAAA", goldens.encode_vector([1.0, 2.0])])
def test_damaged_expected_vectors_are_not_ok(tiny_model, tmp_path, vector):
    folder = folders.copied(tiny_model, tmp_path / "m")
    folders.edited(folder, lambda r: r["goldens"]["pictures"][3].update(vector=vector))
    assert not one_line(verify.verify(folder)).ok


@pytest.mark.parametrize("at", [0, 1, -1])
def test_an_expected_nan_cannot_hide_among_good_ones(tiny_model, at):
    model = Model.load(tiny_model)
    entries = model.manifest.record["goldens"]["pictures"]
    nan = goldens.encode_vector([float("nan")] * tiny.DIM)
    kept, entries[at]["vector"] = entries[at]["vector"], nan
    found = verify.replay(model)["image"]
    entries[at]["vector"] = kept
    assert not found >= 0.999


def test_unknown_formulas_are_not_ok(tiny_model, tmp_path):
    folder = folders.copied(tiny_model, tmp_path / "m")
    folders.edited(folder, lambda r: r["goldens"]["pictures"][0].update(formula="stars"))
    found = one_line(verify.verify(folder))
    assert found.verdict == "failed" and "stars" in found.reason


def test_compute_and_replay_agree(model):
    section = verify.compute_goldens(model, by="here")
    assert section["pictures"] == model.manifest.record["goldens"]["pictures"]
    assert [entry["text"] for entry in section["texts"]] == list(goldens.TEXTS)


def test_a_model_without_words_replays_its_pictures(tmp_path):
    found = verify.verify(tiny.make(tmp_path / "m", text=None))
    assert found.ok and set(found.goldens) == {"image"}


def test_one_tower_alone_is_replayed(model, tiny_model, tmp_path):
    assert set(verify.replay(model)) == {"image", "text"}
    for tower in ("image", "text"):
        found = verify.replay(Model.load(tiny_model), towers=(tower,))
        assert list(found) == [tower] and found[tower] > 0.999999
    wordless = Model.load(tiny.make(tmp_path / "m", text=None))
    assert verify.replay(wordless, towers=("text",)) == {}


def with_variant(tiny_model, folder, data, *, default, **entry):
    """The tiny model with goldens and a second form of its image tower."""
    folders.copied(tiny_model, folder)
    (folder / "image.int8.onnx").write_bytes(data)
    variant = {"file": "image.int8.onnx", **entry}

    def add(record):
        record["files"]["image.int8.onnx"] = {}
        record["image"]["variants"]["int8"] = variant
        record["image"]["default"] = default

    return folders.edited(folder, add)


ANY = {"mean": -1.0, "least": -1.0, "over": "8 pictures"}
FAR = {"mean": 0.5, "least": 0.2, "over": "8 pictures"}


def test_the_files_of_all_variants_are_hashed(tiny_model, tmp_path):
    folder = with_variant(
        tiny_model, tmp_path / "m", tiny.image_graph(), default="fp32", agreement=FAR
    )
    found = one_line(verify.verify(folder))
    assert found.ok and found.files["image.int8.onnx"] == "ok"
    data = (folder / "image.int8.onnx").read_bytes()
    (folder / "image.int8.onnx").write_bytes(data[:-1] + b"\7")
    found = one_line(verify.verify(folder))
    assert found.verdict == "damaged" and "image.int8.onnx" in found.reason


def test_every_variant_must_come_as_near_as_it_is_said(tiny_model, tmp_path):
    """The default one to the goldens, any other as near as where it was made."""
    far = folders.image_graph_with(folders.swap_weights)  # cosine -0.3
    said = with_variant(tiny_model, tmp_path / "a", far, default="fp32", agreement=ANY)
    assert verify.verify(said).ok and verify.verify(said).goldens["image int8"] < 0
    hushed = with_variant(tiny_model, tmp_path / "b", far, default="fp32", agreement=FAR)
    found = one_line(verify.verify(hushed))
    assert found.verdict == "drifted" and "image int8 -0.29901, needed 0.195" in found.reason
    used = with_variant(tiny_model, tmp_path / "c", far, default="int8", agreement=ANY)
    assert one_line(verify.verify(used)).verdict == "drifted"


def test_a_default_variant_for_other_boards_has_failed(tiny_model, tmp_path):
    providers = ["CUDAExecutionProvider"]
    folder = with_variant(
        tiny_model, tmp_path / "m", tiny.image_graph(), default="int8", providers=providers
    )
    found = one_line(verify.verify(folder))
    assert found.verdict == "failed" and "is for CUDAExecutionProvider" in found.reason


def test_how_near_a_variant_must_come_to_the_goldens(tiny_model, tmp_path):
    """One that is far where it was made cannot come nearer here."""
    data = tiny.image_graph()
    made = [(None, 0.999), (FAR, 0.195), ({**FAR, "goldens": 0.9}, 0.895)]
    made.append(({**FAR, "goldens": 1.0}, 0.994))  # but no nearer than the reference must
    for number, (agreement, expected) in enumerate(made):
        folder = with_variant(
            tiny_model, tmp_path / str(number), data, default="fp32", agreement=agreement
        )
        manifest = Manifest.load(folder)
        assert verify.needed(manifest, "image", "int8") == pytest.approx(expected)
        for tower, variant in (("image", None), ("image", "fp32"), ("text", None)):
            assert verify.needed(manifest, tower, variant) == verify.LEAST_COSINE
    with pytest.raises(ModelError, match="no 'int4' variant"):
        verify.needed(manifest, "image", "int4")
    wordless = Manifest.load(folders.write(tmp_path / "wordless", text=None))
    assert verify.needed(wordless, "text", "") == verify.LEAST_COSINE


def test_what_was_tuned_is_not_what_is_verified(tiny_model, tmp_path, monkeypatch):
    """A model is as good as it was made, whichever variant this board prefers."""
    far = folders.image_graph_with(folders.swap_weights)
    folder = with_variant(tiny_model, tmp_path / "m", far, default="fp32", agreement=ANY)
    monkeypatch.setenv("EDGECLIP_CONFIG", str(tmp_path / "config"))
    chosen = {"image": tuned.Setting("int8", SessionOptions())}
    tuned.write(Manifest.load(folder), chosen, {})
    assert min(verify.replay(Model.load(folder)).values()) < 0.9
    assert one_line(verify.verify(folder)).ok
