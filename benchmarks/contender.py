"""One contender in a process of its own: prepare a tower, then run it as often as it is asked.

Run as ``python contender.py KIND PATH NAME SHAPE DTYPE``; OpenVINO's stands in an environment where
nothing of edgeclip is installed, so each kind imports only what it needs.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def onnxruntime(path: str, _: str) -> Callable[[Any], object]:
    """Open a graph as a script would that knows to use one thread and not to spin."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda rows: session.run(None, {name: rows})


def openvino(path: str, _: str) -> Callable[[Any], object]:
    """Compile a graph for one thread, in fp32."""
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(path, "CPU", settings)
    return lambda rows: compiled(rows)


def edgeclip(path: str, name: str) -> Callable[[Any], object]:
    """Open a tower of a model folder (``TOWER:VARIANT`` in ``name``) as a user gets it."""
    from edgeclip.model import parts
    from edgeclip.model.manifest import Manifest
    from edgeclip.model.options import SessionOptions
    from edgeclip.model.tuned import Setting

    tower, variant = name.split(":")
    manifest, setting = Manifest.load(path), Setting(variant, SessionOptions(threads=1))
    if tower == "image":
        session = parts.open_image(manifest, setting)
    else:
        _, session = parts.open_text(manifest, setting)
    return lambda rows: session.run(rows, unit=True)


def torch(path: str, name: str) -> Callable[[Any], object]:
    """Run a tower in torch eager, from the weights that the graph was made of."""
    import torch

    from benchmarks.torch_towers import tower

    torch.set_num_threads(1)
    module = tower(path, name)

    def run(rows: Any) -> None:
        with torch.inference_mode():
            module(torch.from_numpy(rows))

    return run


KINDS = {"onnxruntime": onnxruntime, "openvino": openvino, "edgeclip": edgeclip, "torch": torch}


def main() -> None:
    """Prepare; then answer each line ``COUNT`` with the seconds of as many runs, as JSON."""
    kind, path, name, shape, dtype = sys.argv[1:6]
    random = np.random.default_rng(0)
    sides = tuple(map(int, shape.split("x")))
    rows: Any = random.normal(size=sides).astype(np.float32)
    if dtype != "float32":
        rows = random.integers(1, 400, size=sides).astype(dtype)
    run = KINDS[kind](path, name)
    run(rows)
    print("ready", flush=True)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            started = time.perf_counter()
            run(rows)
            seconds.append(time.perf_counter() - started)
        print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main()
