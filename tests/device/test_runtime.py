"""Whether onnxruntime starts: builds of it that crash, hang or cannot find their libraries."""

from __future__ import annotations

import hashlib
import json

import pytest

from edgeclip.device.doctor import runtime
from tests.device.conftest import only, states

CRASH = "import os, resource, signal; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); "
GPU = """
__version__ = "1.31.0"
def get_available_providers():
    return ["CUDAExecutionProvider", "CPUExecutionProvider"]
"""
CPU = GPU.replace('"CUDAExecutionProvider", ', "")


def test_the_one_that_is_installed():
    first, *more = runtime.findings()
    assert first.state == "ok" and "CPUExecutionProvider" in first.message
    assert states(more) == []


def test_an_illegal_instruction_is_told_in_words(stand_in):
    stand_in(CRASH + "os.kill(os.getpid(), signal.SIGILL)")
    found = only(runtime.findings())
    assert found.state == "failed" and "SIGILL" in found.message
    assert "instructions that this CPU does not have" in found.message
    assert found.command.startswith("pip install")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (CRASH + "os.kill(os.getpid(), signal.SIGSEGV)", "died of SIGSEGV"),
        ("raise ImportError('libx.so.1: cannot open shared object file')", "libx.so.1: cannot"),
        ("", "cannot be started"),
    ],
    ids=["crash", "import error", "empty module"],
)
def test_a_runtime_that_does_not_start(stand_in, source, text):
    stand_in(source)
    found = only(runtime.findings())
    assert found.state == "failed" and text in found.message and "\n" not in found.message


@pytest.mark.parametrize("executable", ["", "/absent/python"])
def test_where_no_process_can_be_started(monkeypatch, executable):
    """Then nothing is known of onnxruntime, and to install it again would not help."""
    monkeypatch.setattr("sys.executable", executable)
    found = only([*runtime.findings(), *runtime.hnswlib()])
    assert found.check == "onnxruntime" and found.state == "warning" and found.command is None
    assert "it was not looked at: no process can be started: " in found.message


def test_a_runtime_that_hangs(stand_in):
    stand_in("import time; time.sleep(60)")
    assert "longer than 0.5 s" in only(runtime.findings(timeout_s=0.5)).message


def test_a_provider_whose_library_cannot_be_loaded(stand_in, tree):
    stand_in(GPU, cuda=b"no library")
    root = tree({"dev/nvidiactl": ""})
    found = only(runtime.findings(root))
    assert found.state == "warning" and "CUDAExecutionProvider cannot start: " in found.message
    assert "libonnxruntime_providers_cuda.so" in found.message
    assert next(runtime.findings(root)).message.endswith("providers: CPUExecutionProvider")


def test_tensorrt_is_missed_only_by_those_who_ask_for_it(stand_in, tree):
    source = GPU.replace('["CUDA', '["TensorrtExecutionProvider", "CUDA')
    stand_in(source, tensorrt=b"no library")
    found = list(runtime.findings(tree({"dev/nvidiactl": ""})))
    assert states(found) == [] and "TensorrtExecutionProvider cannot start" in found[1].message


def test_a_provider_without_a_gpu(stand_in, tree):
    stand_in(GPU, cuda=b"no library")
    assert "no GPU can be seen here" in only(runtime.findings(tree())).message


def test_a_jetson_whose_gpu_is_not_used(stand_in, tree):
    stand_in(CPU)
    found = only(runtime.findings(tree({"etc/nv_tegra_release": "# R36"})))
    assert "the GPU of this Jetson is not used" in found.message


def test_the_hnswlib_that_is_installed():
    pytest.importorskip("hnswlib")
    (found,) = runtime.hnswlib()
    assert found.state == "ok"


def test_no_hnswlib(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert list(runtime.hnswlib()) == []


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (CRASH + "os.kill(os.getpid(), signal.SIGILL)", "hnswlib dies of SIGILL: it was built for"),
        ("raise ImportError('no libstdc++')", "hnswlib does not work ("),
    ],
)
def test_an_hnswlib_of_another_cpu(stand_in, source, text):
    pytest.importorskip("hnswlib")
    stand_in(source, "hnswlib")
    found = only(runtime.hnswlib())
    assert found.state == "failed" and text in found.message
    assert found.command.startswith("HNSWLIB_NO_NATIVE=1 pip install")


def test_kept_graphs(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGECLIP_CACHE", str(tmp_path / "cache"))
    graphs = tmp_path / "cache" / "graphs"
    graphs.mkdir(parents=True)
    graph, record = graphs / "a-b.onnx", graphs / "a-b.json"
    graph.write_bytes(b"graph")
    told = {"sha256": hashlib.sha256(b"graph").hexdigest(), "bytes": 5}
    record.write_text(json.dumps(told))
    found = list(runtime.findings())
    assert states(found) == [] and found[-1].message.startswith("1 optimised graph in ")
    graph.write_bytes(b"grapH")
    bad = only(runtime.findings())
    assert bad.check == "cache" and bad.command == f"rm {graph}" and graph.exists()
