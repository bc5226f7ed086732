"""Preprocessing inside the graph: the same tensors and vectors as the usual way."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from edgeclip_export import pixels
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, version_converter
from PIL import Image

from edgeclip.errors import ExportError, ModelError, ParityError
from edgeclip.model import images
from edgeclip.model.model import Model
from edgeclip.model.towers import Agreement, ImageTower, image_tower
from tests import graphs, tiny

STARTER = Path(__file__).resolve().parents[2] / "models" / "starter"
TOWER = image_tower(tiny.RECORD["image"])
UNIT = {"unit": "image_embeds"}
HALF = ((0.5,) * 3, (0.25, 0.5, 1.0))


def bare(path: Path) -> onnxruntime.InferenceSession:
    """Open a graph as any other program would, with onnxruntime's own options."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options)


def run(session: Any, *pictures: np.ndarray) -> np.ndarray:
    (answer,) = session.run(None, {"pixels": np.stack(pictures)})
    return answer


def noise(width: int, height: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(width: int, height: int, seed: int = 1) -> np.ndarray:
    small = Image.fromarray(noise(2 + width // 40, 2 + height // 40, seed))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def passing_through(tower: ImageTower, path: Path) -> Path:
    """Write an image graph that answers with the tensor that it was fed."""
    kind = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}[tower.input_dtype]
    side = "side" if tower.crop == "none" and tower.resize == "shortest" else tower.size
    graph = helper.make_graph(
        [helper.make_node("Flatten", [tower.input], ["image_embeds"])],
        "through",
        [helper.make_tensor_value_info(tower.input, kind, ["n", 3, side, side])],
        [helper.make_tensor_value_info("image_embeds", kind, ["n", "numbers"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function that gives the pixels (levels, not normalised) that a tower is fed."""
    folder = tmp_path_factory.mktemp("through")

    @cache
    def session(*key: Any) -> tuple[ImageTower, Any]:
        names = ("size", "resize", "filter", "crop", "mean", "std", "input_dtype")
        tower = dataclasses.replace(TOWER, outputs=UNIT, **dict(zip(names, key, strict=True)))
        graph = passing_through(tower, folder / "through.onnx")
        return tower, bare(pixels.with_pixels(graph, tower, folder / "pixels.onnx"))

    return session


def levels(seen: Any, picture: np.ndarray, *key: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return (found, expected) in levels of 0 to 255."""
    tower, session = seen(*key)
    expected = images.prepare(picture, tower)
    found = run(session, picture).astype(np.float32).reshape(expected.shape)
    std, mean = (np.array(v, np.float32).reshape(3, 1, 1) for v in (tower.std, tower.mean))
    return (found * std + mean) * 255, (expected * std + mean) * 255


SIDES = st.one_of(st.integers(1, 12), st.integers(20, 300), st.sampled_from([32, 64, 256]))
TOWERS = st.tuples(
    st.sampled_from([16, 32, 64, 225, 256]),
    st.sampled_from(["shortest", "squash"]),
    st.sampled_from(["bilinear", "bicubic"]),
    st.sampled_from(["center", "none"]),
    st.sampled_from([TOWER.mean, HALF[0], (0.0,) * 3]),
    st.sampled_from([TOWER.std, HALF[1], (1.0,) * 3]),
    st.just("float32"),
)
USUAL = (256, "shortest", "bilinear", "center", TOWER.mean, TOWER.std, "float32")
CUBIC = (256, "shortest", "bicubic", "center", TOWER.mean, TOWER.std, "float32")


@given(width=SIDES, height=SIDES, tower=TOWERS, seed=st.integers(0, 99))
@example(width=1, height=1, tower=USUAL, seed=0)
@example(width=256, height=256, tower=USUAL, seed=0)
@example(width=256, height=259, tower=USUAL, seed=0)  # crops at 1.5, which goes to 2
@example(width=261, height=256, tower=CUBIC, seed=0)  # crops at 2.5, which goes to 2
@example(width=300, height=599, tower=CUBIC, seed=0)  # columns first
@example(width=300, height=601, tower=CUBIC, seed=0)  # rows first
@example(width=300, height=900, tower=USUAL, seed=0)
@example(width=5, height=400, tower=CUBIC, seed=0)  # upscaled: columns first however tall
@example(width=99, height=1, tower=CUBIC, seed=0)
@example(width=1, height=99, tower=CUBIC, seed=0)
@settings(max_examples=60)
def test_any_picture_becomes_the_same_tensor(
    seen: Any, width: int, height: int, tower: tuple[Any, ...], seed: int
) -> None:
    assume(max(width, height) <= 100 * min(width, height))  # longer ones are refused
    found, expected = levels(seen, noise(width, height, seed), *tower)
    difference = np.abs(found - expected)
    # Pillow's weights are rounded to 22 bits, onnxruntime's come from a float32 scale: a sum that
    # lands between two levels may go either way, and the second pass may carry it one further.
    assert difference.max() < 2.5
    # One level of a picture of a few pixels is repeated over whole rows.
    most = 0.02 if min(width, height) > 12 else 0.1
    assert (difference > 0.5).mean() < most and difference.mean() < most


@pytest.mark.parametrize("tower", [USUAL, CUBIC])
def test_photographs_differ_in_few_pixels_and_by_one_level(
    seen: Any, tower: tuple[Any, ...], photos: Path
) -> None:
    for name in ("chelsea.png", "coffee.png", "rocket.jpg", "retina.jpg"):
        picture = np.asarray(Image.open(photos / name).convert("RGB"))
        difference = np.abs(np.subtract(*levels(seen, picture, *tower)))
        assert difference.max() < 1.5 and (difference > 0.5).mean() < 0.002, name


def test_pixels_of_the_right_size_are_the_very_same(seen: Any) -> None:
    tower, session = seen(*USUAL)
    picture = noise(256, 256)
    expected = images.prepare(picture, tower)
    assert np.array_equal(run(session, picture).reshape(expected.shape), expected)


def test_half_precision_is_fed_where_the_graph_wants_it(seen: Any) -> None:
    key = (*USUAL[:-1], "float16")
    tower, session = seen(*key)
    picture = noise(256, 256)
    expected = images.prepare(picture, tower).astype(np.float16).astype(np.float32)
    found = run(session, picture)
    assert found.dtype == np.float32 and np.array_equal(found.reshape(expected.shape), expected)


@pytest.fixture(scope="module")
def tiny_pixels(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    path = tmp_path_factory.mktemp("pixels") / pixels.FILE
    return pixels.with_pixels(
        tiny_model / "image.onnx", Model.load(tiny_model).manifest.image, path
    )


def test_input_and_output(tiny_pixels: Path) -> None:
    session = bare(tiny_pixels)
    (fed,), (given_,) = session.get_inputs(), session.get_outputs()
    assert (fed.name, fed.type, fed.shape) == (
        "pixels",
        "tensor(uint8)",
        ["batch", "height", "width", 3],
    )
    assert (given_.name, given_.type) == ("image_embeds", "tensor(float)")
    assert given_.shape == ["batch", tiny.DIM]


@pytest.mark.parametrize("size", [(1, 1), (32, 32), (40, 30), (33, 31), (20, 99), (640, 480)])
def test_a_batch_of_one_size_gives_the_vectors_of_the_usual_way(
    size: tuple[int, int], tiny_pixels: Path, model: Model
) -> None:
    pictures = [smooth(*size, seed=seed) for seed in range(3)]
    found = run(bare(tiny_pixels), *pictures)
    expected = np.stack(list(model.embed_images(pictures)))
    assert found.shape == expected.shape
    assert np.all((found * expected).sum(axis=1) >= 0.9999)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_only_standard_operators_and_one_copy_of_the_weights(
    tiny_pixels: Path, tiny_model: Path
) -> None:
    model = onnx.load_model(str(tiny_pixels))
    assert {entry.domain for entry in model.opset_import} == {""}
    assert [entry.version for entry in model.opset_import] == [20]
    assert tiny_pixels.stat().st_size < (tiny_model / "image.onnx").stat().st_size + 16_384


def test_the_picture_is_cropped_before_it_becomes_floats(tiny_pixels: Path) -> None:
    nodes = {name: node for node in onnx.load(tiny_pixels).graph.node for name in node.output}
    casts = [n for n in nodes.values() if n.op_type == "Cast" and n.input[0] in nodes]
    sources = {nodes[cast.input[0]].op_type for cast in casts}
    assert "Slice" in sources and "Transpose" not in sources and "If" not in sources


def test_the_same_bytes_every_time(tiny_pixels: Path, tiny_model: Path, tmp_path: Path) -> None:
    again = pixels.with_pixels(tiny_model / "image.onnx", TOWER, tmp_path / "again.onnx")
    assert again.read_bytes() == tiny_pixels.read_bytes()


def test_a_graph_bound_to_a_batch_keeps_it(tmp_path: Path, tiny_model: Path) -> None:
    graph = tmp_path / "two.onnx"
    graph.write_bytes(tiny.image_graph(batch=2))
    path = pixels.with_pixels(graph, dataclasses.replace(TOWER, batch=2), tmp_path / "out.onnx")
    assert bare(path).get_inputs()[0].shape == [2, "height", "width", 3]
    assert pixels.compare(tiny_model, path).least >= 0.9999


def test_a_raw_output_is_brought_to_unit_length(tmp_path: Path, model: Model) -> None:
    graph = graphs.image(tmp_path / "raw.onnx", graphs.without("image_embeds"))
    tower = dataclasses.replace(TOWER, outputs={"raw": "image_features"})
    path = pixels.with_pixels(graph, tower, tmp_path / "out.onnx")
    assert pixels.entry(tower, Agreement(1.0, 1.0, "x"))["output"] == "image_embeds"
    assert pixels.compare(model, path).least >= 0.9999


def test_an_input_called_pixels_is_no_obstacle(tmp_path: Path, model: Model) -> None:
    def renamed(graph_model: onnx.ModelProto) -> None:
        graph_model.graph.input[0].name = graph_model.graph.node[0].input[0] = "pixels"

    graph = graphs.image(tmp_path / "named.onnx", renamed)
    tower = dataclasses.replace(TOWER, input="pixels")
    path = pixels.with_pixels(graph, tower, tmp_path / "out.onnx")
    assert pixels.compare(model, path).least >= 0.9999


def test_an_older_operator_set_is_brought_up(tmp_path: Path, model: Model) -> None:
    old = version_converter.convert_version(onnx.load_from_string(tiny.image_graph()), 17)
    (tmp_path / "old.onnx").write_bytes(old.SerializeToString())
    path = pixels.with_pixels(tmp_path / "old.onnx", TOWER, tmp_path / "out.onnx")
    assert pixels.compare(model, path).least >= 0.9999


def test_other_tensors_than_the_manifest_names_are_refused(
    tiny_model: Path, tmp_path: Path
) -> None:
    for wrong in ({"input": "x"}, {"outputs": {"unit": "x"}}):
        tower = dataclasses.replace(TOWER, **wrong)
        with pytest.raises(ExportError, match=r"'x'.*again"):
            pixels.with_pixels(tiny_model / "image.onnx", tower, tmp_path / "out.onnx")
    assert not list(tmp_path.iterdir())


def test_weights_outside_the_file_and_too_large_ones_are_refused(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outside(graph_model: onnx.ModelProto) -> None:
        tensor = graph_model.graph.initializer[0]
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="weights.bin")

    graph = graphs.image(tmp_path / "outside.onnx", outside)
    with pytest.raises(ModelError):
        pixels.with_pixels(graph, TOWER, tmp_path / "out.onnx")
    monkeypatch.setattr(pixels, "MAX_BYTES", 1000)
    with pytest.raises(ExportError, match="smaller variant"):
        pixels.with_pixels(tiny_model / "image.onnx", TOWER, tmp_path / "out.onnx")


def test_the_record_and_its_agreement(tiny_pixels: Path, tiny_model: Path) -> None:
    found = pixels.compare(tiny_model, tiny_pixels)
    assert found.mean >= found.least >= 0.9999 and "10 golden pictures" in found.over
    assert pixels.entry(TOWER, found) == {
        "file": "image.uint8.onnx",
        "input": "pixels",
        "output": "image_embeds",
        "agreement": {"mean": found.mean, "least": found.least, "over": found.over},
    }


@pytest.mark.parametrize("wrong", [{"mean": (0.0,) * 3}, {"resize": "squash"}])
def test_another_preprocessing_is_no_parity(
    wrong: dict[str, Any], tiny_model: Path, tmp_path: Path
) -> None:
    tower = dataclasses.replace(TOWER, **wrong)
    path = pixels.with_pixels(tiny_model / "image.onnx", tower, tmp_path / "wrong.onnx")
    with pytest.raises(ParityError, match=r"wrong\.onnx differs .* at \d+x\d+ pixels"):
        pixels.compare(tiny_model, path)


def test_vectors_that_are_no_numbers_are_no_parity(tiny_model: Path, tmp_path: Path) -> None:
    tower = dataclasses.replace(TOWER, mean=(float("nan"),) * 3)
    path = pixels.with_pixels(tiny_model / "image.onnx", tower, tmp_path / "nan.onnx")
    with pytest.raises(ParityError):
        pixels.compare(tiny_model, path)


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Any, Path]:
    model, path = Model.load(STARTER), tmp_path_factory.mktemp("starter") / pixels.FILE
    tower = model.manifest.image
    file = model.manifest.variant(tower, None).file
    return model, bare(pixels.with_pixels(STARTER / file, tower, path)), path


def test_a_true_model_gives_photographs_the_same_vectors(
    starter: tuple[Model, Any, Path], photos: Path
) -> None:
    model, session, _ = starter
    names = ("chelsea.png", "coffee.png", "rocket.jpg", "astronaut.png", "ihc.png", "camera.png")
    for name in names:
        picture = np.asarray(Image.open(photos / name).convert("RGB"))
        # A strip, too: more than twice as tall as wide, where the order of the passes matters.
        for part in (picture, np.ascontiguousarray(picture[:, : len(picture) // 3])):
            assert float(run(session, part)[0] @ model.embed_image(part)) >= 0.9999, name


def test_a_true_model_agrees_on_the_goldens(starter: tuple[Model, Any, Path]) -> None:
    model, _, path = starter
    assert pixels.compare(model, path).least >= 0.9999
