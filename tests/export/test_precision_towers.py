"""Variants of one tower: gates, the way back to fp32, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from edgeclip_export.precision import dynamic, graph, half, static, stored, tower
from edgeclip_export.precision.measure import Gate, Ruler
from edgeclip_export.precision.pictures import Halves
from edgeclip_export.precision.search import Trial, harms_of, settle
from edgeclip_export.precision.tower import Outcome, Work
from onnx import helper, numpy_helper

from edgeclip.model.manifest import Manifest
from tests import tiny

EASY = Gate(mean=0.99, least=0.98, time_ratio=99.0)


def sensitive_graph(factor: float = 3000.0) -> bytes:
    """Four layers, of which ``second`` has a huge weight for a channel that is always 0."""
    first = numpy_helper.to_array(tiny._random("first", 8, 3, 4, 4, scale=0.2)).copy()
    first[0] = 0
    second = numpy_helper.to_array(tiny._random("second", 8, 8, 1, 1, scale=0.4)).copy()
    second[:, 0] = factor
    weights = {
        "w1": first,
        "w2": second,
        "w3": numpy_helper.to_array(tiny._random("deep", 8, 1, 3, 3, scale=0.4)),
        "w4": numpy_helper.to_array(tiny._random("third", 8, 8, 4, 4, scale=0.2)),
        "w5": numpy_helper.to_array(tiny._random("fifth", 32, tiny.DIM, scale=0.2)),
        "six": np.array(6, np.float32),
        "none": np.array(0, np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["pixel_values", "w1"], ["a"], "first", strides=[4, 4]),
        helper.make_node("Clip", ["a", "none", "six"], ["b"], "clip"),
        helper.make_node("Conv", ["b", "w2"], ["c"], "second"),
        helper.make_node("Relu", ["c"], ["d"], "relu"),
        helper.make_node("Conv", ["d", "w3"], ["e"], "deep", group=8, pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["e", "w4"], ["f"], "third", strides=[4, 4]),
        helper.make_node("Flatten", ["f"], ["g"]),
        helper.make_node("MatMul", ["g", "w5"], ["image_features"], "last"),
    ]
    inputs = [
        helper.make_tensor_value_info(
            "pixel_values", onnx.TensorProto.FLOAT, ["n", 3, tiny.SIZE, tiny.SIZE]
        )
    ]
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    return tiny._save(nodes, inputs, ["image_features", "image_embeds"], constants)


@pytest.fixture
def rows() -> list[np.ndarray]:
    generator = np.random.default_rng(3)
    smooth = generator.normal(size=(96, 3, 4, 4)).repeat(8, 2).repeat(8, 3)
    return [(one + 0.3 * generator.normal(size=one.shape))[None].astype(np.float32)
            for one in smooth]  # fmt: skip


@pytest.fixture
def work(tmp_path: Path, tiny_model: Path, rows):
    """Return a function that makes the work on an image graph."""

    def make(data: bytes) -> Work:
        path = tmp_path / "image.onnx"
        path.write_bytes(data)
        described = Manifest.load(tiny_model).image
        ruler = Ruler(described, path, rows[48:], "rows")
        halves = Halves(rows[:48], rows[48:], "rows")
        model = graph.folded(path, tmp_path)
        return Work(model, path, ruler, tmp_path, lambda step: None, halves)

    return make


def in_int8(data: bytes) -> set[str]:
    model = onnx.load_from_string(data)
    return {
        node.name
        for node in model.graph.node
        if len(node.input) > 1 and node.input[1] == f"{node.name}.weight"
    }


def test_a_sensitive_layer_goes_back_to_fp32_and_the_others_stay(work):
    trial, _ = tower._image(work(sensitive_graph()), EASY)
    assert trial.holds and trial.returned == 1
    assert not any("second" in name for name in in_int8(trial.data))
    assert {"first", "third", "last"} <= in_int8(trial.data)


def test_layers_that_harm_nothing_are_all_quantised(work):
    (trial,) = tower._image(work(sensitive_graph(factor=0.1)), EASY)
    assert trial.holds and trial.returned == 0
    assert trial.agreement.mean > 0.999
    assert {"first", "second", "third", "last"} <= in_int8(trial.data)


def test_a_layer_that_went_back_is_not_rounded_by_the_runtime(work):
    made = work(sensitive_graph())
    layers = graph.layers(made.model, ("Conv", "Gemm", "MatMul"))
    seen = tower.calibrate(
        made.model,
        sorted({one.input for one in layers} | {one.output for one in layers}),
        made.halves.calibrate,
        made.scratch,
    )
    weights = {one.name: tower.narrow(made.model, one, seen) for one in layers}
    chosen = [one for one in layers if one.name != "second"]
    path = made.saved(static.quantised(made.model, chosen, seen, weights).SerializeToString())
    assert made.ruler.agreement(path).least > 0.99


def test_a_variant_that_never_agrees_is_refused_with_its_figures(work, monkeypatch):
    monkeypatch.setattr(tower, "IMAGE", replace(EASY, mean=0.9999999, least=0.9999999))
    made = tower.make(work(sensitive_graph()), "int8", "")
    assert not made.data and made.reason.startswith("it is too far from fp32: mean 0.")
    assert made.refusal()["agreement"]["mean"] < 0.9999999
    assert made.refusal()["time_ratio"] > 0


def test_a_variant_that_is_no_faster_is_refused(work, monkeypatch):
    monkeypatch.setattr(tower, "IMAGE", replace(EASY, time_ratio=0.0))
    made = tower.make(work(sensitive_graph()), "int8", "")
    assert not made.data and "there is nothing to win" in made.reason
    assert made.agreement.mean >= EASY.mean


def test_neighbours_are_part_of_the_gate(work):
    made = work(sensitive_graph())
    ruler = Ruler(made.ruler.tower, made.reference, made.ruler.inputs, "rows", neighbours=True)
    same = ruler.agreement(made.reference)
    assert (same.mean, same.least, same.neighbours) == (1.0, 1.0, 1.0)
    turned = np.roll(ruler.vectors(made.reference, ruler.inputs), 1, axis=0)
    assert not tower.IMAGE.holds(ruler.compared(turned))
    assert not tower.IMAGE.holds(replace(same, neighbours=0.94))
    assert tower.IMAGE.holds(replace(same, neighbours=0.95))
    assert not tower.IMAGE.holds(replace(same, least=float("nan")))


def test_weights_are_stored_small_and_the_vectors_stay(work, monkeypatch):
    monkeypatch.setattr(tower, "STORED", replace(tower.STORED, time_ratio=99.0))
    monkeypatch.setattr(stored, "SMALL", 100)
    data = sensitive_graph(factor=0.1)
    for name, share in (("int8-weights", 0.9), ("fp16-weights", 0.9)):
        made = tower.make(work(data), name, "")
        if name == "fp16-weights":  # shrink.halve leaves tensors this small as they are
            assert "of the bytes that there are already" in made.reason
            continue
        assert made.data and len(made.data) < share * len(data), made.reason
        assert made.agreement.mean > 0.999


def test_what_was_stored_as_fp16_without_loss_is_stored_so_again(monkeypatch):
    monkeypatch.setattr(stored, "SMALL", 100)
    model = onnx.load_from_string(tiny.image_graph())
    for tensor in model.graph.initializer:
        if tensor.name == "w2":
            weight = numpy_helper.to_array(tensor).astype(np.float16).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(weight, "w2"))
    names = {tensor.name for tensor in stored.exactly_halved(model).graph.initializer}
    assert "w2.fp16" in names and "w2" not in names and "w1" in names


def test_fp16_is_for_cuda_and_tensorrt_and_measured_in_a_child(work):
    made = tower.make(work(sensitive_graph(factor=0.1)), "fp16", "")
    assert made.data, made.reason
    assert made.entry("f")["providers"] == ["CUDAExecutionProvider", "TensorrtExecutionProvider"]
    assert made.agreement.mean > 0.999 and made.time_ratio is None
    kinds = {one.data_type for one in onnx.load_from_string(made.data).graph.initializer}
    assert onnx.TensorProto.FLOAT16 in kinds


def test_a_child_that_crashes_is_a_refusal(work, monkeypatch):
    ask = half.child.ask

    def killed(module, question, *, timeout_s):
        return ask("tests.cli.crashing", question, timeout_s=timeout_s)

    monkeypatch.setattr(half.child, "ask", killed)
    crashing = tower.make(work(sensitive_graph(factor=0.1)), "fp16", "")
    assert not crashing.data and "SIGSEGV" in crashing.reason


def test_a_graph_that_the_tools_cannot_take_is_refused(work):
    made = work(sensitive_graph())
    broken = replace(made, model=onnx.ModelProto())
    refused = tower.make(broken, "int8", "")
    assert not refused.data and refused.reason.startswith("it could not be made")


def test_text_keeps_to_three_operators_and_its_gate(tmp_path, tiny_model):
    manifest = Manifest.load(tiny_model)
    path = tiny_model / "text.onnx"
    rows = [np.full((1, tiny.CONTEXT), place, np.int64) for place in range(40)]
    made = Work(
        graph.folded(path, tmp_path), path, Ruler(manifest.text, path, rows, "rows"), tmp_path,
        lambda step: None,
    )  # fmt: skip
    assert {"MatMul", "Gather"} == {
        node.op_type for node in made.model.graph.node if node.name in dynamic.parts(made.model)
    }
    strict = tower._text(made, replace(tower.TEXT, mean=0.99999, least=0.99999))
    (loose,) = tower._text(made, replace(tower.TEXT, mean=0.9, least=0.9))
    assert loose.holds and loose.returned == 0
    assert all(one.returned > 0 or not one.holds for one in strict)
    assert (tower.TEXT.mean, tower.TEXT.least) == (0.999, 0.995)


def test_the_worst_layers_go_back_first_and_no_more_than_needed():
    harms = {"a": 1.0, "b": 9.0, "c": 2.0, "d": 5.0, "e": 0.1}
    tried = []

    def attempt(chosen):
        tried.append(tuple(chosen))
        return Trial(b"", None, sum(harms[one] for one in chosen) <= 4)

    worst, stretch = settle(list(harms), attempt, lambda some: sum(harms[one] for one in some), str)
    assert tried[0] == tuple("abcde")
    assert (worst.returned, stretch.returned) == (2, 4)
    assert ("a", "c", "e") in tried and ("d", "e") in tried


def test_nothing_agrees_and_the_first_try_is_told():
    (found,) = settle("abc", lambda some: Trial(b"x", None, False), len, str)
    assert not found.holds and found.returned == 0


def test_on_a_slow_board_neighbours_are_measured_together():
    measured = []

    def harm(some):
        measured.append(len(some))
        return float(sum(some))

    assert harms_of([3, 1, 2, 6], harm, budget_s=1e-9) == [3.0, 3.0, 3.0, 3.0]
    assert measured[-1] == 4
    assert harms_of([3, 1, 2], harm) == [3.0, 1.0, 2.0]


def test_an_outcome_says_what_model_json_holds():
    said = Outcome("int8", b"x", time_ratio=0.3, returned=2).entry("text.int8.onnx")
    wanted = {"file": "text.int8.onnx", "agreement": None, "time_ratio": 0.3, "fp32_layers": 2}
    assert said == wanted
