"""Ask a graph what it eats and answers, by opening and running it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclip.errors import ModelError
from edgeclip.model import onnx_file
from edgeclip.model.session import SessionOptions, open_graph

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
}
_UNIT_TOLERANCE = 1e-3
_SAME = 1e-3


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph with one input, opened."""

    path: Path
    session: Any
    input: str
    dtype: str
    shape: tuple[int | None, ...]
    """None where the graph leaves a dimension open."""

    @classmethod
    def open(cls, path: Path) -> Graph:
        """Open a graph that may come from anywhere.

        Raises:
            ModelError: no graph, external data, more than one input, or an input of another dtype.
        """
        if not path.is_file():
            raise ModelError(f"{path} is no file. Give the path of an ONNX file.")
        onnx_file.refuse_external_data(path)
        session = open_graph(path, SessionOptions(providers=["CPUExecutionProvider"]))
        inputs = session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(tensor.name for tensor in inputs)
            raise ModelError(
                f"{path} has {len(inputs)} inputs ({names}), a tower has one. "
                "Convert it again with only pixel_values or input_ids."
            )
        tensor = inputs[0]
        if tensor.type not in _DTYPES:
            raise ModelError(
                f"{path} eats {tensor.type}, not float pictures or integer ids. "
                "Convert it again without the preprocessing inside."
            )
        shape = tuple(size if isinstance(size, int) else None for size in tensor.shape)
        return cls(path, session, tensor.name, _DTYPES[tensor.type], shape)

    def outputs(self, probe: NDArray[Any], wanted: str | None) -> dict[str, str]:
        """Find the outputs that are vectors, and which of them have unit length.

        Args:
            probe: a batch that the graph eats.
            wanted: the output to use, when the graph has several and the person says which.

        Returns:
            ``raw`` and ``unit``, or one of them, to tensor names.

        Raises:
            ModelError: there is no such output, or it is not clear which one is meant.
        """
        answers = self.run(probe)
        if wanted is not None and wanted not in answers:
            raise ModelError(f"{self.path} has no output {wanted!r}: {', '.join(answers)}.")
        vectors = {
            name: answer
            for name, answer in answers.items()
            if answer.ndim == 2 and len(answer) == len(probe) and wanted in (None, name)
        }
        kinds: dict[str, list[str]] = {"raw": [], "unit": []}
        for name, answer in vectors.items():
            lengths = np.linalg.norm(answer.astype(np.float64), axis=1)
            kinds["unit" if np.allclose(lengths, 1, atol=_UNIT_TOLERANCE) else "raw"].append(name)
        if not vectors or any(len(names) > 1 for names in kinds.values()):
            raise ModelError(
                f"it is not clear which output of {self.path} is the vector "
                f"({', '.join(answers)}). Name it with --image-output or --text-output."
            )
        return {kind: names[0] for kind, names in kinds.items() if names}

    def fixed_batch(self, probe: NDArray[Any], output: str) -> int | None:
        """Return the batch that the graph insists on, or None when any will do.

        Args:
            probe: three different items; a graph that declares an open batch but was traced with
                one item fails on them, or mixes them up.
            output: the output to compare.
        """
        if self.shape[0] is not None:
            return self.shape[0]
        alone = [self.run(probe[i : i + 1])[output][0] for i in range(len(probe))]
        try:
            together = self.run(probe)[output]
        except ModelError:
            return 1
        same = together.shape[0] == len(probe) and np.allclose(together, alone, atol=_SAME)
        return None if same else 1

    def run(self, batch: NDArray[Any]) -> Mapping[str, NDArray[np.float32]]:
        """Return every floating-point output for a batch."""
        names = [output.name for output in self.session.get_outputs()]
        batch = batch.astype(self.dtype)
        fixed = self.shape[0]
        if fixed is not None:
            batch = np.resize(batch, (fixed, *batch.shape[1:]))
        try:
            answers = self.session.run(names, {self.input: batch})
        except Exception as error:  # onnxruntime's own classes differ between versions
            reason = str(error).strip().partition("\n")[0][:200]
            raise ModelError(f"{self.path} does not run: {reason}.") from error
        return {n: np.asarray(a, np.float32) for n, a in zip(names, answers, strict=True)}
