"""The image tower on one core: onnxruntime against torch eager, and against a plain product.

``torch`` runs the same reparameterised weights.  The plain product is numpy's fp32 1024³, the rate
that this core reaches when nothing but multiplication counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from benchmarks import measure
from benchmarks.material import s2
from edgeclip.model.manifest import Manifest
from edgeclip.model.options import SessionOptions
from edgeclip.model.session import Session


def rows() -> list[measure.Row]:
    """Measure and return the rows."""
    folder = s2()
    manifest = Manifest.load(folder)
    path = folder / "image.onnx"
    session = Session.load(path, manifest.image, SessionOptions(threads=1), dim=512)
    pixels = np.random.default_rng(0).normal(size=(1, 3, 256, 256)).astype(np.float32)
    torch_tower = _torch_tower(pixels)
    a, b = np.random.default_rng(1).normal(size=(2, 1024, 1024)).astype(np.float32)
    seconds = measure.in_turn(
        {
            "onnxruntime": lambda: session.run(pixels, unit=True),
            "torch": torch_tower,
            "product": lambda: a @ b,
        },
        rounds=15,
    )
    work = flop(path) / 1e9
    rates = [work / s for s in seconds["onnxruntime"]]
    plain = [2 * 1024**3 / 1e9 / s for s in seconds["product"]]
    return [
        measure.time_row(
            "image tower, one thread: time against torch eager",
            seconds["onnxruntime"],
            seconds["torch"],
            "<= 0.70",
        ),
        measure.Row(
            "image tower, one thread: GFLOP/s against numpy's 1024³ product",
            measure.ratio(rates, plain),
            ">= 0.70",
            f"{np.median(rates):.0f} against {np.median(plain):.0f} GFLOP/s ({work:.1f} GFLOP)",
        ),
    ]


def _torch_tower(pixels: Any) -> Any:
    import torch
    from edgeclip_export import checkpoints, pipeline, recipes, towers

    torch.set_num_threads(1)
    recipe = recipes.find_recipe("mobileclip_s2")
    model = pipeline.create_model(recipe.architecture)
    checkpoints.untrained(model, pipeline.SEED)
    fused: Any = towers.reparameterised(model)
    prepared = recipe.preprocessing
    tower = towers.ImageTower(fused.visual, prepared.mean, prepared.std).eval()
    tensor = torch.from_numpy(pixels)

    def run() -> None:
        with torch.inference_mode():
            tower(tensor)

    return run


def flop(path: Any) -> int:
    """Count the multiplications and additions of a graph's convolutions and products, batch 1."""
    model = onnx.shape_inference.infer_shapes(onnx.load(str(path)), data_prop=True)
    shapes = {v.name: _shape(v) for v in [*model.graph.value_info, *model.graph.output]}
    shapes |= {v.name: _shape(v) for v in model.graph.input}
    shapes |= {w.name: list(w.dims) for w in model.graph.initializer}
    total = 0
    for node in model.graph.node:
        if node.op_type == "Conv":
            per_output = int(np.prod(shapes[node.input[1]][1:]))
        elif node.op_type in ("MatMul", "Gemm"):
            per_output = shapes[node.input[0]][-1]
        else:
            continue
        total += 2 * per_output * int(np.prod(shapes[node.output[0]]))
    return total


def _shape(value: Any) -> list[int]:
    return [d.dim_value or 1 for d in value.type.tensor_type.shape.dim]
