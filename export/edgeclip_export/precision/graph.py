"""Read a tower's graph for quantising: constants folded, and the layers that hold weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import numpy_helper

from edgeclip.errors import ExportError
from edgeclip.model import session
from edgeclip.model.options import SessionOptions

OLDEST_OPSET = 13
"""The first with a scale for each channel."""
_CLIPPING = ("Clip", "Relu")


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution or product with constant weights, and the clipping behind it."""

    name: str
    """Of the node."""
    operator: str
    """``Conv``, ``Gemm`` or ``MatMul``."""
    input: str
    """The tensor that is multiplied."""
    output: str
    """What the others read: the node's own output, or that of the clipping behind it."""
    weight: str
    bias: str | None
    axis: int
    """Of the weight, along which each output channel lies."""
    clipping: str | None
    """Name of the ``Clip`` or ``Relu`` behind the node, when nothing else reads the node."""
    depthwise: bool
    """A convolution in groups; slow in int8 on some CPUs and coarse on most."""


def folded(path: Path, scratch: Path) -> onnx.ModelProto:
    """Return a graph whose constants are computed: weights that are stored as fp16 become fp32.

    Args:
        path: the tower's file.
        scratch: an existing folder.

    Raises:
        ExportError: the graph is too old, or computes in other than fp32.
    """
    target = scratch / f"{path.stem}.folded.onnx"
    session.save_optimised(path, SessionOptions(threads=1, optimisation="basic"), target)
    model = onnx.load(target)
    opset = next((entry.version for entry in model.opset_import if not entry.domain), 0)
    if opset < OLDEST_OPSET:
        raise ExportError(
            f"{path.name} is of ONNX opset {opset}, and int8 needs {OLDEST_OPSET}. "
            "Export it again with a newer opset."
        )
    _name_nodes(model)
    return model


def layers(model: onnx.ModelProto, operators: Iterable[str]) -> list[Layer]:
    """Return the layers with constant fp32 weights, in the graph's order."""
    wanted, weights = set(operators), floats(model)
    readers = Counter(name for node in model.graph.node for name in node.input)
    readers.update(output.name for output in model.graph.output)
    clipped = {
        node.input[0]: node
        for node in model.graph.node
        if node.op_type in _CLIPPING and readers[node.input[0]] == 1
    }
    return [
        _layer(node, weights, clipped.get(node.output[0]))
        for node in model.graph.node
        if node.op_type in wanted and _has_weight(node, weights)
    ]


def floats(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    """Return the constant fp32 tensors by name."""
    kind = onnx.TensorProto.FLOAT
    return {tensor.name: tensor for tensor in model.graph.initializer if tensor.data_type == kind}


def attribute(node: onnx.NodeProto, name: str, otherwise: int) -> int:
    """Return a whole number that a node has as attribute."""
    return next((int(entry.i) for entry in node.attribute if entry.name == name), otherwise)


def is_narrow(model: onnx.ModelProto) -> bool:
    """Tell whether the large weights of a graph are int8 already."""
    narrow = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    held: Counter[bool] = Counter()
    for tensor in model.graph.initializer:
        held[tensor.data_type in narrow] += numpy_helper.to_array(tensor).size
    return held[True] > held[False]


def _name_nodes(model: onnx.ModelProto) -> None:
    # Layers are chosen by the names of their nodes, and other converters leave some empty or twice.
    taken: Counter[str] = Counter(node.name for node in model.graph.node)
    for place, node in enumerate(model.graph.node):
        if not node.name or taken[node.name] > 1:
            node.name = f"{node.op_type}_at_{place}"


def _has_weight(node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto]) -> bool:
    if len(node.input) < 2 or node.input[1] not in weights or node.input[0] in weights:
        return False
    bias = node.input[2] if len(node.input) > 2 else ""
    if bias and (bias not in weights or len(weights[bias].dims) != 1):
        return False
    return node.op_type == "Conv" or (len(weights[node.input[1]].dims) == 2 and _is_plain(node))


def _is_plain(node: onnx.NodeProto) -> bool:
    """Tell whether a product is ``x · w + b``, without factors and with ``x`` as it comes."""
    factors = {entry.name: entry.f for entry in node.attribute}
    plain = factors.get("alpha", 1.0) == 1.0 and factors.get("beta", 1.0) == 1.0
    return plain and not attribute(node, "transA", 0)


def _layer(
    node: onnx.NodeProto,
    weights: Mapping[str, onnx.TensorProto],
    clipping: onnx.NodeProto | None,
) -> Layer:
    transposed = node.op_type == "Gemm" and attribute(node, "transB", 0)
    bias = node.input[2] if len(node.input) > 2 and node.input[2] else None
    return Layer(
        name=node.name,
        operator=node.op_type,
        input=node.input[0],
        output=clipping.output[0] if clipping else node.output[0],
        weight=node.input[1],
        bias=bias,
        axis=0 if node.op_type == "Conv" or transposed else 1,
        clipping=clipping.name if clipping else None,
        depthwise=node.op_type == "Conv" and attribute(node, "group", 1) > 1,
    )
