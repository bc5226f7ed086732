"""Weights in int8: the rounding of a channel and the bias that takes its shift out."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from edgeclip_export.precision import graph, narrow
from edgeclip_export.precision.ranges import Calibration
from onnx import helper, numpy_helper


def one_layer(operator: str, shape: tuple[int, ...], *, bias: bool = True, **attributes: object):
    """Return a graph of one layer, and the layer."""
    generator = np.random.default_rng(5)
    weight = generator.normal(size=shape).astype(np.float32)
    channels = shape[0] if operator == "Conv" or attributes.get("transB") else shape[1]
    constants = {"w": weight, "b": generator.normal(size=channels).astype(np.float32)}
    names = ["x", "w", "b"] if bias else ["x", "w"]
    node = helper.make_node(operator, names, ["y"], "layer", **attributes)
    inputs = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, None)]
    outputs = [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)]
    tensors = [numpy_helper.from_array(constants[name], name) for name in names[1:]]
    model = helper.make_model(helper.make_graph([node], "g", inputs, outputs, tensors))
    (layer,) = graph.layers(model, (operator,))
    return model, layer, weight


@pytest.mark.parametrize("axis", [0, 1])
def test_each_channel_is_rounded_to_its_own_steps(axis):
    weight = np.random.default_rng(1).normal(size=(6, 5, 3, 3)).astype(np.float32)
    weight *= np.logspace(-3, 3, weight.shape[axis]).reshape([-1, 1, 1, 1] if axis == 0
                                                             else [1, -1, 1, 1])  # fmt: skip
    values, scales = narrow.rounded(weight, axis)
    error = np.abs(narrow.widened(values, scales, axis) - weight)
    others = tuple(side for side in range(4) if side != axis)
    assert np.all(error.max(others) <= scales / 2 * 1.001) and np.abs(values).max() == 127


@pytest.mark.parametrize(
    ("operator", "shape", "attributes"),
    [
        ("Conv", (8, 4, 1, 1), {}),
        ("Conv", (8, 4, 3, 3), {}),
        ("Conv", (8, 1, 3, 3), {"group": 8}),
        ("Conv", (8, 2, 3, 3), {"group": 4}),
        ("Gemm", (8, 16), {"transB": 1}),
        ("Gemm", (16, 8), {}),
    ],
)
def test_the_bias_takes_out_what_the_rounding_adds_on_average(operator, shape, attributes):
    model, layer, _ = one_layer(operator, shape, **attributes)
    channels = {"Conv": shape[1] * attributes.get("group", 1)}.get(operator, 16)
    generator = np.random.default_rng(2)
    mean = generator.uniform(1, 3, channels)
    sides = (9, 9) if operator == "Conv" else ()
    x = np.broadcast_to(mean.reshape(-1, *[1] * len(sides)), (1, channels, *sides))
    held = narrow.narrow(model, layer, Calibration({}, {"x": mean}))
    expected = reference(model, x)
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    weight = narrow.widened(held.values, held.scales, layer.axis).astype(np.float32)
    wide.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "w"))
    plain = np.abs(reference(wide, x) - expected).max()
    wide.graph.initializer[1].CopyFrom(numpy_helper.from_array(held.bias.astype(np.float32), "b"))
    assert np.abs(reference(wide, x) - expected).max() < 1e-4 < plain


def reference(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(model).run(None, {"x": x.astype(np.float32)})[0]


def test_a_layer_without_bias_gets_one_and_a_product_has_none():
    model, layer, _ = one_layer("Conv", (8, 4, 1, 1), bias=False)
    assert narrow.narrow(model, layer, Calibration({}, {"x": np.ones(4)})).bias.shape == (8,)
    model, layer, _ = one_layer("MatMul", (16, 8), bias=False)
    assert narrow.narrow(model, layer, Calibration({}, {"x": np.ones(16)})).bias is None


def test_products_with_factors_are_left_alone():
    for attributes in ({"alpha": 0.5}, {"transA": 1}, {"beta": 2.0}):
        with pytest.raises(ValueError, match="not enough values"):
            one_layer("Gemm", (16, 8), **attributes)
