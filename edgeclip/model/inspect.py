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
from edgeclip.model.options import SessionOptions
from edgeclip.model.session import open_graph

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
}
_VECTORS = ("tensor(float)", "tensor(float16)")
_UNIT_TOLERANCE = 1e-3
_SAME_COSINE = 0.999


@dataclass(frozen=True, slots=True)
class Answers:
    """What a graph answers, as the manifest tells it."""

    outputs: dict[str, str]
    """``raw`` and ``unit``, or one of them, to tensor names."""
    dim: int
    """Numbers in a vector."""
    batch: int | None
    """The batch that the graph insists on; None: any will do."""


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
                f"{path} eats {tensor.type}. Convert it again so that it eats float32 pictures or "
                "int64 ids."
            )
        shape = tuple(size if isinstance(size, int) else None for size in tensor.shape)
        return cls(path, session, tensor.name, _DTYPES[tensor.type], shape)

    def answers(self, probe: NDArray[Any], wanted: str | None) -> Answers:
        """Find the outputs that are vectors, which of them have unit length, and the batch.

        Args:
            probe: some different items that the graph eats, batch first.
            wanted: the output to use, when the graph has several and the person says which.

        Raises:
            ModelError: there is no such output, or it is not clear which one is meant.
        """
        names = self._outputs()
        if wanted is not None and wanted not in names:
            raise ModelError(f"{self.path} has no output {wanted!r}. It has: {', '.join(names)}.")
        names = [wanted] if wanted is not None else names
        # No names would mean all outputs to onnxruntime.
        vectors = self._one_by_one(names, probe) if names else {}
        if not vectors:
            raise ModelError(
                f"no output of {self.path} is a vector of shape (n, dim) ({', '.join(names)}). "
                "Convert it again with the projection."
            )
        if not all(np.isfinite(vector).all() for vector in vectors.values()):
            raise ModelError(
                f"{self.path} answers with non-finite numbers. Convert it again in float32."
            )
        outputs = _kinds(vectors)
        if outputs is None:
            raise ModelError(
                f"it is not clear which output of {self.path} is the vector ({', '.join(vectors)})."
                " Name it with --image-output or --text-output."
            )
        vector = next(iter(outputs.values()))
        batch = self._batch(vector, probe, vectors[vector])
        return Answers(outputs, vectors[vector].shape[1], batch)

    def _outputs(self) -> list[str]:
        return [out.name for out in self.session.get_outputs() if out.type in _VECTORS]

    def _one_by_one(self, names: list[str], probe: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        """Run each item alone; return the outputs that are one vector an item, ``(n, dim)``."""
        rows = self.shape[0] or 1
        runs = [self._run(names, np.repeat(item[None], rows, axis=0)) for item in probe]
        flat = [name for name in names if runs[0][name].ndim == 2 and len(runs[0][name]) == rows]
        return {name: np.stack([run[name][0] for run in runs]) for name in flat}

    def _batch(self, name: str, probe: NDArray[Any], alone: NDArray[np.float32]) -> int | None:
        """Return the batch that the graph insists on.

        A graph that declares an open batch but was traced with one item fails on several, or mixes
        them up.
        """
        if self.shape[0] is not None:
            return self.shape[0]
        try:
            together = self._run([name], probe)[name]
        except ModelError:
            return 1
        return None if together.shape == alone.shape and _same(together, alone) else 1

    def _run(self, names: list[str], batch: NDArray[Any]) -> Mapping[str, NDArray[np.float32]]:
        try:
            answers = self.session.run(names, {self.input: batch.astype(self.dtype)})
        except Exception as error:  # onnxruntime's own classes differ between versions
            reason = " ".join(str(error).split())[:200]
            raise ModelError(
                f"{self.path} does not run ({reason}). "
                "Check the size and the tokenizer, or convert it again."
            ) from error
        return {n: np.asarray(a, np.float32) for n, a in zip(names, answers, strict=True)}


def _kinds(vectors: Mapping[str, NDArray[np.float32]]) -> dict[str, str] | None:
    """Tell which output is raw and which has unit length; None when that is not clear."""
    kinds: dict[str, list[str]] = {"raw": [], "unit": []}
    for name, answer in vectors.items():
        lengths = np.linalg.norm(answer.astype(np.float64), axis=1)
        kinds["unit" if np.allclose(lengths, 1, atol=_UNIT_TOLERANCE) else "raw"].append(name)
    if any(len(names) > 1 for names in kinds.values()):
        return None
    chosen = {kind: names[0] for kind, names in kinds.items() if names}
    if len(chosen) == 2 and not _same(vectors[chosen["raw"]], vectors[chosen["unit"]]):
        return None  # two vectors of different meaning, one of which happens to be scaled
    return chosen


def _same(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    """Tell whether the rows of two tables point the same way."""
    if a.shape != b.shape:
        return False
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return bool(np.all(np.sum(a * b, axis=1) >= _SAME_COSINE * norms))
