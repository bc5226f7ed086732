"""The ways in which a tower can be run: which are tried, in which order, and which never."""

from __future__ import annotations

import pytest

from edgeclip.device import settings
from edgeclip.errors import ModelError
from edgeclip.model.manifest import Manifest
from edgeclip.model.options import SessionOptions
from edgeclip.model.providers import CPU, CUDA, TENSORRT
from edgeclip.model.tuned import Setting
from tests import folders, tiny
from tests.device.variants import with_variant

AZURE = "AzureExecutionProvider"


@pytest.fixture
def gpu(monkeypatch):
    """An onnxruntime that says it has all of these."""
    have = [TENSORRT, CUDA, AZURE, CPU]
    monkeypatch.setattr(settings, "available_providers", lambda: have)


@pytest.fixture
def tower(tiny_model, tmp_path):
    """An image tower of three variants, whose default is not the first one."""
    folder = folders.copied(tiny_model, tmp_path / "m")
    with_variant(folder, "fp16", providers=[CUDA, TENSORRT])
    return Manifest.load(with_variant(folder, "int8", default=True)).image


def test_the_towers_of_a_model(tiny_model, tmp_path):
    manifest = Manifest.load(tiny_model)
    assert settings.towers_of(manifest) == ("image", "text")
    assert settings.tower_of(manifest, "image") is manifest.image
    assert settings.tower_of(manifest, "text") is manifest.text
    wordless = Manifest.load(tiny.make(tmp_path / "mute", text=None))
    assert settings.towers_of(wordless) == ("image",)
    with pytest.raises(ModelError, match=r"mute has no text tower\. Leave --tower text out\."):
        settings.tower_of(wordless, "text")


def test_the_providers_that_are_tried(gpu):
    assert settings.providers_here(()) == settings.providers_here(None) == [CUDA, CPU]
    assert settings.providers_here(["cpu"]) == [CPU]
    assert settings.providers_here(["tensorrt", "cpu", CPU, "CPU"]) == [TENSORRT, CPU]


def test_a_provider_that_is_not_there():
    with pytest.raises(ModelError, match=r"onnxruntime has no cuda \(it has: .*CPU"):
        settings.providers_here(["cpu", "cuda"])


@pytest.mark.parametrize(
    ("cpus", "expected"),
    [
        (1, [1]),
        (2, [1, 2]),
        (3, [1, 2, 3]),
        (4, [1, 2, 4]),
        (6, [1, 2, 4, 6]),
        (64, [1, 2, 4, 8, 16, 64]),
    ],
)
def test_the_numbers_of_threads_that_are_tried(monkeypatch, cpus, expected):
    monkeypatch.setattr(settings, "usable_cpus", lambda: cpus)
    assert settings.thread_counts() == expected


def test_a_variant_meets_only_its_providers_and_the_default_comes_first(tower):
    assert settings.pairs(tower, [CPU]) == [("int8", CPU), ("fp32", CPU)]
    assert settings.pairs(tower, [CUDA, CPU]) == [
        ("int8", CUDA),
        ("int8", CPU),
        ("fp32", CUDA),
        ("fp32", CPU),
        ("fp16", CUDA),
    ]
    assert settings.pairs(tower, [TENSORRT])[-1] == ("fp16", TENSORRT)
    assert settings.pairs(tower, []) == []


def test_the_grid_is_whole_without_doubles_and_begins_with_the_usual(tower):
    found = settings.grid(tower, [CPU], [1, 4, 2, 4])
    assert found[0] == Setting("int8", SessionOptions(4, (CPU,)))
    expected = {
        (variant, threads, arena, level)
        for variant in ("int8", "fp32")
        for threads in (1, 2, 4)
        for arena in (False, True)
        for level in ("all", "extended")
    }
    told = [(s.variant, s.options.threads, s.options.arena, s.options.optimisation) for s in found]
    assert len(told) == len(expected) and set(told) == expected
    assert not any(s.options.spinning for s in found)


def test_threads_arena_and_rewriting_are_the_cpus_own(tower):
    found = [s for s in settings.grid(tower, [CUDA, CPU], [1, 2]) if s.options.providers == (CUDA,)]
    assert [s.variant for s in found] == ["int8", "fp32", "fp16"]
    assert all(s.options == SessionOptions(2, (CUDA,)) for s in found)
