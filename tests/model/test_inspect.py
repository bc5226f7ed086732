"""What a graph tells when it is opened and run."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from edgeclip.errors import ModelError
from edgeclip.model.inspect import Answers, Graph
from tests import folders, graphs, tiny

RAW, UNIT = "image_features", "image_embeds"
HIDDEN = graphs.output("Relu", ["c"], "hidden", ["n", 8, 2, 2])
OTHER = graphs.output("Relu", ["d"], "other", ["n", 32])
SECOND_UNIT = graphs.output("Neg", [UNIT], "second", ["n", tiny.DIM])


@pytest.fixture
def probe():
    colours = np.eye(3, dtype=np.float32)[:, :, None, None]
    noise = np.random.default_rng(0).random((3, 3, tiny.SIZE, tiny.SIZE), dtype=np.float32)
    return colours + noise


def asked(tmp_path, probe, *changes, wanted=None, batch="n"):
    path = graphs.save(tmp_path / "image.onnx", tiny.image_graph(batch), *changes)
    return Graph.open(path).answers(probe, wanted)


@pytest.mark.parametrize(
    ("change", "outputs"),
    [
        (graphs.without(), {"raw": RAW, "unit": UNIT}),
        (graphs.without(UNIT), {"raw": RAW}),
        (graphs.without(RAW), {"unit": UNIT}),
        (HIDDEN, {"raw": RAW, "unit": UNIT}),
    ],
    ids=["both", "raw", "unit", "and a map"],
)
def test_outputs_are_told_apart_by_their_length(tmp_path, probe, change, outputs):
    assert asked(tmp_path, probe, change) == Answers(outputs, tiny.DIM, None)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_a_fixed_batch(tmp_path, probe, batch):
    answers = asked(tmp_path, probe, batch=batch)
    assert answers == Answers({"raw": RAW, "unit": UNIT}, tiny.DIM, batch)


@pytest.mark.parametrize("change", [graphs.traced_with_one, graphs.mixing])
def test_a_batch_that_is_only_declared_open(tmp_path, probe, change):
    answers = asked(tmp_path, probe, change)
    assert answers.batch == 1 and answers.dim == tiny.DIM


def test_half_precision(tmp_path, probe):
    path = graphs.image(tmp_path / "image.onnx", folders.half_input)
    graph = Graph.open(path)
    assert graph.dtype == "float16"
    assert graph.answers(probe, None).batch is None


@pytest.mark.parametrize("change", [OTHER, SECOND_UNIT], ids=["raw", "unit"])
def test_several_vectors_are_ambiguous_until_one_is_named(tmp_path, probe, change):
    with pytest.raises(ModelError, match=rf"not clear .*{RAW}, {UNIT}, .*--image-output"):
        asked(tmp_path, probe, change)
    assert asked(tmp_path, probe, change, wanted=RAW).outputs == {"raw": RAW}
    assert asked(tmp_path, probe, change, wanted=UNIT).outputs == {"unit": UNIT}


def test_a_raw_and_a_unit_vector_of_different_meaning_are_ambiguous(tmp_path, probe):
    with pytest.raises(ModelError, match="not clear"):
        asked(tmp_path, probe, SECOND_UNIT, graphs.without(UNIT))


@pytest.mark.parametrize(
    ("change", "wanted", "said"),
    [
        (HIDDEN, "absent", "no output 'absent'. It has: image_features, image_embeds, hidden"),
        (HIDDEN, "hidden", r"no output .* is a vector of shape \(n, dim\) \(hidden\)"),
        (graphs.traced_with_one, None, None),
    ],
)
def test_an_output_that_is_named(tmp_path, probe, change, wanted, said):
    if said is None:
        assert asked(tmp_path, probe, change, wanted=RAW).batch == 1
        return
    with pytest.raises(ModelError, match=said):
        asked(tmp_path, probe, change, wanted=wanted)


def test_outputs_that_are_no_floats_do_not_count(tmp_path, probe):
    def classes(model):
        model.graph.node.append(helper.make_node("ArgMax", [RAW], ["best"], axis=1))
        info = helper.make_tensor_value_info("best", TensorProto.INT64, ["n", 1])
        model.graph.output.append(info)

    assert asked(tmp_path, probe, classes).outputs == {"raw": RAW, "unit": UNIT}
    with pytest.raises(ModelError, match=r"no output of .* is a vector"):
        asked(tmp_path, probe, classes, graphs.without(RAW, UNIT))


def test_a_graph_that_does_not_run(tmp_path):
    path = graphs.image(tmp_path / "image.onnx", graphs.shaped("n", 3, "h", "w"))
    with pytest.raises(ModelError, match="does not run") as caught:
        Graph.open(path).answers(np.zeros((3, 3, 48, 48), np.float32), None)
    assert "\n" not in str(caught.value)


def two_inputs(model):
    shape = ["n", tiny.CONTEXT]
    model.graph.input.append(
        helper.make_tensor_value_info("attention_mask", TensorProto.INT64, shape)
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (two_inputs, r"2 inputs \(pixel_values, attention_mask\), a tower has one"),
        (
            lambda model: (
                graphs.before("Cast", to=TensorProto.FLOAT)(model),
                graphs.shaped("n", 3, 32, 32, kind=TensorProto.UINT8)(model),
            ),
            r"eats tensor\(uint8\). Convert it again so that it eats float32 pictures",
        ),
    ],
    ids=["two inputs", "bytes"],
)
def test_inputs_that_no_tower_has(tmp_path, change, said):
    with pytest.raises(ModelError, match=said):
        Graph.open(graphs.image(tmp_path / "image.onnx", change))


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "no ONNX file"), (b"not a graph at all", "no ONNX file"), (None, "is no file")],
)
def test_files_that_are_no_graphs(tmp_path, data, said):
    path = tmp_path / "image.onnx"
    if data is None:
        path.mkdir()
    else:
        path.write_bytes(data)
    with pytest.raises(ModelError, match=said):
        Graph.open(path)


def test_a_graph_that_is_cut_short(tmp_path):
    path = graphs.image(tmp_path / "image.onnx")
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ModelError, match=r"image\.onnx"):
        Graph.open(path)
