"""fp16, half arithmetic: for CUDA and TensorRT, measured in a child process.

On a CPU it is slower than fp32, and onnxruntime dies while it rewrites the graph of some fp16 text
towers; so the child does not let it rewrite anything, and its death is a verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.transformers.float16 import convert_float_to_float16

from edgeclip.model import child, session
from edgeclip.model.options import SessionOptions
from edgeclip.model.providers import CPU, HALF

PROVIDERS = list(HALF)
MOST_INPUTS = 32
"""Half arithmetic is slow on a CPU."""
_SECONDS = 900.0


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy that computes in fp16; inputs and outputs stay fp32."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    halved: onnx.ModelProto = convert_float_to_float16(copy, keep_io_types=True)
    return halved


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
