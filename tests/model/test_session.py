"""Tensor → vector, against onnx's own reference evaluator."""

from __future__ import annotations

import contextlib
import threading
import warnings
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from edgeclip.errors import ModelError
from edgeclip.model import session, towers
from edgeclip.model.options import SessionOptions
from edgeclip.model.session import Session
from tests import folders, tiny

ONE = SessionOptions(threads=1)
IMAGE = towers.image_tower(folders.image_record())
TEXT = towers.text_tower(folders.text_record())


def image_tower(**changes):
    return towers.image_tower(folders.image_record(**changes))


@pytest.fixture
def put(tmp_path):
    """Write a graph and return its path."""

    def write(data):
        (tmp_path / "graph.onnx").write_bytes(data)
        return tmp_path / "graph.onnx"

    return write


def pictures(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 3, 32, 32)).astype(np.float32)


@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("count", [1, 3, 8])
def test_the_image_tower_equals_the_reference(put, unit, count):
    data = tiny.image_graph()
    name = "image_embeds" if unit else "image_features"
    (expected,) = ReferenceEvaluator(onnx.load_from_string(data)).run(
        [name], {"pixel_values": pictures(count)}
    )
    loaded = Session.load(put(data), IMAGE, ONE, dim=tiny.DIM)
    found = loaded.run(pictures(count), unit=unit)
    assert found.dtype == np.float32 and found.shape == (count, tiny.DIM)
    assert np.abs(found - expected).max() < 1e-5


@pytest.mark.parametrize("unit", [True, False])
def test_the_text_tower_equals_the_reference(put, unit):
    data = tiny.text_graph()
    ids = np.random.default_rng(0).integers(0, tiny.VOCABULARY, (5, tiny.CONTEXT))
    name = "text_embeds" if unit else "text_features"
    (expected,) = ReferenceEvaluator(onnx.load_from_string(data)).run([name], {"input_ids": ids})
    found = Session.load(put(data), TEXT, ONE, dim=tiny.DIM).run(ids, unit=unit)
    assert np.abs(found - expected).max() < 1e-5


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_a_fixed_batch_gives_the_same_vectors(put, count):
    free = Session.load(put(tiny.image_graph()), IMAGE, ONE, dim=tiny.DIM)
    expected = free.run(pictures(count), unit=True)
    fixed = Session.load(put(tiny.image_graph(batch=2)), image_tower(batch=2), ONE, dim=tiny.DIM)
    found = fixed.run(pictures(count), unit=True)
    assert found.shape == expected.shape and np.abs(found - expected).max() < 1e-6


def test_half_precision_inputs(put):
    data = folders.image_graph_with(folders.half_input)
    tower = image_tower(input_dtype="float16")
    found = Session.load(put(data), tower, ONE, dim=tiny.DIM).run(pictures(2), unit=True)
    full = Session.load(put(tiny.image_graph()), IMAGE, ONE, dim=tiny.DIM)
    assert found.dtype == np.float32
    assert np.sum(found * full.run(pictures(2), unit=True), axis=1).min() > 0.99999


def test_a_graph_without_unit_output_is_scaled_here(put):
    path = put(tiny.image_graph())
    raw_only = Session.load(path, image_tower(outputs={"raw": "image_features"}), ONE, dim=tiny.DIM)
    both = Session.load(path, IMAGE, ONE, dim=tiny.DIM)
    assert np.allclose(
        raw_only.run(pictures(2), unit=True), both.run(pictures(2), unit=True), atol=1e-6
    )
    assert np.array_equal(raw_only.run(pictures(2), unit=False), both.run(pictures(2), unit=False))


def test_a_graph_without_raw_output_says_so(put):
    tower = image_tower(outputs={"unit": "image_embeds"})
    loaded = Session.load(put(tiny.image_graph()), tower, ONE, dim=tiny.DIM)
    assert loaded.run(pictures(1), unit=True).shape == (1, tiny.DIM)
    with pytest.raises(ModelError, match="no raw output"):
        loaded.run(pictures(1), unit=False)


def test_only_the_output_that_is_needed_is_asked_for():
    asked = []

    class Inner:
        def run(self, names, feed):
            asked.append((names, list(feed)))
            return [np.ones((1, tiny.DIM), np.float32)]

    loaded = Session(Inner(), IMAGE)
    loaded.run(pictures(1), unit=True)
    loaded.run(pictures(1), unit=False)
    assert asked == [(["image_embeds"], ["pixel_values"]), (["image_features"], ["pixel_values"])]


