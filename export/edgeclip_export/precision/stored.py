"""Store a tower in fewer bytes and compute in fp32: saves flash where int8 is no faster.

The weights are widened by nodes that hang on constants alone, so the runtime does it once, when it
opens the graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edgeclip_export.precision.graph import floats, layers
from edgeclip_export.precision.narrow import rounded
from edgeclip_export.starter.shrink import SMALL, halve

__all__ = ["exactly_halved", "halve", "narrowed"]


def exactly_halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store as fp16 the large weights that lose nothing by it, as those of a graph that did so."""
    found = {}
    for name, tensor in floats(model).items():
        if np.prod(tensor.dims) < SMALL:
            continue
        weight = numpy_helper.to_array(tensor)
        half = weight.astype(np.float16)
        if np.array_equal(half.astype(np.float32), weight):
            found[name] = [numpy_helper.from_array(half, f"{name}.fp16")]
    return _with(model, found)


def narrowed(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store the weights of convolutions, products and tables as int8, a scale for each channel."""
    held, found = floats(model), {}
    for name, axis in _axes(model).items():
        values, scales = rounded(numpy_helper.to_array(held[name]), axis)
        shape = [1] * values.ndim
        shape[axis] = -1
        parts: dict[str, NDArray[Any]] = {"int8": values, "scale": scales.reshape(shape)}
        found[name] = [numpy_helper.from_array(v, f"{name}.{part}") for part, v in parts.items()]
    return _with(model, found)


def _axes(model: onnx.ModelProto) -> dict[str, int]:
    """Return the large weights that may be int8, and the side that has the channels."""
    held = floats(model)
    found = {one.weight: one.axis for one in layers(model, ("Conv", "Gemm", "MatMul"))}
    for node in model.graph.node:
        if node.op_type == "Gather" and node.input[0] in held:
            found.setdefault(node.input[0], 0)
    return {name: axis for name, axis in found.items() if np.prod(held[name].dims) >= SMALL}


def _with(
    model: onnx.ModelProto, stored: Mapping[str, Sequence[onnx.TensorProto]]
) -> onnx.ModelProto:
    """Put narrow tensors in the place of weights, and the nodes that widen them in front."""
    nodes = [node for name, tensors in stored.items() for node in _widening(name, tensors)]
    kept = [tensor for tensor in model.graph.initializer if tensor.name not in stored]
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.initializer[:]
    copy.graph.initializer.extend([*kept, *(one for many in stored.values() for one in many)])
    del copy.graph.node[:]
    copy.graph.node.extend([*nodes, *model.graph.node])
    return copy


def _widening(name: str, tensors: Sequence[onnx.TensorProto]) -> list[onnx.NodeProto]:
    """Return the nodes that make a weight of its values, or of its values and scales."""
    wide, cast = onnx.TensorProto.FLOAT, name if len(tensors) == 1 else f"{name}.cast"
    nodes = [helper.make_node("Cast", [tensors[0].name], [cast], f"{name}.widen", to=wide)]
    if len(tensors) == 2:
        nodes.append(helper.make_node("Mul", [cast, tensors[1].name], [name], f"{name}.scaled"))
    return nodes
