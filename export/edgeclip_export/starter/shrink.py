"""Store a graph in fewer bytes without changing what it computes with: fp32 in, fp32 out.

A weight is kept as fp16 or int8 and widened inside the graph.  Widening hangs on constants alone,
so the runtime either does it once when it loads the graph, or picks a kernel that reads the narrow
weight itself; both are as fast as the fp32 graph or faster.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Floats = NDArray[np.float32]
SMALL = 2048  # numbers; a shorter tensor costs more as a node than it saves as bytes


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store every large fp32 weight as fp16 and widen it with ``Cast``.

    Returns:
        A new model whose weights are rounded to fp16; the arithmetic stays fp32.
    """
    return _replace_weights(model, _large_floats(model), _as_half)


def quantize(model: onnx.ModelProto, *, keep: Collection[str] = ()) -> onnx.ModelProto:
    """Store the weights of ``MatMul`` and ``Gather`` as int8, the rest of the large ones as fp16.

    A matrix gets one scale for each column and ``DequantizeLinear`` before its ``MatMul``; an
    embedding table gets one scale for each row, and only the rows that were looked up are widened.
    The runtime may read the int8 matrix itself and round the activations for it, block by block
    within a token, so a vector does not depend on its batch.

    Args:
        model: in fp32.
        keep: names of matrices to store as fp16 instead, because rounding them costs most.

    Returns:
        A new model.
    """
    matrices = {node.input[1] for node in model.graph.node if node.op_type == "MatMul"} - set(keep)
    tables = {node.input[0] for node in model.graph.node if node.op_type == "Gather"}
    large = _large_floats(model)
    small = _replace_weights(model, large & matrices, _as_int8_columns)
    small = _replace_gathers(small, large & tables)
    return _replace_weights(small, large - matrices - tables, _as_half)


Widen = Callable[[str, Floats], tuple[list[onnx.TensorProto], list[onnx.NodeProto]]]
"""Name and weight to the tensors stored in its place and the nodes that give the name again."""


def _large_floats(model: onnx.ModelProto) -> set[str]:
    return {
        tensor.name
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and np.prod(tensor.dims) >= SMALL
    }


def _replace_weights(model: onnx.ModelProto, names: set[str], widen: Widen) -> onnx.ModelProto:
    """Store the named weights in another form, widened by nodes at the head of the graph."""
    stored, nodes = [], []
    for tensor in model.graph.initializer:
        if tensor.name in names:
            tensors, made = widen(tensor.name, numpy_helper.to_array(tensor))
            stored += tensors
            nodes += made
        else:
            stored.append(tensor)
    return _rebuilt(model, [*nodes, *model.graph.node], stored)


def _as_half(name: str, weight: Floats) -> tuple[list[onnx.TensorProto], list[onnx.NodeProto]]:
    narrow = numpy_helper.from_array(weight.astype(np.float16), f"{name}.fp16")
    wide = onnx.TensorProto.FLOAT
    return [narrow], [helper.make_node("Cast", [narrow.name], [name], f"{name}.widen", to=wide)]


def _as_int8_columns(
    name: str, weight: Floats
) -> tuple[list[onnx.TensorProto], list[onnx.NodeProto]]:
    values, scales = to_int8(weight, axis=1)
    tensors = [
        numpy_helper.from_array(values, f"{name}.int8"),
        numpy_helper.from_array(scales, f"{name}.scale"),
    ]
    inputs = [tensor.name for tensor in tensors]
    return tensors, [helper.make_node("DequantizeLinear", inputs, [name], f"{name}.widen", axis=1)]


def _replace_gathers(model: onnx.ModelProto, names: set[str]) -> onnx.ModelProto:
    """Store embedding tables as int8 rows; look rows and scales up, then multiply."""
    stored = [tensor for tensor in model.graph.initializer if tensor.name not in names]
    for tensor in model.graph.initializer:
        if tensor.name in names:
            values, scales = to_int8(numpy_helper.to_array(tensor), axis=0)
            stored.append(numpy_helper.from_array(values, f"{tensor.name}.int8"))
            stored.append(numpy_helper.from_array(scales[:, None], f"{tensor.name}.scale"))
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        wanted = node.op_type == "Gather" and node.input[0] in names
        nodes += _int8_lookup(node) if wanted else [node]
    return _rebuilt(model, nodes, stored)


def _int8_lookup(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    table, ids = node.input
    row, wide, scale = (f"{table}.{part}" for part in ("row", "wide", "row_scale"))
    return [
        helper.make_node("Gather", [f"{table}.int8", ids], [row], row),
        helper.make_node("Cast", [row], [wide], wide, to=onnx.TensorProto.FLOAT),
        helper.make_node("Gather", [f"{table}.scale", ids], [scale], scale),
        helper.make_node("Mul", [wide, scale], [node.output[0]], f"{table}.widen"),
    ]


def to_int8(weight: Floats, *, axis: int) -> tuple[NDArray[np.int8], Floats]:
    """Round a matrix to int8 with one symmetric scale for each index of ``axis``.

    The scale is the one of 41, between 0.7 and 1.1 of the range, with the least squared error:
    clipping the few largest weights costs less than coarse steps for all the others.

    Args:
        weight: ``(rows, columns)`` float32.
        axis: 0 for a scale per row, 1 for a scale per column.

    Returns:
        int8 values of the same shape within ±127, and the scales, one for each index of ``axis``.
    """
    other = 1 - axis
    greatest = np.maximum(np.abs(weight).max(axis=other, keepdims=True), 1e-12)
    best_error = np.full_like(greatest, np.inf)
    best = greatest / 127
    for factor in np.linspace(0.7, 1.1, 41, dtype=np.float32):
        scale = (greatest * factor / 127).astype(np.float32)
        rounded = np.clip(np.rint(weight / scale), -127, 127)
        error = np.square(rounded * scale - weight, dtype=np.float32).sum(axis=other, keepdims=True)
        best = np.where(error < best_error, scale, best)
        best_error = np.minimum(error, best_error)
    values = np.clip(np.rint(weight / best), -127, 127).astype(np.int8)
    return values, best.astype(np.float32).reshape(-1)


def _rebuilt(
    model: onnx.ModelProto, nodes: Iterable[onnx.NodeProto], stored: Iterable[onnx.TensorProto]
) -> onnx.ModelProto:
    """Return a checked copy of a model with other nodes and weights."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    new_nodes, new_tensors = list(nodes), list(stored)
    del copy.graph.node[:], copy.graph.initializer[:]
    copy.graph.node.extend(new_nodes)
    copy.graph.initializer.extend(new_tensors)
    onnx.checker.check_model(copy, full_check=True)
    return copy