def test_nan_weights_are_a_model_error(put):
    path = put(folders.image_graph_with(folders.poison_weights))
    loaded = Session.load(path, IMAGE, ONE, dim=tiny.DIM)
    for unit in (True, False):
        with pytest.raises(ModelError, match="non-finite"):
            loaded.run(pictures(1), unit=unit)


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        (np.zeros((1, 16), np.float32), "length zero"),
        (np.full((1, 16), np.inf, np.float32), "non-finite"),
        (np.ones((2, 16), np.float32), r"shape \(2, 16\)"),
        (np.ones(16, np.float32), r"shape \(16,\)"),
        (np.ones((1, 4, 16), np.float32), r"shape \(1, 4, 16\)"),
    ],
)
def test_answers_that_are_no_vectors(answer, match):
    inner = SimpleNamespace(run=lambda names, feed: [answer])
    loaded = Session(inner, image_tower(outputs={"raw": "image_features"}))
    with pytest.raises(ModelError, match=match):
        loaded.run(pictures(1), unit=True)


def test_a_failing_runtime_is_one_line(put):
    loaded = Session.load(put(tiny.image_graph()), IMAGE, ONE, dim=tiny.DIM)
    with pytest.raises(ModelError, match="onnxruntime failed") as caught:
        loaded.run(np.zeros((1, 3, 31, 31), np.float32), unit=True)
    assert "\n" not in str(caught.value)


def test_other_tensors_and_other_widths_are_refused_at_load(put):
    path = put(tiny.image_graph())
    for changes in ({"input": "images"}, {"outputs": {"raw": "pooled"}}):
        with pytest.raises(ModelError, match="has no tensor") as caught:
            Session.load(path, image_tower(**changes), ONE, dim=tiny.DIM)
        assert "image_features" in str(caught.value) and str(path) in str(caught.value)
    with pytest.raises(ModelError, match=r"answers 16 numbers.*the manifest says 512"):
        Session.load(path, IMAGE, ONE, dim=512)


def graph_of(op, domain=""):
    node = helper.make_node(op, ["pixel_values"], ["image_features"], domain=domain)
    shape = ["n", 3, 32, 32]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name in ("pixel_values", "image_features")
    ]
    graph = helper.make_graph([node], "g", values[:1], values[1:])
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.example", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"hello", b"<html>", tiny.image_graph()[:4000], graph_of("Magic", "com.example")],
    ids=["empty", "zero", "text", "html", "cut", "custom operator"],
)
def test_what_is_no_usable_graph(put, data):
    with pytest.raises(ModelError, match=r"graph\.onnx") as caught:
        Session.load(put(data), IMAGE, ONE, dim=tiny.DIM)
    assert "\n" not in str(caught.value)


def test_a_missing_graph_is_a_model_error(tmp_path):
    with pytest.raises(ModelError, match=r"absent\.onnx"):
        session.open_graph(tmp_path / "absent.onnx", ONE)


def test_providers(put):
    path = put(tiny.image_graph())
    loaded = session.open_graph(path, SessionOptions(providers=["CPUExecutionProvider"]))
    assert loaded.get_providers() == ["CPUExecutionProvider"]
    assert "CPUExecutionProvider" in session.available_providers()
    with pytest.raises(ModelError, match=r"no NpuExecutionProvider.*CPUExecutionProvider"):
        session.open_graph(path, SessionOptions(providers=["NpuExecutionProvider"]))


def test_cuda_comes_first_where_it_is(monkeypatch, put):
    have = ["TensorrtExecutionProvider", "CPUExecutionProvider", "CUDAExecutionProvider"]
    monkeypatch.setattr(session, "available_providers", lambda: have)
    asked = {}
    monkeypatch.setattr(
        session.onnxruntime,
        "InferenceSession",
        lambda path, options, providers: asked.update(p=providers),
    )
    session.open_graph(put(tiny.image_graph()), ONE)
    assert asked["p"] == ["CUDAExecutionProvider", "CPUExecutionProvider"]


