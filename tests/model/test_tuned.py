"""What was found best on this board: kept, read when a model is loaded, and never in the way."""

from __future__ import annotations

import builtins
import json
import os
import subprocess
import sys

import pytest

from edgeclip.errors import EdgeclipError, ModelError
from edgeclip.model import parts, session, tuned
from edgeclip.model.manifest import Manifest
from edgeclip.model.model import Model
from edgeclip.model.options import SessionOptions
from edgeclip.model.providers import CUDA
from edgeclip.model.tuned import Setting
from tests import folders, tiny
from tests.pictures import photo

NEAR = {"mean": 0.9999, "least": 0.999, "over": "8 pictures"}
FOUND = {
    "image": Setting("int8", SessionOptions(threads=2, arena=True)),
    "text": Setting("fp32", SessionOptions(threads=1, spinning=True)),
}


@pytest.fixture
def config(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGECLIP_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model with three forms of the image tower."""
    return written(tmp_path_factory.mktemp("tuned") / "m")


def written(folder, **changes):
    variants = {
        "fp32": {"file": "image.onnx", "agreement": None},
        "int8": {"file": "image.int8.onnx", "agreement": NEAR},
        "fp16": {"file": "image.fp16.onnx", "agreement": NEAR, "providers": [CUDA]},
    }
    data = {f"image.{kind}.onnx": tiny.image_graph() for kind in ("int8", "fp16")}
    return folders.write(folder, data, image=folders.image_record(variants=variants), **changes)


@pytest.fixture
def manifest(folder):
    return Manifest.load(folder)


def settings(manifest, **asked):
    """What `Model.load` would use for the image tower."""
    return tuned.setting(manifest, "image", asked.pop("variant", None), asked)


@pytest.fixture
def opened(monkeypatch):
    """Note which file is opened how."""
    seen = []
    real = session.open_graph

    def noted(path, options, **more):
        seen.append((path.name, options))
        return real(path, options, **more)

    monkeypatch.setattr(session, "open_graph", noted)
    return seen


def test_nothing_found_is_the_default(manifest, config):
    assert tuned.read(manifest) == {} and not config.exists()
    assert settings(manifest) == Setting("fp32", SessionOptions())
    asked = {"threads": 3, "arena": None, "spinning": True, "providers": ["cpu"]}
    expected = SessionOptions(threads=3, spinning=True, providers=["cpu"])
    assert settings(manifest, **asked) == Setting("fp32", expected)


def test_what_is_kept_is_what_is_read(manifest, config):
    path = tuned.write(manifest, FOUND, {"image_s": 0.1})
    assert path == config / "tuned.json" and tuned.read(manifest) == FOUND
    (entry,) = json.loads(path.read_text())["entries"].values()
    assert entry["measured"] == {"image_s": 0.1} and entry["model"] == "m"
    every = SessionOptions(2, ["cpu"], True, True, "extended", False)
    tuned.write(manifest, {"image": Setting("fp32", every)}, {})
    assert tuned.read(manifest) == {"image": Setting("fp32", every)}  # the last one counts


def test_a_model_is_run_as_found(folder, manifest, config, opened):
    tuned.write(manifest, FOUND, {})
    model = Model.load(folder)
    model.embed_image(photo())
    model.embed_text("a cat")
    (image, options), (text, words) = opened
    assert (image, options.threads, options.arena) == ("image.int8.onnx", 2, True)
    assert (text, words.threads, words.spinning, words.arena) == ("text.onnx", 1, True, False)


def test_what_is_asked_for_wins(manifest, config):
    tuned.write(manifest, FOUND, {})
    found = settings(manifest, threads=1, arena=False, spinning=None)
    assert found == Setting("int8", SessionOptions(threads=1))
    assert settings(manifest, variant="int8") == FOUND["image"]
    # What was measured with one variant says nothing of another.
    assert settings(manifest, variant="fp32") == Setting("fp32", SessionOptions())
    assert settings(manifest, variant="fp32", threads=1).options == SessionOptions(threads=1)


def test_a_variant_that_the_model_has_not(folder, manifest, config):
    for _ in range(2):
        with pytest.raises(ModelError, match=r"no 'int4' variant.*fp32, int8, fp16"):
            settings(manifest, variant="int4")
        tuned.write(manifest, FOUND, {})
    tuned.write(manifest, {**FOUND, "image": Setting("int4", SessionOptions(threads=2))}, {})
    assert tuned.read(manifest) == {"text": FOUND["text"]}
    assert Model.load(folder).embed_image(photo()).shape == (tiny.DIM,)


def test_a_variant_for_certain_providers_gives_way_to_those_asked_for(manifest, config):
    """Who asks for the CPU did not ask for a variant that it cannot run."""
    gpu = Setting("fp16", SessionOptions(threads=2, providers=[CUDA]))
    tuned.write(manifest, {"image": gpu}, {})
    for asked in ([CUDA], (CUDA,), ("cuda",), ["cuda", "cpu"]):  # the last are the command line's
        assert settings(manifest, providers=asked).variant == "fp16"
    assert settings(manifest) == gpu == settings(manifest, providers=[CUDA])
    assert settings(manifest, providers=["cpu"]).variant == "fp32"
    assert settings(manifest, providers=["cpu"], variant="fp16").variant == "fp16"
    tuned.write(manifest, FOUND, {})
    assert settings(manifest, providers=["cpu"]).variant == "int8"


def other_threads(monkeypatch):
    monkeypatch.setattr(tuned, "usable_cpus", lambda: 99)


def other_version(monkeypatch):
    monkeypatch.setattr(session.onnxruntime, "__version__", "1.99.0")


def other_cpu(monkeypatch):
    monkeypatch.setattr(session, "cpu_features", lambda: ("asimd",))


def other_providers(monkeypatch):
    monkeypatch.setattr(session, "available_providers", lambda: [CUDA, "CPUExecutionProvider"])


@pytest.mark.parametrize("change", [other_threads, other_version, other_cpu, other_providers])
def test_on_another_board_it_was_not_measured(manifest, config, monkeypatch, change):
    tuned.write(manifest, FOUND, {})
    with monkeypatch.context() as patch:
        change(patch)
        assert tuned.read(manifest) == {} and not tuned.forget(manifest)
        theirs = {"image": Setting("fp32", SessionOptions(threads=4))}
        tuned.write(manifest, theirs, {})
        assert tuned.read(manifest) == theirs
    assert tuned.read(manifest) == FOUND  # and both boards keep theirs in one home


def test_another_model_was_not_measured(manifest, config, tmp_path):
    tuned.write(manifest, FOUND, {})
    other = Manifest.load(written(tmp_path / "m", logit_scale=3.0))
    assert other.name == manifest.name and tuned.read(other) == {}
    assert not tuned.forget(other) and tuned.read(manifest) == FOUND


def test_a_model_without_words(tmp_path, config):
    manifest = Manifest.load(folders.write(tmp_path / "m", text=None))
    tuned.write(manifest, {**FOUND, "image": Setting("fp32", SessionOptions(threads=2))}, {})
    assert set(tuned.read(manifest)) == {"image"}
    assert tuned.setting(manifest, "text", None, {"threads": 1}).variant == ""


JUNK = {
    "empty": "",
    "no json": "{",
    "deep": "[" * 100_000,
    "null": "null",
    "list": "[1]",
    "text": '"entries"',
    "no entries": '{"format": 1}',
    "entries a list": '{"format": 1, "entries": [[1, 2]]}',
    "entries a text": '{"format": 1, "entries": "text"}',
    "another format": '{"format": 2, "entries": {"KEY": {}}}',
    "no bytes": b"\xff\xfe",
}


@pytest.mark.parametrize("junk", JUNK)
def test_a_damaged_file_counts_as_nothing_found(manifest, config, junk):
    path = tuned.write(manifest, FOUND, {})
    path.write_bytes(JUNK[junk] if isinstance(JUNK[junk], bytes) else JUNK[junk].encode())
    assert tuned.read(manifest) == {} and not tuned.forget(manifest)
    assert settings(manifest) == Setting("fp32", SessionOptions())
    tuned.write(manifest, FOUND, {})
    assert tuned.read(manifest) == FOUND


WRONG = [
    {"threads": 0},
    {"threads": -1},
    {"threads": "2"},
    {"threads": 1.5},
    {"providers": "cpu"},
    {"providers": [1]},
    {"providers": {"cpu": 1}},
    {"spinning": "no"},
    {"arena": None},
    {"cache": 1},
    {"optimisation": "most"},
    {"optimisation": ["all"]},
    {"warp": 9},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_options_that_are_none_count_as_nothing_found(folder, manifest, config, wrong):
    path = tuned.write(manifest, FOUND, {})
    told = json.loads(path.read_text())
    (entry,) = told["entries"].values()
    entry["image"]["options"] |= wrong
    path.write_text(json.dumps(told))
    assert "image" not in tuned.read(manifest)
    assert Model.load(folder).embed_image(photo()).shape == (tiny.DIM,)


@pytest.mark.parametrize(
    "junk", [None, [], 3, "text", {"image": None}, {"image": {}}, {"image": []}], ids=str
)
def test_an_entry_that_is_none_counts_as_nothing_found(manifest, config, junk):
    path = tuned.write(manifest, FOUND, {})
    told = json.loads(path.read_text())
    told["entries"] = dict.fromkeys(told["entries"], junk)
    path.write_text(json.dumps(told))
    assert tuned.read(manifest) == {}


def test_a_file_that_cannot_be_read_counts_as_nothing_found(manifest, config):
    (config / "tuned.json").mkdir(parents=True)
    assert tuned.read(manifest) == {}


def one_line(error, *names):
    message = str(error)
    assert "\n" not in message and all(str(name) in message for name in names)
    assert message.endswith(".") and message.count(". ") == 1  # what it is, and what to do
    return message


def test_a_place_that_cannot_be_written(manifest, config, monkeypatch):
    config.mkdir()
    (config / "tuned.json").mkdir()
    with pytest.raises(EdgeclipError) as caught:
        tuned.write(manifest, FOUND, {})
    one_line(caught.value, config / "tuned.json", "cannot be written")
    assert [path.name for path in config.iterdir()] == ["tuned.json"]  # and nothing is left
    monkeypatch.setenv("EDGECLIP_CONFIG", "/dev/full/folder")
    with pytest.raises(EdgeclipError) as caught:
        tuned.write(manifest, FOUND, {})
    one_line(caught.value, "/dev/full/folder cannot be made", "EDGECLIP_CONFIG")
    monkeypatch.setenv("EDGECLIP_CONFIG", "/proc/edgeclip")
    with pytest.raises(EdgeclipError) as caught:
        tuned.write(manifest, FOUND, {})
    one_line(caught.value, "/proc/edgeclip")


def test_no_place_at_all(manifest, monkeypatch):
    monkeypatch.setenv("EDGECLIP_CONFIG", "off")
    with pytest.raises(EdgeclipError) as caught:
        tuned.write(manifest, FOUND, {})
    one_line(caught.value, "no place for settings", "EDGECLIP_CONFIG")
    assert tuned.read(manifest) == {} and not tuned.forget(manifest)


def test_what_is_forgotten_is_gone_and_nothing_else(manifest, config, tmp_path):
    other = Manifest.load(written(tmp_path / "m", logit_scale=3.0))
    assert not tuned.forget(manifest) and not config.exists()
    tuned.write(manifest, FOUND, {})
    tuned.write(other, FOUND, {})
    assert tuned.forget(manifest) and not tuned.forget(manifest)
    assert tuned.read(manifest) == {} and tuned.read(other) == FOUND


def test_without_onnxruntime_settings_are_not_what_fails(folder, manifest, config, monkeypatch):
    """Whoever opens a tower is told to install it; until then nobody needs it."""
    tuned.write(manifest, FOUND, {})
    real = builtins.__import__

    def without(name, *rest):
        if name == "edgeclip.model.session":
            raise ImportError("No module named 'onnxruntime'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert Model.load(folder).name == "m"


LAZY = (
    "import sys; from edgeclip import Model; model = Model.load(sys.argv[1]); print(model.space); "
    "assert 'onnxruntime' not in sys.modules, 'imported'"
)


def test_loading_alone_imports_no_onnxruntime(folder, tmp_path, config):
    """Neither without settings, nor with those of other models."""
    command = [sys.executable, "-c", LAZY, str(folder)]
    environment = {**os.environ, "EDGECLIP_CONFIG": str(config)}
    other = Manifest.load(written(tmp_path / "other"))
    for _ in range(2):
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        tuned.write(other, FOUND, {})


def test_a_text_tower_is_never_kept_rewritten(folder, monkeypatch):
    """It would save nothing, and cost the disk its size again."""
    asked = []
    manifest = Manifest.load(folder)
    monkeypatch.setattr(parts, "_open", lambda _, __, setting: asked.append(setting.options))
    parts.open_text(manifest, Setting("fp32", SessionOptions(threads=2)))
    assert asked == [SessionOptions(threads=2, cache=False)]
