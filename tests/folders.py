"""Model folders that differ from `tests.tiny` in one thing."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeclip.model.identity import seal, space_id
from edgeclip.model.writer import write_model
from tests import tiny


def image_record(**changes: Any) -> dict[str, Any]:
    """The tiny model's image section with other values."""
    return {**copy.deepcopy(tiny.RECORD["image"]), **changes}


def text_record(**changes: Any) -> dict[str, Any]:
    """The tiny model's text section with other values."""
    return {**copy.deepcopy(tiny.RECORD["text"]), **changes}


def write(folder: Path, files: Mapping[str, bytes] | None = None, **changes: Any) -> Path:
    """Write a model whose goldens are empty; ``files`` and ``changes`` replace the tiny ones."""
    record = {**copy.deepcopy(tiny.RECORD), "name": folder.name, **changes}
    contents = {"image.onnx": tiny.image_graph()}
    if record["text"] is not None:
        contents |= {"text.onnx": tiny.text_graph(), "tokenizer.json": tiny.tokenizer_json()}
    goldens = {"computed_by": "nobody", "least_cosine": 0.999, "pictures": [], "texts": []}
    return write_model(
        folder, record, {**contents, **(files or {})}, check=lambda _: {"goldens": goldens}
    )


def copied(model: Path, folder: Path) -> Path:
    """Copy a model folder, to damage it."""
    return Path(shutil.copytree(model, folder))


def edited(
    folder: Path,
    edit: Callable[[dict[str, Any]], object],
    *,
    rehash: bool = True,
    reseal: bool = True,
) -> Path:
    """Change ``model.json``; ``rehash`` keeps sizes, hashes and the space id honest."""
    path = folder / "model.json"
    record = json.loads(path.read_text("utf-8"))
    edit(record)
    if rehash:
        for name, entry in record["files"].items():
            data = (folder / name).read_bytes()
            entry |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        record["space"] = space_id(record)
    if reseal:
        record["sha256"] = seal(record)
    path.write_text(json.dumps(record), "utf-8")
    return folder


def image_graph_with(change: Callable[[onnx.ModelProto], object]) -> bytes:
    """The tiny image graph after a change."""
    graph = onnx.load_from_string(tiny.image_graph())
    change(graph)
    return graph.SerializeToString()


def swap_weights(graph: onnx.ModelProto) -> None:
    """Give the image graph other weights, of the same shapes."""
    for tensor in graph.graph.initializer:
        if tensor.name.startswith("w"):
            values = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(np.flip(values).copy(), tensor.name))


def poison_weights(graph: onnx.ModelProto) -> None:
    """Put one NaN among the weights of the projection."""
    tensor = next(t for t in graph.graph.initializer if t.name == "w3")
    values = numpy_helper.to_array(tensor).copy()
    values[0, 0] = np.nan
    tensor.CopyFrom(numpy_helper.from_array(values, "w3"))


def half_input(graph: onnx.ModelProto) -> None:
    """Make the image graph eat float16, as some graphs made elsewhere do."""
    shape = ["n", 3, tiny.SIZE, tiny.SIZE]
    graph.graph.input[0].CopyFrom(
        helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT16, shape)
    )
    graph.graph.node[0].input[0] = "wide"
    cast = helper.make_node("Cast", ["pixel_values"], ["wide"], to=TensorProto.FLOAT)
    graph.graph.node.insert(0, cast)
