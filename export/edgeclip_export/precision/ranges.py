"""Calibrate: what range each tensor takes on pictures, and what its channels are on average."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from edgeclip.model import session
from edgeclip.model.options import SessionOptions

BINS = 4096
KEPT = 0.9999
"""Share of a tensor's values within its range.  The few beyond are clipped: one wild value would
otherwise make the steps of all others coarse."""
_MOST_VALUES = 1 << 14  # of a tensor and a picture that are counted

Array = NDArray[Any]
Ends = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was seen on the pictures."""

    ranges: Mapping[str, Ends]
    """Tensor to the ends of its range; 0 is always within."""
    means: Mapping[str, Array]
    """Tensor to the mean of each of its channels, for tensors of 2 to 4 sides."""


def calibrate(
    model: onnx.ModelProto, names: Sequence[str], tensors: Sequence[Array], scratch: Path
) -> Calibration:
    """Run a graph on prepared pictures and look at some of its tensors.

    Args:
        model: the graph, in fp32.
        names: of float tensors; the graph's input may be one of them.
        tensors: what the graph eats, each with its batch.
        scratch: an existing folder.
    """
    graph = _watched(model, names, scratch)
    ends: dict[str, Ends] = dict.fromkeys(names, (0.0, 0.0))
    sums: dict[str, Array] = {}
    for name, values in _seen(graph, names, tensors):
        low, high = ends[name]
        ends[name] = (min(low, float(values.min())), max(high, float(values.max())))
        sums[name] = sums.get(name, 0.0) + _channels(values)
    counts = {name: np.zeros(BINS, np.int64) for name in names}
    for name, values in _seen(graph, names, tensors):
        flat = values.ravel()
        some = flat[:: max(1, flat.size // _MOST_VALUES)]
        counts[name] += np.histogram(some, BINS, ends[name])[0]
    return Calibration(
        {name: clipped(counts[name], ends[name]) for name in names},
        {name: total / len(tensors) for name, total in sums.items()},
    )


def clipped(counts: NDArray[np.int64], ends: Ends) -> Ends:
    """Return the narrowest range that keeps `KEPT` of the counted values, half of the rest a side.

    Args:
        counts: `BINS` counts between the ends.
        ends: least and greatest value, around 0.
    """
    total = counts.sum()
    if not total or ends[1] <= ends[0]:
        return ends
    shares, edges = np.cumsum(counts) / total, np.linspace(*ends, BINS + 1)
    cut = (1 - KEPT) / 2
    low = float(edges[np.searchsorted(shares, cut, side="right")])
    high = float(edges[min(BINS, int(np.searchsorted(shares, 1 - cut)) + 1)])
    return min(low, 0.0), max(high, 0.0)


def _channels(values: Array) -> Array:
    """Return the mean of each channel: the second side of a picture's tensor, else the last."""
    axes = (0, *range(2, values.ndim)) if values.ndim == 4 else tuple(range(values.ndim - 1))
    return np.asarray(values.mean(axes, dtype=np.float64))


def _watched(model: onnx.ModelProto, names: Sequence[str], scratch: Path) -> Any:
    """Open a copy of the graph that answers the named tensors, too."""
    wider = onnx.ModelProto()
    wider.CopyFrom(model)
    there = {value.name for value in [*wider.graph.input, *wider.graph.output]}
    wider.graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        for name in names
        if name not in there
    )
    path = scratch / "watched.onnx"
    onnx.save(wider, path)
    # Rewriting the graph would fuse away what is watched.
    return session.open_graph(path, SessionOptions(optimisation="off"))


def _seen(
    graph: Any, names: Sequence[str], tensors: Sequence[Array]
) -> Iterator[tuple[str, Array]]:
    (given,) = (value.name for value in graph.get_inputs())
    asked = [name for name in names if name != given]
    for tensor in tensors:
        if given in names:
            yield given, tensor
        yield from zip(asked, graph.run(asked, {given: tensor}), strict=True)
