"""Tensor → vector: the only importer of onnxruntime.

Any distribution that provides the module ``onnxruntime`` works (CPU, GPU and Jetson builds); what
counts is the version of the module, not the name of the package.
"""

from __future__ import annotations

import contextlib
import os
import platform
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# onnxruntime 1.31 reports its use to its makers and keeps an id below the user's home, unless it is
# told not to before it is imported.  A board of this project talks to nobody.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

from edgeclip.errors import ModelError
from edgeclip.model import onnx_file, providers
from edgeclip.model.allocator import weights_apart
from edgeclip.model.cpus import cpu_features, usable_cpus
from edgeclip.model.options import SessionOptions
from edgeclip.model.patience import told
from edgeclip.model.towers import ImageTower, TextTower

# Before 1.27 a session reads files outside the model folder and leaks on some CPUs (#28231).
_TRUSTED = (1, 27)
_LEVELS = {
    "all": "ORT_ENABLE_ALL",
    "extended": "ORT_ENABLE_EXTENDED",
    "basic": "ORT_ENABLE_BASIC",
    "off": "ORT_DISABLE_ALL",
}


class Session:
    """Run one graph, by tensor names, from any thread.

    Args:
        inner: an onnxruntime session, or anything with its ``run``.
        tower: names of the input and the outputs, and the batch when the graph fixes it.
    """

    def __init__(self, inner: Any, tower: ImageTower | TextTower) -> None:
        self.inner = inner
        self._tower = tower

    @classmethod
    def load(
        cls, path: Path, tower: ImageTower | TextTower, options: SessionOptions, *, dim: int
    ) -> Session:
        """Open a graph and check that it has the tensors that the manifest names.

        Args:
            path: the ONNX file.
            tower: what the manifest says of it.
            options: how it is run.
            dim: numbers in a vector.

        Raises:
            ModelError: no graph, external data, a missing provider, or other tensors.
        """
        session = open_graph(path, options, row=row_of(tower))
        have = {tensor.name for tensor in [*session.get_inputs(), *session.get_outputs()]}
        missing = [name for name in (tower.input, *tower.outputs.values()) if name not in have]
        if missing:
            raise ModelError(
                f"{path} has no tensor {missing[0]!r} (it has: {', '.join(sorted(have))}). "
                "Export or import the model again."
            )
        for output in session.get_outputs():
            width = output.shape[-1] if output.shape else 1
            if output.name in tower.outputs.values() and isinstance(width, int) and width != dim:
                raise ModelError(
                    f"{path} answers {width} numbers in {output.name!r}, the manifest says {dim}. "
                    "Export or import the model again."
                )
        return cls(session, tower)

    def run(self, tensor: NDArray[Any], *, unit: bool) -> NDArray[np.float32]:
        """Return the vectors of a batch.

        Args:
            tensor: what the graph eats, batch first.
            unit: length 1, or the raw output of the tower.

        Returns:
            ``(n, dim)`` float32.

        Raises:
            ModelError: the graph failed, has no raw output, or answered with non-finite numbers.
        """
        name = self._tower.outputs.get("unit" if unit else "raw")
        if name is None and not unit:
            raise ModelError("this model has no raw output. Ask for normalised vectors.")
        tensor = tensor.astype(self._tower.input_dtype, copy=False)
        vectors = self._batches(name or self._tower.outputs["raw"], tensor)
        if not np.all(np.isfinite(vectors)):
            raise ModelError("the model answered with non-finite numbers. Run: edgeclip verify")
        return _scaled(vectors) if name is None else vectors

    def _batches(self, name: str, tensor: NDArray[Any]) -> NDArray[np.float32]:
        """Run the whole batch at once, or in steps of the size that the graph fixes."""
        fixed = self._tower.batch
        if fixed is None:
            return self._run(name, tensor)
        rows = -(-len(tensor) // fixed) * fixed
        filled = tensor[np.minimum(np.arange(rows), len(tensor) - 1)]
        parts = [self._run(name, filled[i : i + fixed]) for i in range(0, rows, fixed)]
        return np.concatenate(parts)[: len(tensor)]

    def _run(self, name: str, tensor: NDArray[Any]) -> NDArray[np.float32]:
        try:
            (answer,) = self.inner.run([name], {self._tower.input: tensor})
        except Exception as error:  # onnxruntime's own classes differ between versions
            raise ModelError(f"onnxruntime failed: {_first_line(error)}") from error
        vectors = np.asarray(answer, dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(tensor):
            raise ModelError(
                f"the model answered {name!r} of shape {vectors.shape} to {len(tensor)} inputs. "
                "Export or import the model again."
            )
        return vectors


def row_of(tower: ImageTower | TextTower) -> tuple[str, str] | None:
    """Return what `open_graph` is told of a tower's input."""
    # A batch that the graph fixes needs no profile, and any other would contradict it.
    return (tower.input, tower.sides) if tower.batch is None else None


def open_graph(
    path: Path, options: SessionOptions, *, row: tuple[str, str] | None = None
) -> onnxruntime.InferenceSession:
    """Open an ONNX file with the project's options.

    Args:
        path: the ONNX file.
        options: how it is run.
        row: name and sides of the input, see `edgeclip.model.providers.with_settings`.

    Raises:
        ModelError: the file is no usable graph, keeps data outside itself, or a provider that was
            asked for is not in the installed onnxruntime or does not start.
    """
    names = providers.resolved(options.providers, available_providers())
    session = _opened(path, _session_options(options), names, row)
    # A provider whose libraries are missing gives way to the CPU without an error.
    if options.providers and names[0] not in session.get_providers():
        raise ModelError(
            f"{names[0]} was asked for and did not start: its libraries are missing or do not fit "
            f"onnxruntime {onnxruntime.__version__}. Run: edgeclip doctor; if it was tune that "
            "chose it: edgeclip tune --forget"
        )
    return session


def save_optimised(path: Path, options: SessionOptions, target: Path) -> None:
    """Open a graph on the CPU and write what onnxruntime made of it.

    Raises:
        ModelError: it is no usable graph, or cannot be written.
    """
    inner = _session_options(options)
    inner.optimized_model_filepath = os.fspath(target)
    _opened(path, inner, [providers.CPU], None)


def _opened(
    path: Path, inner: onnxruntime.SessionOptions, names: list[str], row: tuple[str, str] | None
) -> onnxruntime.InferenceSession:
    slow = f"TensorRT compiles {path.name}, which takes minutes the first time"
    if version() < _TRUSTED:
        warnings.warn(
            f"onnxruntime {onnxruntime.__version__} is older than 1.27, which fixed a leak and a "
            "way out of the model folder; edgeclip checks the graph itself.",
            stacklevel=3,
        )
        onnx_file.refuse_external_data(path)
    patience = told(slow) if providers.TENSORRT in names else contextlib.nullcontext()
    settings = list(providers.with_settings(names, row))
    try:
        with patience, weights_apart():
            return onnxruntime.InferenceSession(os.fspath(path), inner, providers=settings)
    except Exception as error:
        raise ModelError(
            f"{path} cannot be opened by onnxruntime {onnxruntime.__version__} "
            f"({_first_line(error)}). Run: edgeclip verify"
        ) from error


def version() -> tuple[int, int]:
    """Return the first two numbers of onnxruntime's version."""
    major, minor = onnxruntime.__version__.split(".")[:2]
    return int(major), int(minor)


def version_text() -> str:
    """Return onnxruntime's version as it prints it."""
    return str(onnxruntime.__version__)


def runtime() -> dict[str, Any]:
    """Return what a measurement or a rewritten graph is bound to: onnxruntime and the CPU."""
    return {
        "onnxruntime": version_text(),
        "machine": platform.machine(),
        "features": cpu_features(),
    }


def available_providers() -> list[str]:
    """Return the execution providers of the installed onnxruntime."""
    return list(onnxruntime.get_available_providers())


def _session_options(options: SessionOptions) -> onnxruntime.SessionOptions:
    inner = onnxruntime.SessionOptions()
    inner.intra_op_num_threads = options.threads or usable_cpus()
    inner.inter_op_num_threads = 1
    inner.enable_cpu_mem_arena = options.arena
    level = getattr(onnxruntime.GraphOptimizationLevel, _LEVELS[options.optimisation])
    inner.graph_optimization_level = level
    spinning = "1" if options.spinning else "0"
    inner.add_session_config_entry("session.intra_op.allow_spinning", spinning)
    inner.add_session_config_entry("session.inter_op.allow_spinning", spinning)
    inner.log_severity_level = 3  # errors only: warnings about hardware frighten without helping
    return inner


def _scaled(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if np.any(norms < 1e-12):
        raise ModelError("the model answered with a vector of length zero. Run: edgeclip verify")
    scaled: NDArray[np.float32] = vectors / norms
    return scaled


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:300]
