"""Round weights to int8, and find what the rounding adds to a layer's output on average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from edgeclip_export.precision.graph import Layer, floats
from edgeclip_export.precision.ranges import Calibration

_LEVELS = 127


@dataclass(frozen=True, slots=True)
class Narrow:
    """A weight in int8, one scale for each output channel."""

    values: NDArray[np.int8]
    scales: NDArray[np.float32]
    bias: NDArray[np.float64] | None
    """The layer's bias, corrected; None for a layer that cannot have one."""


def narrow(model: onnx.ModelProto, layer: Layer, calibration: Calibration) -> Narrow:
    """Round the weight of one layer.

    Inputs behind a ``Relu`` have a mean far from 0, so the rounding of a channel's weights shifts
    that channel by a constant.  Taking it out of the bias costs nothing, and is most of the harm
    in layers with few weights a channel (Nagel et al., 2019, arXiv:1906.04721).
    """
    held = floats(model)
    weight = numpy_helper.to_array(held[layer.weight])
    values, scales = rounded(weight, layer.axis)
    if layer.operator == "MatMul":
        return Narrow(values, scales, None)
    bias = np.zeros(len(scales))
    if layer.bias is not None:
        bias = numpy_helper.to_array(held[layer.bias]).astype(np.float64)
    error = widened(values, scales, layer.axis).astype(np.float64) - weight
    return Narrow(values, scales, bias - _shift(layer, error, calibration.means[layer.input]))


def rounded(weight: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round to int8 within ±127, with one symmetric scale for each index of ``axis``."""
    others = tuple(side for side in range(weight.ndim) if side != axis)
    scales = np.maximum(np.abs(weight).max(others), 1e-12).astype(np.float32) / _LEVELS
    return np.rint(weight / _along(scales, axis, weight.ndim)).astype(np.int8), scales


def widened(
    values: NDArray[np.int8], scales: NDArray[np.float32], axis: int
) -> NDArray[np.float32]:
    """Return the fp32 weight that int8 values stand for."""
    wide: NDArray[np.float32] = values * _along(scales, axis, values.ndim)
    return wide


def _along(scales: NDArray[Any], axis: int, sides: int) -> NDArray[Any]:
    shape = [1] * sides
    shape[axis] = -1
    return scales.reshape(shape)


def _shift(layer: Layer, error: NDArray[np.float64], mean: NDArray[np.float64]) -> Any:
    """Return what an error of the weight adds to each output channel for inputs of this mean."""
    if layer.operator == "Gemm":
        return error @ mean if layer.axis == 0 else mean @ error
    taps = error.reshape(*error.shape[:2], -1).sum(2)
    groups = len(mean) // taps.shape[1]
    return np.einsum(
        "goi,gi->go",
        taps.reshape(groups, len(taps) // groups, -1),
        mean.reshape(groups, -1),
    ).reshape(-1)
