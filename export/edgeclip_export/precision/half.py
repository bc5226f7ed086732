"""fp16, half arithmetic: for CUDA and TensorRT, tried in a child process.

onnxruntime dies on a CPU while it rewrites the graph of some fp16 text towers; so the child does
not let it rewrite anything, and its death is a verdict.  A CPU has no kernels for halves: it
computes in fp32, so what is measured is what rounding the weights costs, and a variant of halves
never shares the space of others.  What the arithmetic costs, `edgeclip tune` sees on the GPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16

from edgeclip.model import child, session
from edgeclip.model.options import SessionOptions
from edgeclip.model.providers import CPU, HALF

PROVIDERS = list(HALF)
MOST_INPUTS = 32
"""Half arithmetic is slow on a CPU."""
_SECONDS = 900.0


def halved(model: onnx.ModelProto, outputs: Mapping[str, str]) -> onnx.ModelProto:
    """Return a copy that computes in fp16; inputs, outputs and the length of a vector stay fp32.

    Args:
        model: in fp32.
        outputs: names of the tensors ``raw`` and ``unit``.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    both = {"raw", "unit"} <= outputs.keys()
    # The sum of squares of a raw vector overflows in fp16 from a length of 256 on.
    unit = _cut(copy, outputs["unit"], outputs["raw"]) if both else None
    halved: onnx.ModelProto = convert_float_to_float16(copy, keep_io_types=True)
    if unit is not None:
        halved.graph.node.extend(_normalised(outputs["raw"], outputs["unit"]))
        halved.graph.initializer.append(numpy_helper.from_array(np.array([-1]), "length/axis"))
        halved.graph.output.append(unit)
    return halved


def _cut(model: onnx.ModelProto, unit: str, raw: str) -> onnx.ValueInfoProto:
    """Take an output and what only it needs out of a graph; return the output."""
    graph = model.graph
    given: onnx.ValueInfoProto
    (given,) = (value for value in graph.output if value.name == unit)
    graph.output.remove(given)
    needed, kept = {raw}, []
    for node in reversed(graph.node):
        if needed & set(node.output):
            kept.append(node)
            needed |= {*node.input}
    del graph.node[:]
    graph.node.extend(reversed(kept))
    return given


def _normalised(raw: str, unit: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("ReduceL2", [raw, "length/axis"], ["length/value"], keepdims=1),
        helper.make_node("Div", [raw, "length/value"], [unit]),
    ]


def vectors_of_a_child(
    path: Path, output: str, inputs: Sequence[NDArray[Any]], scratch: Path
) -> NDArray[np.float64]:
    """Run a graph in another process, on the CPU, and return its vectors at unit length.

    Args:
        path: the graph.
        output: name of the tensor.
        inputs: one row each.
        scratch: an existing folder.

    Raises:
        ChildFailed: it died, took too long, or the graph cannot be run.
    """
    rows, answer = scratch / "rows.npy", scratch / "answer.npy"
    np.save(rows, np.stack(inputs))
    question = {"graph": str(path), "output": output, "rows": str(rows), "answer": str(answer)}
    child.ask(__name__, question, timeout_s=_SECONDS)
    vectors: NDArray[np.float64] = np.load(answer).astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def _run(question: dict[str, str]) -> bool:
    options = SessionOptions(providers=[CPU], optimisation="off")
    graph = session.open_graph(Path(question["graph"]), options)
    (given,) = (value.name for value in graph.get_inputs())
    rows = np.load(question["rows"])
    found = [graph.run([question["output"]], {given: row})[0] for row in rows]
    np.save(question["answer"], np.concatenate(found).astype(np.float32))
    return True


if __name__ == "__main__":
    child.reply(_run)