def test_the_defaults_suit_a_board(monkeypatch, put):
    seen = {}

    def opened(path, options, providers):
        seen["options"] = options

    monkeypatch.setattr(session.onnxruntime, "InferenceSession", opened)
    monkeypatch.setattr(session, "usable_cpus", lambda: 3)
    session.open_graph(put(tiny.image_graph()), SessionOptions())
    options = seen["options"]
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 1)
    assert options.enable_cpu_mem_arena is False
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    session.open_graph(
        put(tiny.image_graph()), SessionOptions(threads=2, spinning=True, arena=True)
    )
    options = seen["options"]
    assert options.intra_op_num_threads == 2 and options.enable_cpu_mem_arena is True
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "1"


def external_graph() -> bytes:
    def move_out(graph):
        tensor = graph.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../../etc/passwd")

    return folders.image_graph_with(move_out)


@pytest.mark.parametrize("installed", [None, "1.23.2", "1.9.0"])
def test_external_data_is_refused_by_every_version(monkeypatch, put, installed):
    """An old onnxruntime never sees the file; a new one refuses what leaves the folder."""
    path = put(external_graph())
    if installed:
        monkeypatch.setattr(session.onnxruntime, "__version__", installed)
        monkeypatch.setattr(session.onnxruntime, "InferenceSession", None)
        with (
            pytest.warns(UserWarning, match="older than 1.27"),
            pytest.raises(ModelError) as caught,
        ):
            session.open_graph(path, ONE)
        assert "other files" in str(caught.value)
    else:
        with pytest.raises(ModelError):
            session.open_graph(path, ONE)


def test_versions_are_compared_as_numbers(monkeypatch, put):
    path = put(tiny.image_graph())
    for text, old in (("1.27.0", False), ("1.100.1", False), ("2.0", False), ("1.26.9", True)):
        monkeypatch.setattr(session.onnxruntime, "__version__", text)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            session.open_graph(path, ONE)
        assert bool(caught) is old, text


def test_one_session_serves_many_threads(put):
    loaded = Session.load(put(tiny.image_graph()), IMAGE, ONE, dim=tiny.DIM)
    expected = loaded.run(pictures(1), unit=True)
    wrong = []

    def work():
        for _ in range(30):
            if not np.array_equal(loaded.run(pictures(1), unit=True), expected):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# --- providers that do not start, and rewritten graphs ------------------------------------------

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"


@pytest.fixture
def jetson(monkeypatch):
    """An onnxruntime that has all providers; the test says which of them start."""
    asked = {}

    def start(*started):
        def opened(path, options, providers):
            asked.update(providers=providers)
            return SimpleNamespace(get_providers=lambda: list(started))

        monkeypatch.setattr(session, "available_providers", lambda: [TENSORRT, CUDA, CPU])
        monkeypatch.setattr(session.onnxruntime, "InferenceSession", opened)
        return asked

    return start


@pytest.mark.parametrize("wanted", [["cuda"], ["cuda", "cpu"], [CUDA, "cpu"], ("tensorrt", "cpu")])
def test_a_provider_that_gives_way_to_the_cpu_is_told(put, jetson, wanted):
    jetson(CPU)
    with pytest.raises(ModelError, match="was asked for and did not start") as caught:
        session.open_graph(put(tiny.image_graph()), SessionOptions(providers=wanted))
    message = str(caught.value)
    assert "\n" not in message and session.version_text() in message
    assert message.startswith((CUDA, TENSORRT)) and "Run: edgeclip doctor; " in message


def test_a_provider_that_nobody_asked_for_may_give_way(put, jetson):
    asked = jetson(CPU)
    assert session.open_graph(put(tiny.image_graph()), ONE).get_providers() == [CPU]
    assert asked["providers"] == [CUDA, CPU]


def test_the_first_that_was_asked_for_must_start_and_the_others_may(put, jetson):
    jetson(TENSORRT, CPU)
    options = SessionOptions(providers=["tensorrt", "cuda", "cpu"])
    assert TENSORRT in session.open_graph(put(tiny.image_graph()), options).get_providers()
    jetson(CUDA, CPU)
    with pytest.raises(ModelError, match=f"{TENSORRT} was asked for"):
        session.open_graph(put(tiny.image_graph()), options)


def test_tensorrt_is_told_the_rows_of_the_tower(put, jetson, monkeypatch, tmp_path):
    monkeypatch.setenv("EDGECLIP_CACHE", str(tmp_path / "cache"))
    asked = jetson(TENSORRT)
    options = SessionOptions(providers=["tensorrt", "cpu"])
    session.open_graph(put(tiny.image_graph()), options, row=("pixel_values", IMAGE.sides))
    (name, told), cpu = asked["providers"]
    assert (name, cpu) == (TENSORRT, CPU)
    assert told["trt_profile_max_shapes"] == "pixel_values:16x3x32x32"
    assert told["trt_engine_cache_path"] == str(tmp_path / "cache" / "tensorrt")


