"""Text in int8: products whose activations are rounded as they come, and the table of words.

Only ``MatMul``, ``Gather`` and ``Gemm``: quantising every operator is slower and coarser.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from edgeclip_export.precision.graph import floats

OPERATORS = ("MatMul", "Gather", "Gemm")


def parts(model: onnx.ModelProto) -> list[str]:
    """Return the names of the nodes that have a constant matrix, in the graph's order."""
    matrices = {name for name, tensor in floats(model).items() if len(tensor.dims) == 2}
    return [
        node.name
        for node in model.graph.node
        if node.op_type in OPERATORS
        and node.input[0 if node.op_type == "Gather" else 1] in matrices
    ]


def quantised(source: Path, chosen: Sequence[str], scratch: Path) -> bytes:
    """Return a graph whose chosen nodes have int8 weights, one scale for each channel.

    Args:
        source: the graph in fp32, a file.
        chosen: names of nodes.
        scratch: an existing folder.
    """
    target = scratch / "dynamic.onnx"
    with _quiet():
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=list(OPERATORS),
            per_channel=True,
            weight_type=QuantType.QInt8,
            # A Gemm becomes a MatMul of this name before it is looked at.
            nodes_to_quantize=[name for one in chosen for name in (one, f"{one}_MatMul")],
        )
    return target.read_bytes()


@contextmanager
def _quiet() -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it advises to pre-process, which was done
    try:
        yield
    finally:
        root.setLevel(level)
