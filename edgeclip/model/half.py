"""Variants that only some providers run, such as fp16: opened there alone, and first by a child.

onnxruntime 1.23 to 1.31 dies on the CPU of an fp16 text tower (``MatmulTransposeFusion``), and on
other boards of other graphs; a child dies in our place, once for each graph and board.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np

from edgeclip.errors import ModelError
from edgeclip.model import child
from edgeclip.model.identity import canonical_sha256
from edgeclip.model.options import SessionOptions
from edgeclip.model.patience import told
from edgeclip.model.places import user_cache
from edgeclip.model.providers import full_name, resolved
from edgeclip.model.session import available_providers, open_graph, runtime
from edgeclip.model.towers import Variant

_PROBE_S = 1800.0  # TensorRT may compile first
_FED = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}


def fitting(variant: Variant, options: SessionOptions) -> SessionOptions:
    """Return options with providers that run a variant.

    Raises:
        ModelError: none of them is here, or others were asked for.
    """
    if variant.providers is None:
        return options
    available = available_providers()
    wanted = options.providers
    names = resolved(wanted, available) if wanted else [*variant.providers]
    usable = [name for name in names if name in variant.providers and name in available]
    if not usable:
        asked = full_name(wanted[0], available) if wanted else f"onnxruntime ({available[-1]})"
        raise ModelError(
            f"{variant.file} is for {' and '.join(variant.providers)}, not for {asked}. "
            "Choose another variant of this model."
        )
    return dataclasses.replace(options, providers=usable)


def probe(
    path: Path, sha256: str, options: SessionOptions, *, row: tuple[str, str] | None = None
) -> None:
    """Open and run a graph in a child, unless it lived through that before on this board.

    Args:
        path: the graph, already hashed.
        sha256: its hash.
        options: how it will be run.
        row: name and sides of the input, as for `edgeclip.model.session.open_graph`: what TensorRT
            compiles in the child is then what it finds afterwards.

    Raises:
        ModelError: the child died or failed.
    """
    marker = _marker(sha256, options)
    if marker is not None and marker.is_file():
        return
    question = {
        "path": os.fspath(path.absolute()),
        "providers": list(options.providers or []),
        "row": row,
    }
    try:
        with told(f"{path.name} is tried in another process, which may take minutes"):
            child.ask(__name__, question, timeout_s=_PROBE_S)
    except child.ChildFailed as error:
        raise ModelError(
            f"{path} was tried in another process first, and that failed: "
            f"{error.reason.rstrip('.')}. Choose another variant of this model."
        ) from error
    if marker is not None:
        with contextlib.suppress(OSError):  # then it is tried again the next time
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.touch()


def _marker(sha256: str, options: SessionOptions) -> Path | None:
    cache = user_cache()
    lived = {**runtime(), "providers": list(options.providers or [])}
    return cache and cache / "probes" / f"{sha256[:16]}-{canonical_sha256(lived)[:16]}"


def _run_once(question: dict[str, Any]) -> bool:
    options = SessionOptions(providers=question["providers"] or None)
    row = question["row"]
    session = open_graph(Path(question["path"]), options, row=row and tuple(row))
    (fed,) = session.get_inputs()
    # Only the graph tells a batch that it fixes, and only the model what sides it leaves open.
    sides = [1, *map(int, row[1].split("x"))] if row else [1] * len(fed.shape)
    pairs = zip(fed.shape, sides, strict=True)
    shape = [own if isinstance(own, int) else side for own, side in pairs]
    # No zeros: a picture of the mean colour alone may have a vector of length zero.
    fed_with = np.linspace(-1, 1, int(np.prod(shape))) if "float" in fed.type else np.ones(shape)
    answers = session.run(None, {fed.name: fed_with.reshape(shape).astype(_FED[fed.type])})
    # Halves end at 65,504: beyond that there are no numbers left.
    if not all(np.all(np.isfinite(answer)) for answer in answers):
        raise ModelError("it answered with non-finite numbers")
    return True


if __name__ == "__main__":
    child.reply(_run_once)
