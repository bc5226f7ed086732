"""Execution providers: their names, and what TensorRT is told."""

from __future__ import annotations

import pytest

from edgeclip.errors import ModelError
from edgeclip.model import providers
from edgeclip.model.providers import CPU, CUDA, TENSORRT, full_name, resolved

JETSON = [TENSORRT, CUDA, CPU]
PLAIN = ["AzureExecutionProvider", CPU]
ROW = ("pixel_values", "3x256x256")


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGECLIP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("wanted", "available", "expected"),
    [
        (None, JETSON, [CUDA, CPU]),  # TensorRT compiles for minutes: only who asks gets it
        (None, PLAIN, [CPU]),
        (["cpu"], JETSON, [CPU]),
        (["CUDA"], JETSON, [CUDA]),
        (["tensorrt", "cuda", "cpu"], JETSON, JETSON),
        (["TensorRT"], JETSON, [TENSORRT]),
        ([TENSORRT, CPU], JETSON, [TENSORRT, CPU]),
        (("azure",), PLAIN, ["AzureExecutionProvider"]),
        (["azureexecutionprovider"], PLAIN, ["AzureExecutionProvider"]),
        ([], PLAIN, []),
    ],
)
def test_names(wanted, available, expected):
    assert resolved(wanted, available) == expected


@pytest.mark.parametrize("name", ["cuda", "CUDAExecutionProvider", "npu", "", "cpu cuda"])
def test_a_provider_that_is_not_there(name):
    with pytest.raises(ModelError) as caught:
        resolved(["cpu", name], PLAIN)
    message = str(caught.value)
    assert f"has no {name} (it has: {', '.join(PLAIN)})" in message and "\n" not in message
    assert message.endswith("Install a build that has it, or ask for another provider.")


def test_names_that_nobody_knows_stay_as_they_are():
    assert full_name("npu", PLAIN) == "npu"
    assert full_name("cuda", PLAIN) == CUDA  # known, although it is not here
    assert full_name("QNN", ["QNNExecutionProvider"]) == "QNNExecutionProvider"


def test_only_tensorrt_has_settings(cache):
    assert list(providers.with_settings([CUDA, CPU], ROW)) == [CUDA, CPU]
    assert not cache.exists()


def test_tensorrt_keeps_its_engines_and_knows_the_batches(cache):
    (name, told), *others = providers.with_settings(JETSON, ROW)
    assert name == TENSORRT and others == [CUDA, CPU]
    assert told == {
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(cache / "tensorrt"),
        "trt_timing_cache_enable": True,
        "trt_timing_cache_path": str(cache / "tensorrt"),
        "trt_profile_min_shapes": "pixel_values:1x3x256x256",
        "trt_profile_opt_shapes": "pixel_values:1x3x256x256",
        "trt_profile_max_shapes": "pixel_values:16x3x256x256",
    }
    assert (cache / "tensorrt").is_dir() and providers.engines() == cache / "tensorrt"


def test_tensorrt_without_a_row_or_a_place(cache, monkeypatch):
    ((_, told),) = providers.with_settings([TENSORRT], None)
    assert "trt_engine_cache_path" in told and not any("profile" in key for key in told)
    monkeypatch.setenv("EDGECLIP_CACHE", "off")
    assert list(providers.with_settings([TENSORRT], None)) == [(TENSORRT, {})]
    assert providers.engines() is None


def test_a_place_that_cannot_be_made_is_tensorrts_to_tell(cache):
    cache.write_text("a file")
    ((_, told),) = providers.with_settings([TENSORRT], ROW)
    assert told["trt_engine_cache_path"] == str(cache / "tensorrt")