def test_only_tensorrts_first_start_is_told_while_it_lasts(put, jetson, monkeypatch):
    told = []

    def noted(what):
        told.append(what)
        return contextlib.nullcontext()

    monkeypatch.setattr(session, "told", noted)
    jetson(TENSORRT, CUDA, CPU)
    path = put(tiny.image_graph())
    for providers in (["cpu"], ["cuda"], None):
        session.open_graph(path, SessionOptions(providers=providers))
    assert told == []
    session.open_graph(path, SessionOptions(providers=["tensorrt"]))
    assert len(told) == 1 and "TensorRT compiles graph.onnx" in told[0]


@pytest.mark.parametrize("optimisation", ["all", "extended"])
def test_a_rewritten_graph_answers_the_same_bit_for_bit(put, tmp_path, optimisation):
    path, target = put(tiny.image_graph()), tmp_path / "rewritten.onnx"
    options = SessionOptions(threads=1, optimisation=optimisation)
    session.save_optimised(path, options, target)
    expected = Session.load(path, IMAGE, options, dim=tiny.DIM).run(pictures(3), unit=True)
    off = SessionOptions(threads=1, optimisation="off")
    found = Session.load(target, IMAGE, off, dim=tiny.DIM).run(pictures(3), unit=True)
    assert np.array_equal(found, expected)
    kinds = [{node.op_type for node in onnx.load(p).graph.node} for p in (path, target)]
    assert kinds[0] != kinds[1]


def test_a_graph_that_cannot_be_rewritten_or_written(put, tmp_path):
    places = {b"junk": tmp_path, tiny.image_graph(): tmp_path / "absent"}
    for data, place in places.items():
        target = place / "x.onnx"
        with pytest.raises(ModelError, match=r"graph\.onnx cannot be opened") as caught:
            session.save_optimised(put(data), ONE, target)
        assert "\n" not in str(caught.value) and not target.exists()


def test_how_far_a_graph_is_rewritten(monkeypatch, put):
    seen = []
    monkeypatch.setattr(
        session.onnxruntime,
        "InferenceSession",
        lambda path, options, providers: seen.append(options),
    )
    path = put(tiny.image_graph())
    for optimisation in ("all", "extended", "basic", "off"):
        session.open_graph(path, SessionOptions(optimisation=optimisation))
    levels = session.onnxruntime.GraphOptimizationLevel
    assert [options.graph_optimization_level for options in seen] == [
        levels.ORT_ENABLE_ALL,
        levels.ORT_ENABLE_EXTENDED,
        levels.ORT_ENABLE_BASIC,
        levels.ORT_DISABLE_ALL,
    ]


def test_what_a_rewritten_graph_is_bound_to(monkeypatch):
    found = session.runtime()
    assert set(found) == {"onnxruntime", "machine", "features"} and all(found.values())
    assert found == session.runtime()
    monkeypatch.setattr(session.onnxruntime, "__version__", "1.99.0")
    assert session.runtime()["onnxruntime"] == "1.99.0"


def test_an_old_version_rewrites_no_graph_with_external_data(monkeypatch, put, tmp_path):
    """What it wrote would hold a file from outside the model folder, and look clean."""
    path, target = put(external_graph()), tmp_path / "rewritten.onnx"
    monkeypatch.setattr(session.onnxruntime, "__version__", "1.23.2")
    monkeypatch.setattr(session.onnxruntime, "InferenceSession", None)
    with pytest.warns(UserWarning, match="older than 1.27"), pytest.raises(ModelError) as caught:
        session.save_optimised(path, ONE, target)
    assert "other files" in str(caught.value)


@pytest.mark.parametrize("batch", [None, 2])
def test_only_an_open_batch_has_a_profile(put, monkeypatch, batch):
    rows = []
    real = session.open_graph

    def noted(path, options, *, row):
        rows.append(row)
        return real(path, options, row=row)

    monkeypatch.setattr(session, "open_graph", noted)
    path = put(tiny.image_graph(batch=batch or "n"))
    Session.load(path, image_tower(batch=batch), ONE, dim=tiny.DIM)
    assert rows == [None if batch else ("pixel_values", "3x32x32")]
