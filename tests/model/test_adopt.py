"""ONNX files from elsewhere become model folders, or are refused."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from edgeclip.errors import ModelError
from edgeclip.model.adopt import Adoption, adopt
from edgeclip.model.manifest import Manifest
from edgeclip.model.model import Model
from edgeclip.model.presets import PRESETS
from edgeclip.model.verify import verify
from tests import folders, graphs, tiny

MOBILECLIP = PRESETS["mobileclip"]


@pytest.fixture
def adopted(tmp_path):
    """Adopt the tiny towers after changes."""

    def call(*changes, name="m", preset=MOBILECLIP, words=True, text=(), **options):
        made = graphs.image(tmp_path / f"{name}.image.onnx", *changes)
        if words:
            options |= {
                "text": graphs.text(tmp_path / f"{name}.text.onnx", *text),
                "tokenizer": graphs.tokenizer(tmp_path / f"{name}.json"),
            }
        return adopt(tmp_path / "models" / name, Adoption(made, preset, **options))

    return call


@pytest.fixture
def pictures(photos):
    return [photos / name for name in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")]


def cosines(a, b, pictures):
    return [float(a.embed_image(picture) @ b.embed_image(picture)) for picture in pictures]


def test_a_published_conversion_equals_the_projects_own_contract(adopted, pictures):
    # The same weights: once fed with pixels in [0, 1], once with CLIP statistics and their inverse.
    published = Model.load(adopted(name="published"))
    own = Model.load(adopted(graphs.inverse, name="own", preset=PRESETS["edgeclip"]))
    assert min(cosines(published, own, pictures)) >= 0.99999
    wrong = Model.load(adopted(name="wrong", preset=PRESETS["edgeclip"]))
    assert min(cosines(published, wrong, pictures)) < 0.99
    texts = [(m.embed_text("a café"), m.embed_text("x")) for m in (published, own)]
    assert np.array_equal(*texts)
    assert published.space != own.space


def test_the_manifest_says_what_was_found(adopted):
    folder = adopted(license="MIT")
    record = json.loads((folder / "model.json").read_text())
    assert record["image"] | {"mean": [0, 0, 0], "std": [1, 1, 1]} == record["image"]
    assert record["image"]["outputs"] == {"raw": "image_features", "unit": "image_embeds"}
    assert (record["image"]["size"], record["dim"]) == (tiny.SIZE, tiny.DIM)
    assert record["text"]["context_length"] == tiny.CONTEXT
    assert record["text"]["end_id"] == tiny.END
    assert record["source"]["kind"] == "onnx" and record["license"]["name"] == "MIT"
    assert "when the files were adopted" in record["goldens"]["computed_by"]
    assert len(record["goldens"]["pictures"]) >= 8 and len(record["goldens"]["texts"]) >= 8
    assert verify(folder).ok


def test_the_vectors_are_the_graphs(adopted, tmp_path, photos):
    import onnxruntime

    model = Model.load(adopted())
    session = onnxruntime.InferenceSession(tmp_path / "m.image.onnx")
    tensor = model.image_tensor(photos / "coffee.png")
    raw, unit = session.run(["image_features", "image_embeds"], {"pixel_values": tensor[None]})
    assert np.allclose(model.embed_image(photos / "coffee.png"), unit[0], atol=1e-6)
    assert np.allclose(model.embed_image(photos / "coffee.png", normalize=False), raw[0], atol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        [graphs.without("image_features")],
        [graphs.without("image_embeds")],
        [graphs.shaped(1, 3, 32, 32)],
        [graphs.shaped(4, 3, 32, 32)],
        [graphs.traced_with_one],
        [folders.half_input],
        [graphs.shaped("n", 3, 32, "w")],
    ],
    ids=["unit only", "raw only", "batch 1", "batch 4", "traced with one", "half", "open width"],
)
def test_other_forms_give_the_same_vectors(adopted, pictures, changes):
    plain, other = Model.load(adopted()), Model.load(adopted(*changes, name="other"))
    assert min(cosines(plain, other, pictures)) >= 0.99999
    together = list(other.embed_images(pictures, batch_size=3))
    assert np.allclose(together, [other.embed_image(picture) for picture in pictures], atol=1e-6)
    assert verify(other.manifest.folder).ok


def test_a_batch_that_mixes_its_pictures_is_run_one_by_one(adopted, pictures):
    model = Model.load(adopted(graphs.mixing))
    assert model.manifest.image.batch == 1
    together = list(model.embed_images(pictures, batch_size=4))
    assert np.allclose(together, [model.embed_image(picture) for picture in pictures], atol=1e-6)


def int32(model):
    graphs.before("Cast", to=TensorProto.INT64)(model)
    graphs.shaped("n", tiny.CONTEXT, kind=TensorProto.INT32)(model)


def test_text_towers_of_other_forms(adopted):
    plain = Model.load(adopted())
    for name, changes in {
        "narrow": [int32],
        "one": [graphs.shaped(1, tiny.CONTEXT, kind=TensorProto.INT64)],
        "unit": [graphs.without("text_features")],
    }.items():
        other = Model.load(adopted(name=name, text=changes))
        texts = ["a cat", "two dogs", ""]
        assert np.allclose(
            list(plain.embed_texts(texts)), list(other.embed_texts(texts)), atol=1e-6
        )


def test_pictures_only(adopted):
    folder = adopted(words=False)
    assert Manifest.load(folder).text is None and verify(folder).ok


def test_the_size_that_the_graph_leaves_open(adopted):
    open_size = graphs.shaped("n", 3, "h", "w")
    with pytest.raises(ModelError, match=r"leaves the size of the pictures open .* --size"):
        adopted(open_size)
    assert Manifest.load(adopted(open_size, size=32)).image.size == 32
    with pytest.raises(ModelError, match=r"does not run .* Check the size"):
        adopted(open_size, size=48, name="wrong")


@pytest.mark.parametrize(
    ("shape", "size", "said"),
    [
        ((1, 3, 32, 32), 64, r"shape \(1, 3, 32, 32\), not squares of 64"),
        (("n", 3, 32, 48), None, "not squares of one size"),
        (("n", 32, 32, 3), None, r"\(\?, 32, 32, 3\), not float pictures .* channels first"),
        (("n", "h", "w", 3), 32, "Convert it again with channels first"),
        (("n", 1, 32, 32), None, "not float pictures"),
        (("n", 3072), None, "not float pictures"),
    ],
)
def test_shapes_that_are_refused(adopted, shape, size, said):
    transpose = graphs.before("Transpose", perm=[0, 3, 1, 2])
    change = [transpose] if shape[-1] == 3 else []
    if shape in [("n", 1, 32, 32), ("n", 3072)]:
        change = [graphs.before("Reshape", np.array([-1, 3, 32, 32], np.int64))]
    if shape == ("n", 3, 32, 48):
        change = [graphs.before("Slice", *slices())]
    with pytest.raises(ModelError, match=said):
        adopted(*change, graphs.shaped(*shape), size=size)


def slices():
    return [np.array(value, np.int64) for value in ([0], [32], [3])]


def test_a_text_tower_in_place_of_the_image_tower(tmp_path):
    text = graphs.text(tmp_path / "text.onnx")
    with pytest.raises(ModelError, match=r"eats int64 of shape .*not float pictures"):
        adopt(tmp_path / "m", Adoption(text, MOBILECLIP))


def test_an_image_tower_in_place_of_the_text_tower(tmp_path):
    made = graphs.image(tmp_path / "image.onnx")
    tokenizer = graphs.tokenizer(tmp_path / "t.json")
    with pytest.raises(ModelError, match=r"eats float32 of shape .*not ids"):
        adopt(tmp_path / "m", Adoption(made, MOBILECLIP, made, tokenizer))


@pytest.mark.parametrize("tower", ["image", "text"])
def test_external_data_is_refused(tmp_path, tower):
    files = {
        "image": graphs.image(tmp_path / "image.onnx"),
        "text": graphs.text(tmp_path / "text.onnx"),
    }
    outside = tmp_path / f"outside.{tower}.onnx"
    onnx.save(
        onnx.load(files[tower]), outside, save_as_external_data=True, size_threshold=0,
        location="weights.bin",
    )  # fmt: skip
    files[tower] = outside
    adoption = Adoption(
        files["image"], MOBILECLIP, files["text"], graphs.tokenizer(tmp_path / "t.json")
    )
    with pytest.raises(ModelError, match=rf"outside\.{tower}\.onnx keeps its weights in other"):
        adopt(tmp_path / "models" / "m", adoption)
    assert not (tmp_path / "models" / "m").exists()


def wider(model):
    """A text tower of one dimension more."""
    for tensor in model.graph.initializer:
        if tensor.name == "w":
            values = onnx.numpy_helper.to_array(tensor)
            values = np.concatenate([values, values[:, :1]], axis=1)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, "w"))
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_value = tiny.DIM + 1


def test_towers_of_two_models(adopted):
    with pytest.raises(ModelError, match=r"of two models: .* gives 16 numbers, .* gives 17"):
        adopted(text=[wider])


def test_vectors_that_are_no_numbers(adopted, tmp_path):
    with pytest.raises(ModelError, match="non-finite"):
        adopted(folders.poison_weights)
    assert not (tmp_path / "models").exists()


def test_a_text_tower_needs_a_tokenizer(tmp_path):
    made = graphs.image(tmp_path / "image.onnx")
    text = graphs.text(tmp_path / "text.onnx")
    with pytest.raises(ModelError, match="needs its tokenizer"):
        adopt(tmp_path / "m", Adoption(made, MOBILECLIP, text))


def endless():
    from tokenizers import Tokenizer, models

    return Tokenizer(models.BPE(vocab={"a": 0}, merges=[])).to_str().encode()


def foreign():
    """The tiny tokenizer with ids that the text tower does not know."""
    return tiny.tokenizer_json().replace(b'"id": 258', b'"id": 999').replace(b"258", b"999")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "t.json is no file"),
        (b"{}", "t.json is no usable tokenizer"),
        (b"\x00\xff", "t.json is no usable tokenizer"),
        (endless(), "t.json puts no end token behind a text"),
        (foreign(), "does not run .* the tokenizer"),
    ],
    ids=["missing", "other json", "binary", "no end", "of another model"],
)
def test_tokenizers_that_cannot_be_used(tmp_path, data, said):
    if data is not None:
        (tmp_path / "t.json").write_bytes(data)
    adoption = Adoption(
        graphs.image(tmp_path / "image.onnx"),
        MOBILECLIP,
        graphs.text(tmp_path / "text.onnx"),
        tmp_path / "t.json",
    )
    with pytest.raises(ModelError, match=said):
        adopt(tmp_path / "models" / "m", adoption)


def test_nothing_is_replaced(adopted, tmp_path):
    before = Model.load(adopted()).manifest.record
    with pytest.raises(ModelError, match=r"exists\. Choose another --name"):
        adopted(preset=dataclasses.replace(MOBILECLIP, logit_scale=50.0))
    assert Model.load(tmp_path / "models" / before["name"]).manifest.record == before
    (tmp_path / "models" / "mine").mkdir()
    with pytest.raises(ModelError, match=r"exists\. Choose another --name"):
        adopted(name="mine")
    assert list((tmp_path / "models" / "mine").iterdir()) == []


@pytest.mark.parametrize("family", PRESETS)
def test_every_preset_makes_a_model(adopted, family, photos):
    folder = adopted(preset=PRESETS[family], words=False)
    vector = Model.load(folder).embed_image(photos / "coffee.png")
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
