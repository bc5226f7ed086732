"""Graphs: names, shapes, one file, nothing of this machine, any batch."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from edgeclip_export import graphs
from edgeclip_export.graphs import IMAGE_NAMES, TEXT_NAMES
from edgeclip_export.towers import CLIP_MEAN, CLIP_STD, ImageTower, TextTower, reparameterised
from onnx import TensorProto, helper

from edgeclip.errors import ExportError


@pytest.fixture(scope="module")
def towers(fastvit: Any) -> dict[str, Any]:
    fused = reparameterised(fastvit)
    return {
        "image": (ImageTower(fused.visual, (0, 0, 0), (1, 1, 1)), IMAGE_NAMES),
        "text": (TextTower(fused), TEXT_NAMES),
    }


def example(tower: str, batch: int) -> torch.Tensor:
    if tower == "image":
        return torch.rand(batch, 3, 64, 64)
    ids = torch.randint(1, 49406, (batch, 77))
    for row, end in enumerate(torch.randint(2, 77, (batch,)).tolist()):
        ids[row, end:] = 0
        ids[row, end] = 49407
    return ids


@pytest.fixture(scope="module")
def files(towers: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("graphs")
    return {
        name: graphs.export_graph(tower, example(name, 2), names, folder / f"{name}.onnx")
        for name, (tower, names) in towers.items()
    }


@pytest.mark.parametrize("name", ["image", "text"])
@pytest.mark.parametrize("batch", [1, 2, 3, 8])
@torch.no_grad()
def test_any_batch_equals_torch(name: str, batch: int, towers: Any, files: Any) -> None:
    tower, names = towers[name]
    tensor = example(name, batch)
    session = onnxruntime.InferenceSession(str(files[name]))
    found = session.run([names.raw, names.unit], {names.input: tensor.numpy()})
    for ours, theirs in zip(found, tower(tensor), strict=True):
        assert ours.shape == (batch, 48)
        scale = float(theirs.abs().max())
        assert np.abs(ours - theirs.numpy()).max() / scale < 1e-4


@pytest.mark.parametrize("name", ["image", "text"])
def test_one_file_with_native_gelu_at_opset_20(name: str, files: Any) -> None:
    assert [path.name for path in files[name].parent.glob(f"{name}*")] == [f"{name}.onnx"]
    model = onnx.load_model(str(files[name]))
    operators = Counter(node.op_type for node in model.graph.node)
    assert operators["Gelu"] and not operators["Erf"] and not operators["Tanh"]
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 20)]
    # Static but for the batch: no node asks more of the input's shape than its batch.
    for value in (*model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        assert [bool(dim.dim_param) for dim in dims] == [True] + [False] * (len(dims) - 1)


def readers(path: Path, tensor: str) -> list[str]:
    """Return the operators that read a tensor; Shape asks for the batch."""
    nodes = onnx.load_model(str(path)).graph.node
    return [n.op_type for n in nodes if tensor in n.input and n.op_type != "Shape"]


def test_the_inverse_of_clip_statistics_stands_at_the_head(files: Any) -> None:
    assert readers(files["image"], "pixel_values") == ["Mul"]
    assert readers(files["image"], "mul") == ["Add"]
    assert readers(files["image"], "add") == ["Conv"]


def test_clip_statistics_add_no_node(vit: Any, tmp_path: Path) -> None:
    tower = ImageTower(vit.visual, CLIP_MEAN, CLIP_STD)
    path = graphs.export_graph(tower, torch.rand(2, 3, 64, 64), IMAGE_NAMES, tmp_path / "i.onnx")
    assert readers(path, "pixel_values") == ["Conv"]


@pytest.mark.parametrize("name", ["image", "text"])
def test_nothing_of_this_machine_is_in_the_file(name: str, files: Any) -> None:
    model = onnx.load_model(str(files[name]))
    assert not model.metadata_props and not model.doc_string and not model.graph.metadata_props
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    content = files[name].read_bytes()
    for trace in ("site-packages", "edgeclip_export", str(Path.home()), "stack_trace"):
        assert trace.encode() not in content


def tampered(path: Path, tmp_path: Path, change: Any) -> Path:
    model = onnx.load_model(str(path))
    change(model)
    onnx.save_model(model, str(tmp_path / "tampered.onnx"))
    return tmp_path / "tampered.onnx"


def rename_output(model: onnx.ModelProto) -> None:
    model.graph.output[1].name = model.graph.node[0].output[0]


def fix_batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2


def other_type(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT32


def other_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 21


def foreign_domain(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def external(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")


def broken(model: onnx.ModelProto) -> None:
    model.graph.node[3].input[0] = "nowhere"


@pytest.mark.parametrize(
    "change",
    [rename_output, fix_batch, other_type, other_opset, foreign_domain, external, broken],
)
def test_a_graph_that_breaks_a_promise_is_refused(change: Any, files: Any, tmp_path: Path) -> None:
    path = tampered(files["text"], tmp_path, change)
    with pytest.raises(ExportError):
        graphs.check_graph(path, example("text", 2), TEXT_NAMES, 48)


def test_the_true_file_is_not(files: Any) -> None:
    graphs.check_graph(files["text"], example("text", 2), TEXT_NAMES, 48)


def test_a_tower_beyond_two_gibibytes_is_refused(
    towers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphs, "MAX_BYTES", 1000)
    tower, names = towers["text"]
    with pytest.raises(ExportError, match="Choose a smaller model"):
        graphs.export_graph(tower, example("text", 2), names, tmp_path / "text.onnx")
    assert not list(tmp_path.iterdir())
