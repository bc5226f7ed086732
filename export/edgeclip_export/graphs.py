"""A tower becomes an ONNX graph: opset 20, one file, dynamic batch and nothing else dynamic.

Opset 20 has a native Gelu; below it GELU stays five nodes that onnxruntime does not fuse. The
outputs are called by names that no inner value of the exporter has: with one called ``embedding``
onnxruntime refuses the text graph ("Duplicate definition of name").
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from onnx import TensorProto
from torch import Tensor, nn

from edgeclip.errors import ExportError

OPSET = 20
MAX_BYTES = 2**31 - 2**24
"""Of the weights in one file: protobuf ends at 2 GiB, and the nodes need a little."""
_DTYPES = {torch.float32: TensorProto.FLOAT, torch.int64: TensorProto.INT64}


@dataclass(frozen=True)
class GraphNames:
    """Tensor names of a tower's graph."""

    input: str
    """``pixel_values`` or ``input_ids``."""
    raw: str
    """The output as the tower gives it."""
    unit: str
    """The same divided by its length."""


IMAGE_NAMES = GraphNames("pixel_values", "image_features", "image_embeds")
TEXT_NAMES = GraphNames("input_ids", "text_features", "text_embeds")


def export_graph(tower: nn.Module, example: Tensor, names: GraphNames, path: Path) -> Path:
    """Write ``tower`` to ``path`` as ONNX and check the file.

    Args:
        tower: maps one tensor to (raw, unit length).
        example: an input with a batch of at least 2 (one is taken for a constant).
        names: of the input and the outputs.
        path: of the file to write.

    Returns:
        ``path``.

    Raises:
        ExportError: the tower is too large for one file, or the graph breaks one of this module's
            promises.
    """
    size = sum(weight.numel() * weight.element_size() for weight in tower.state_dict().values())
    if size > MAX_BYTES:
        raise ExportError(
            f"{path.name} would hold {size / 2**30:.1f} GiB of weights, and one ONNX file ends at "
            "2 GiB. Choose a smaller model."
        )
    with torch.no_grad():
        dim = tower(example)[0].shape[-1]
    onnx.save_model(trace(tower, example, names), str(path))
    check_graph(path, example, names, int(dim))
    return path


def trace(
    tower: nn.Module, example: Tensor, names: GraphNames, *, axes: tuple[str, ...] = ("batch",)
) -> onnx.ModelProto:
    """Turn a tower into a graph of native operators, the same bytes every time.

    Args:
        tower: maps one tensor to (raw, unit length).
        example: an input, 2 or longer along each free axis (one is taken for a constant).
        names: of the input and the outputs.
        axes: names of the leading free axes.
    """
    free = {axis: torch.export.Dim(name) for axis, name in enumerate(axes)}
    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            tower.eval(),
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
    return model


def strip(model: onnx.ModelProto) -> None:
    """Remove what the exporter notes of this machine: stack traces with paths, scopes, comments."""
    model.ClearField("doc_string")
    model.ClearField("metadata_props")
    model.graph.ClearField("doc_string")
    model.graph.ClearField("metadata_props")
    # Shapes of inner values are inferred again by every reader, and theirs is the batch's name.
    model.graph.ClearField("value_info")
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        value.ClearField("doc_string")
        value.ClearField("metadata_props")
    for node in model.graph.node:
        node.ClearField("doc_string")
        node.ClearField("metadata_props")


def check_graph(path: Path, example: Tensor, names: GraphNames, dim: int) -> None:
    """Hold the file to this module's promises.

    Raises:
        ExportError: names, types, shapes, opset, external data, or the checker's own complaint.
    """
    model = onnx.load_model(str(path), load_external_data=False)
    batch = ["batch"]
    fed = (_DTYPES[example.dtype], [*batch, *example.shape[1:]])
    given = (TensorProto.FLOAT, [*batch, dim])
    expected = {names.input: fed, names.raw: given, names.unit: given}
    found = {value.name: _signature(value) for value in (*model.graph.input, *model.graph.output)}
    if found != expected or [value.name for value in model.graph.input] != [names.input]:
        raise ExportError(f"{path.name} has tensors {found} where {expected} were expected.")
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise ExportError(f"{path.name} keeps weights outside the file.")
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    if opsets.get("", OPSET) != OPSET or set(opsets) - {""} or model.functions:
        raise ExportError(f"{path.name} needs operators beyond opset {OPSET}: {opsets}.")
    try:
        onnx.checker.check_model(str(path), full_check=True)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(f"{path.name} is no sound graph: {str(error)[:200]}") from error


def _signature(value: onnx.ValueInfoProto) -> tuple[int, list[int | str]]:
    tensor = value.type.tensor_type
    return tensor.elem_type, [dim.dim_param or dim.dim_value for dim in tensor.shape.dim]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's progress and warnings: the library never prints."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
