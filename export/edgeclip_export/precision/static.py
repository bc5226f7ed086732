"""Write a graph with int8 layers: ``QuantizeLinear`` and ``DequantizeLinear`` around each.

onnxruntime turns the pairs and what stands between them into one int8 kernel.  Weights have a scale
for each channel, activations one for the tensor (uint8, asymmetric).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edgeclip_export.precision.graph import Layer, floats
from edgeclip_export.precision.narrow import Narrow
from edgeclip_export.precision.ranges import Calibration, Ends

_STEPS = 255
_ROUNDED_BY_THE_RUNTIME = ("Conv", "ConvTranspose", "Gemm")


def quantised(
    model: onnx.ModelProto,
    chosen: Sequence[Layer],
    calibration: Calibration,
    weights: Mapping[str, Narrow],
) -> onnx.ModelProto:
    """Return a copy of a graph in which the chosen layers compute in int8.

    Args:
        model: in fp32, see `edgeclip_export.precision.graph.folded`.
        chosen: the layers.
        calibration: with a range for each chosen layer's input and output.
        weights: the chosen layers' weights by the name of the layer.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    writer = _Writer(copy, chosen, calibration, weights)
    nodes = list(writer.nodes())
    read = {name for node in nodes for name in node.input}
    read |= {output.name for output in copy.graph.output}
    tensors = [*copy.graph.initializer, *writer.tensors.values()]
    kept = [tensor for tensor in tensors if tensor.name in read]
    graph = helper.make_graph(nodes, copy.graph.name, copy.graph.input, copy.graph.output, kept)
    copy.graph.CopyFrom(graph)
    return copy


class _Writer:
    """Make the nodes of the new graph in order, and the constants that they read."""

    def __init__(
        self,
        model: onnx.ModelProto,
        chosen: Sequence[Layer],
        calibration: Calibration,
        weights: Mapping[str, Narrow],
    ) -> None:
        self._graph = model.graph
        self._constants = floats(model)
        self._layers = {layer.name: layer for layer in chosen}
        self._ranges = calibration.ranges
        self._weights = weights
        ends = {output.name for output in model.graph.output}
        # A convolution becomes an int8 kernel only when its output is rounded; a product need not.
        self._made = {layer.output for layer in chosen if layer.operator == "Conv"} - ends
        self._rounded = self._made | {layer.input for layer in chosen}
        self._dropped = {
            layer.clipping: layer
            for layer in chosen
            if layer.clipping and layer.output in self._made
        }
        self.tensors: dict[str, onnx.TensorProto] = {}

    def nodes(self) -> Iterator[onnx.NodeProto]:
        """Yield the nodes of the new graph."""
        for value in self._graph.input:
            yield from self._pair(value.name)
        dropped = {name for name in self._dropped if self._is_needless(name)}
        for node in self._graph.node:
            if node.name in dropped:
                continue
            layer = self._layers.get(node.name)
            if layer is None:
                yield from self._kept(node)
            else:
                yield from self._narrowed(node, layer, layer.clipping in dropped)
            for name in node.output:
                yield from self._pair(name)

    def _is_needless(self, name: str) -> bool:
        """Tell whether rounding to the range of its output clips as a ``Clip`` or ``Relu`` does."""
        node = next(node for node in self._graph.node if node.name == name)
        low, high = self._ranges[node.output[0]]
        if node.op_type == "Relu":
            return low >= 0
        least, most = [*(self._number(name) for name in node.input[1:]), None, None][:2]
        return (least is None or low >= least) and (most is None or high <= most)

    def _number(self, name: str) -> float | None:
        if not name:
            return None
        held = self._constants.get(name)
        return float("nan") if held is None else float(numpy_helper.to_array(held))

    def _kept(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """Yield a node that stays in fp32."""
        first = node.input[0] if node.input else ""
        node.input[:] = [_wide(name) if name in self._made else name for name in node.input]
        if node.op_type in _ROUNDED_BY_THE_RUNTIME and first in self._made:
            # onnxruntime rounds an fp32 weight between DequantizeLinear and QuantizeLinear to int8
            # by itself, with one scale for the tensor.  A Clip to the range that the values have
            # anyhow keeps it away.
            low, high = self._ranges[first]
            ends = [self._put(f"{first}.least", low), self._put(f"{first}.most", high)]
            guarded = f"{node.name}.guarded"
            yield helper.make_node("Clip", [node.input[0], *ends], [guarded], f"{node.name}.guard")
            node.input[0] = guarded
        yield node

    def _narrowed(
        self, node: onnx.NodeProto, layer: Layer, unclipped: bool
    ) -> Iterator[onnx.NodeProto]:
        """Yield a layer in int8, behind the constants that it reads."""
        held = self._weights[layer.name]
        scale, _ = _steps(self._ranges[layer.input])
        weight = self._constant(f"{layer.name}.weight", held.values, held.scales)
        yield _widen(weight, f"{layer.name}.weight", axis=layer.axis)
        node.input[:] = [_wide(layer.input), f"{layer.name}.weight"]
        if held.bias is not None:
            scales = (scale * held.scales).astype(np.float32)
            limit = np.iinfo(np.int32).max
            whole = np.clip(np.rint(held.bias / scales), -limit, limit).astype(np.int32)
            yield _widen(
                self._constant(f"{layer.name}.bias", whole, scales), f"{layer.name}.bias", axis=0
            )
            node.input.append(f"{layer.name}.bias")
        if unclipped:
            node.output[0] = layer.output
        yield node

    def _pair(self, name: str) -> Iterator[onnx.NodeProto]:
        """Yield the two nodes that round a tensor, where a chosen layer wants it."""
        if name not in self._rounded:
            return
        scale, zero = _steps(self._ranges[name])
        steps = [self._put(f"{name}.scale", scale), self._put(f"{name}.zero", np.uint8(zero))]
        whole = f"{name}.uint8"
        yield helper.make_node("QuantizeLinear", [name, *steps], [whole], f"{name}.quantize")
        yield _widen([whole, *steps], _wide(name))

    def _constant(self, name: str, values: NDArray[Any], scales: NDArray[np.float32]) -> list[str]:
        zeros = np.zeros(len(scales), values.dtype)
        parts = {"int": values, "scale": scales, "zero": zeros}
        return [self._put(f"{name}.{part}", value) for part, value in parts.items()]

    def _put(self, name: str, value: Any) -> str:
        array = np.asarray(value, np.float32 if isinstance(value, float) else None)
        self.tensors[name] = numpy_helper.from_array(array, name)
        return name


def _steps(ends: Ends) -> tuple[np.float32, int]:
    """Return scale and zero point of a range."""
    scale = max(ends[1] - ends[0], 1e-8) / _STEPS
    return np.float32(scale), int(np.clip(np.rint(-ends[0] / scale), 0, _STEPS))


def _widen(inputs: Sequence[str], output: str, **axis: Any) -> onnx.NodeProto:
    return helper.make_node("DequantizeLinear", inputs, [output], f"{output}.dequantize", **axis)


def _wide(name: str) -> str:
    return f"{name}.wide"
