"""Towers as other converters make them: the tiny ones, changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests import tiny

Change = Callable[[onnx.ModelProto], object]
CLIP_MEAN, CLIP_STD = tiny.RECORD["image"]["mean"], tiny.RECORD["image"]["std"]


def save(path: Path, data: bytes, *changes: Change) -> Path:
    """Write a graph after some changes."""
    model = onnx.load_from_string(data)
    for change in changes:
        change(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def image(path: Path, *changes: Change) -> Path:
    """Write the tiny image tower after some changes."""
    return save(path, tiny.image_graph(), *changes)


def text(path: Path, *changes: Change) -> Path:
    """Write the tiny text tower after some changes."""
    return save(path, tiny.text_graph(), *changes)


def tokenizer(path: Path) -> Path:
    """Write the tiny tokenizer."""
    path.write_bytes(tiny.tokenizer_json())
    return path


def without(*names: str) -> Change:
    """Take outputs away."""

    def change(model: onnx.ModelProto) -> None:
        kept = [output for output in model.graph.output if output.name not in names]
        del model.graph.output[:]
        model.graph.output.extend(kept)

    return change


def shaped(*shape: str | int, kind: int = TensorProto.FLOAT) -> Change:
    """Declare another shape of the input."""

    def change(model: onnx.ModelProto) -> None:
        name = model.graph.input[0].name
        model.graph.input[0].CopyFrom(helper.make_tensor_value_info(name, kind, shape))

    return change


def before(operator: str, *constants: np.ndarray, **attributes: object) -> Change:
    """Put an operator between the input and what reads it."""

    def change(model: onnx.ModelProto) -> None:
        graph = model.graph
        source, made = graph.input[0].name, f"made_by_{operator}"
        for node in graph.node:
            node.input[:] = [made if name == source else name for name in node.input]
        names = [f"{operator}_{i}" for i in range(len(constants))]
        graph.node.insert(0, helper.make_node(operator, [source, *names], [made], **attributes))
        for name, value in zip(names, constants, strict=True):
            graph.initializer.append(numpy_helper.from_array(value, name))

    return change


def inverse(model: onnx.ModelProto) -> None:
    """Put ``x · std + mean`` at the head, as this project's own converter does."""
    mean, std = (np.array(v, np.float32).reshape(1, 3, 1, 1) for v in (CLIP_MEAN, CLIP_STD))
    before("Add", mean)(model)
    before("Mul", std)(model)


def output(operator: str, inputs: Sequence[str], name: str, shape: Sequence[str | int]) -> Change:
    """Add an output that one operator makes."""

    def change(model: onnx.ModelProto) -> None:
        model.graph.node.append(helper.make_node(operator, inputs, [name]))
        info = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        model.graph.output.append(info)

    return change


def rewired(operator: str, *constants: np.ndarray, **attributes: object) -> Change:
    """Put an operator behind the image tower's flattened features."""

    def change(model: onnx.ModelProto) -> None:
        names = [f"{operator}_{i}" for i in range(len(constants))]
        at = next(i for i, node in enumerate(model.graph.node) if node.output[0] == "d")
        model.graph.node[at + 1].input[0] = "e"
        node = helper.make_node(operator, ["d", *names], ["e"], **attributes)
        model.graph.node.insert(at + 1, node)
        for name, value in zip(names, constants, strict=True):
            model.graph.initializer.append(numpy_helper.from_array(value, name))

    return change


# Both declare an open batch, and were traced with one picture.
traced_with_one = rewired("Reshape", np.array([1, 32], np.int64))


def mixing(model: onnx.ModelProto) -> None:
    """Let each picture's vector depend on the others of its batch."""
    at = next(i for i, node in enumerate(model.graph.node) if node.output[0] == "d")
    model.graph.node[at + 1].input[0] = "e"
    nodes = [
        helper.make_node("ReduceMean", ["d", "batch_axis"], ["others"], keepdims=1),
        helper.make_node("Add", ["d", "others"], ["e"]),
    ]
    for node in reversed(nodes):
        model.graph.node.insert(at + 1, node)
    axis = numpy_helper.from_array(np.array([0], np.int64), "batch_axis")
    model.graph.initializer.append(axis)
