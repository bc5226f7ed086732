"""Trace the starter's towers: as `edgeclip_export.graphs`, with a free number of tokens besides."""

from __future__ import annotations

import warnings
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from edgeclip_export.graphs import OPSET, GraphNames, strip


def trace(
    module: nn.Module, example: Tensor, names: GraphNames, *, axes: tuple[str, ...]
) -> onnx.ModelProto:
    """Turn a tower into an ONNX graph of native operators, the same bytes every time.

    Args:
        module: maps one tensor to the raw and the unit vectors.
        example: an input of the right type, 2 or longer along each free axis.
        names: of the input and the outputs.
        axes: names of the leading free axes: ``batch``, ``tokens``.

    Returns:
        A model that ``onnx.checker`` accepts with shape inference.
    """
    free: dict[int, Any] = {axis: torch.export.Dim(name) for axis, name in enumerate(axes)}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own: deprecated calls inside torch
        program = torch.onnx.export(
            module.eval(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[names.input],
            output_names=[names.raw, names.unit],
            dynamic_shapes=(free,),
            external_data=False,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    strip(model)
    onnx.checker.check_model(model, full_check=True)
    return model
