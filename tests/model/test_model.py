"""Model: one and many, threads, options and damaged folders."""

from __future__ import annotations

import itertools
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from edgeclip import Model
from edgeclip.errors import EdgeclipError, ImageRejected, InvalidText, ModelError
from edgeclip.model import session
from tests import folders, tiny
from tests.pictures import encoded, formats, photo


def decoders() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("edgeclip-decode")]


@pytest.fixture
def album(tmp_path):
    """Twelve pictures on disk."""
    for number in range(12):
        picture = photo(20 + 7 * number, 90 - 5 * number, number)
        (tmp_path / f"{number:02}.png").write_bytes(encoded(picture, "PNG"))
    return sorted(tmp_path.glob("*.png"))


# --- one --------------------------------------------------------------------------------------


def test_vectors_are_unit_float32(model):
    for vector in (model.embed_image(photo()), model.embed_text("a cat")):
        assert vector.shape == (tiny.DIM,) == (model.dim,) and vector.dtype == np.float32
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
        assert vector.base is None or vector.base.nbytes == vector.nbytes  # holds no batch alive


def test_raw_vectors_point_the_same_way(model):
    for raw, unit in (
        (model.embed_image(photo(), normalize=False), model.embed_image(photo())),
        (model.embed_text("a cat", normalize=False), model.embed_text("a cat")),
    ):
        assert abs(np.linalg.norm(raw) - 1) > 0.01
        assert raw @ unit / np.linalg.norm(raw) > 0.999999


def test_different_things_have_different_vectors(model):
    pictures = [model.embed_image(photo(seed=seed)) for seed in range(3)]
    texts = [model.embed_text(text) for text in ("a cat", "a dog", "tac a")]
    for first, second in itertools.combinations(pictures + texts, 2):
        assert first @ second < 0.9999


def test_the_properties_are_the_manifests(model, tiny_model):
    assert (model.name, model.dim, model.logit_scale) == ("tiny", tiny.DIM, 20.0)
    assert model.space == model.manifest.space
    assert model.image_tensor(photo()).shape == (3, tiny.SIZE, tiny.SIZE)


def test_bad_pictures_and_texts(model, tmp_path):
    with pytest.raises(ImageRejected, match="absent"):
        model.embed_image(tmp_path / "absent.jpg")
    with pytest.raises(InvalidText):
        model.embed_text("\0")


# --- many -------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 2, 5, 100])
def test_many_equal_one_by_one_in_order(model, album, batch_size):
    found = list(model.embed_images(iter(album), batch_size=batch_size))
    assert len(found) == len(album)
    for path, vector in zip(album, found, strict=True):
        assert np.abs(vector - model.embed_image(path)).max() < 1e-5
    if batch_size == 1:
        assert all(
            np.array_equal(v, model.embed_image(p)) for p, v in zip(album, found, strict=True)
        )


def test_many_raw_vectors(model, album):
    found = list(model.embed_images(album, normalize=False, batch_size=3))
    for path, vector in zip(album, found, strict=True):
        assert np.abs(vector - model.embed_image(path, normalize=False)).max() < 1e-5


def test_many_texts_equal_one_by_one(model):
    texts = [f"text number {i} " + "x" * (i % 40) for i in range(37)]
    found = list(model.embed_texts(iter(texts)))
    assert len(found) == 37
    for text, vector in zip(texts, found, strict=True):
        assert np.abs(vector - model.embed_text(text)).max() < 1e-5
    assert list(model.embed_texts([])) == [] == list(model.embed_images([]))


def test_texts_may_be_endless(model):
    read = itertools.count()
    found = model.embed_texts(f"text {i}" for i in read)
    for _ in range(20):
        next(found)
    assert next(read) <= 64


@pytest.mark.parametrize("batch_size", [1, 3, 12])
def test_bad_pictures_are_returned_in_their_place(model, album, tmp_path, batch_size):
    bad = {2: tmp_path / "absent.png", 3: b"junk", 7: None, 11: tmp_path}
    pictures = [bad.get(i, path) for i, path in enumerate(album)]
    found = list(model.embed_images(pictures, on_error="return", batch_size=batch_size))
    assert len(found) == 12
    for i, answer in enumerate(found):
        if i in bad:
            assert isinstance(answer, ImageRejected) and "\n" not in str(answer)
        else:
            assert np.abs(answer - model.embed_image(album[i])).max() < 1e-5


def test_nothing_but_bad_pictures(model):
    found = list(model.embed_images([b""] * 7, on_error="return", batch_size=3))
    assert len(found) == 7 and all(isinstance(answer, ImageRejected) for answer in found)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_bad_picture_is_raised_at_its_turn(model, album, batch_size):
    results = model.embed_images([*album[:5], b"junk", *album[5:]], batch_size=batch_size)
    for i in range(5):
        assert np.abs(next(results) - model.embed_image(album[i])).max() < 1e-5
    with pytest.raises(ImageRejected, match="that can be read"):
        next(results)
    assert decoders() == []


def test_wrong_options_are_told_at_the_call(model):
    with pytest.raises(ValueError, match="on_error"):
        model.embed_images([], on_error="ignore")
    with pytest.raises(ValueError, match="batch_size"):
        model.embed_images([], batch_size=0)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_an_endless_source_is_read_a_little_ahead(model, batch_size):
    read = itertools.count()
    picture = np.zeros((8, 8, 3), np.uint8)
    results = model.embed_images((picture for _ in read), batch_size=batch_size)
    for _ in range(30):
        next(results)
    results.close()
    assert next(read) <= 30 + 2 * batch_size + 4
    assert decoders() == []


@pytest.mark.parametrize("leave", ["close", "break"])
def test_leaving_the_loop_leaves_no_threads(model, album, leave):
    results = model.embed_images(itertools.cycle(album))
    for _ in results:
        break
    if leave == "close":
        results.close()
    del results
    assert decoders() == []


def test_errors_of_the_source_come_through(model, album):
    def source():
        yield from album[:5]
        raise OSError("the camera is gone")

    found = []
    with pytest.raises(OSError, match="camera"):
        for vector in model.embed_images(source()):
            found.append(vector)
    assert len(found) == 5 and decoders() == []


def test_frames_and_all_other_sources(model, tmp_path):
    array = np.asarray(photo())
    (tmp_path / "a.png").write_bytes(encoded(photo(), "PNG"))
    frame = SimpleNamespace(time=1.0, picture=array)
    sources = [array, photo(), frame, tmp_path / "a.png", (tmp_path / "a.png").read_bytes()]
    found = list(model.embed_images(sources))
    assert all(np.array_equal(vector, found[0]) for vector in found)


def test_all_formats_are_embedded(model):
    reference = model.embed_image(photo())
    for form, vector in zip(formats(), model.embed_images(formats().values()), strict=True):
        assert vector @ reference > 0.97, form


# --- threads ----------------------------------------------------------------------------------


def test_threads_share_one_session_and_agree(tiny_model, album, monkeypatch):
    opened = []
    real = session.open_graph

    def counted(path, options, **row):
        opened.append(path.name)
        return real(path, options, **row)

    monkeypatch.setattr(session, "open_graph", counted)
    model = Model.load(tiny_model)
    assert opened == []  # loading opens nothing
    barrier = threading.Barrier(8)

    def work(seed):
        barrier.wait()
        order = random.Random(seed).sample(range(12), 12)
        pictures = {i: model.embed_image(album[i]) for i in order}
        many = list(model.embed_images(album))
        return [pictures[i] for i in range(12)], many, model.embed_text("a cat")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(work, range(8)))
    for one, many, text in answers:
        assert np.array_equal(one, answers[0][0]) and np.array_equal(many, answers[0][0])
        assert np.array_equal(text, answers[0][2])
    assert sorted(opened) == ["image.onnx", "text.onnx"]


def test_pictures_alone_never_open_the_text_tower(tiny_model, tmp_path):
    folder = folders.copied(tiny_model, tmp_path / "m")
    model = Model.load(folder)
    (folder / "text.onnx").write_bytes(bytes((folder / "text.onnx").stat().st_size))
    model.embed_image(photo())
    with pytest.raises(ModelError, match="SHA-256"):
        model.embed_text("a cat")
    with pytest.raises(ModelError, match="SHA-256"):
        model.open()


# --- other models -----------------------------------------------------------------------------


def with_image(folder, data=None, **changes):
    files = {} if data is None else {"image.onnx": data}
    return Model.load(folders.write(folder, files, image=folders.image_record(**changes)))


def test_a_fixed_batch_graph(model, album, tmp_path):
    fixed = with_image(tmp_path / "m", tiny.image_graph(batch=2), batch=2)
    for batch_size in (1, 2, 5):
        found = list(fixed.embed_images(album, batch_size=batch_size))
        for path, vector in zip(album, found, strict=True):
            assert np.abs(vector - model.embed_image(path)).max() < 1e-5
    assert np.abs(fixed.embed_image(album[0]) - model.embed_image(album[0])).max() < 1e-5


def test_half_precision_inputs(model, tmp_path):
    half = with_image(
        tmp_path / "m", folders.image_graph_with(folders.half_input), input_dtype="float16"
    )
    assert half.embed_image(photo()) @ model.embed_image(photo()) > 0.9999


def test_one_output_is_enough(model, tmp_path):
    raw = with_image(tmp_path / "raw", outputs={"raw": "image_features"})
    assert np.abs(raw.embed_image(photo()) - model.embed_image(photo())).max() < 1e-6
    unit = with_image(tmp_path / "unit", outputs={"unit": "image_embeds"})
    assert np.array_equal(unit.embed_image(photo()), model.embed_image(photo()))
    with pytest.raises(ModelError, match="no raw output"):
        unit.embed_image(photo(), normalize=False)


def test_without_words(tmp_path):
    model = Model.load(folders.write(tmp_path / "m", text=None))
    assert model.embed_image(photo()).shape == (tiny.DIM,)
    model.open()
    for ask in (
        lambda: model.embed_text("a cat"),
        lambda: list(model.embed_texts(["a cat"])),
        lambda: model.embed_query("a cat"),
        lambda: model.classifier(["cat"]),
    ):
        with pytest.raises(ModelError, match="no text tower"):
            ask()


@pytest.mark.parametrize(("resize", "crop"), [("squash", "none"), ("shortest", "center")])
@pytest.mark.parametrize("resample", ["bilinear", "bicubic"])
def test_the_manifest_alone_decides_the_preprocessing(tmp_path, resize, crop, resample):
    from edgeclip.model import images

    model = with_image(tmp_path / "m", resize=resize, crop=crop, filter=resample)
    expected = images.prepare(photo(), model.manifest.image)
    assert np.array_equal(model.image_tensor(photo()), expected)
    assert np.array_equal(model.embed_tensor(expected), model.embed_image(photo()))
    assert model.embed_image(photo()).shape == (tiny.DIM,)


def test_options_that_change_pixels_have_their_own_space(tiny_model):
    spaces = {
        (fit, draft): Model.load(tiny_model, fit=fit, draft=draft).space
        for fit in ("crop", "pad")
        for draft in (False, True)
    }
    assert len(set(spaces.values())) == 4
    assert spaces["crop", False] == Model.load(tiny_model).manifest.space
    assert Model.load(tiny_model, threads=2, arena=True).space == spaces["crop", False]
    with pytest.raises(ValueError, match="fit must be"):
        Model.load(tiny_model, fit="stretch")


def test_options_change_what_they_say(tiny_model):
    wide = photo(200, 40)
    reference = Model.load(tiny_model).embed_image(wide)
    padded = Model.load(tiny_model, fit="pad").embed_image(wide)
    assert padded @ reference < 0.999
    large = encoded(photo(1600, 1200), "JPEG", quality=95)
    full = Model.load(tiny_model).embed_image(large)
    draft = Model.load(tiny_model, draft=True).embed_image(large)
    assert not np.array_equal(full, draft) and full @ draft > 0.99
    with pytest.raises(ImageRejected, match="limit"):
        Model.load(tiny_model, max_pixels=100).embed_image(wide)
    with pytest.raises(ModelError, match="NpuExecutionProvider"):
        Model.load(tiny_model, providers=["NpuExecutionProvider"]).embed_image(wide)


def test_threads_of_one_inference(tiny_model):
    for threads in (1, 2):
        model = Model.load(tiny_model, threads=threads)
        assert np.linalg.norm(model.embed_image(photo())) == pytest.approx(1, abs=1e-6)


# --- damage -----------------------------------------------------------------------------------


def test_nan_weights_are_a_model_error(tmp_path):
    model = with_image(tmp_path / "m", folders.image_graph_with(folders.poison_weights))
    with pytest.raises(ModelError, match="non-finite"):
        model.embed_image(photo())
    with pytest.raises(ModelError, match="non-finite"):
        list(model.embed_images([photo()], on_error="return"))


def test_a_graph_of_another_width_is_refused(tmp_path):
    with pytest.raises(ModelError, match="the manifest says 8"):
        Model.load(folders.write(tmp_path / "m", dim=8)).embed_image(photo())


def test_a_graph_of_another_size_is_refused(tmp_path):
    with pytest.raises(ModelError, match="onnxruntime failed"):
        with_image(tmp_path / "m", size=64).embed_image(photo())


def test_every_damage_is_found_before_onnxruntime_sees_the_file(tiny_model, tmp_path, monkeypatch):
    folder = folders.copied(tiny_model, tmp_path / "m")

    def seen(*_, **__):
        raise AssertionError("onnxruntime saw a damaged file")

    monkeypatch.setattr(session.onnxruntime, "InferenceSession", seen)
    path = folder / "image.onnx"
    whole = path.read_bytes()
    rng = random.Random(0)

    def damaged(data):
        path.write_bytes(data)
        with pytest.raises(ModelError, match=r"image\.onnx"):
            Model.load(folder).embed_image(np.zeros((4, 4, 3), np.uint8))

    for _ in range(300):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        damaged(data)
    for _ in range(30):
        at = rng.randrange(len(whole) - 600)
        damaged(whole[:at] + bytes(512) + whole[at + 512 :])
        damaged(whole[: rng.randrange(len(whole))])
    damaged(b"")


def test_damage_after_loading_is_found_when_the_file_is_opened(tiny_model, tmp_path):
    folder = folders.copied(tiny_model, tmp_path / "m")
    model = Model.load(folder)
    data = (folder / "image.onnx").read_bytes()
    (folder / "image.onnx").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(ModelError, match="SHA-256"):
        model.embed_image(photo())
    (folder / "image.onnx").unlink()
    with pytest.raises(ModelError, match=r"image\.onnx"):
        model.embed_image(photo())
    (folder / "image.onnx").write_bytes(data)
    assert model.embed_image(photo()).shape == (tiny.DIM,)  # it is tried again


def test_a_damaged_model_ends_a_batch_also_when_errors_are_returned(tiny_model, tmp_path):
    folder = folders.copied(tiny_model, tmp_path / "m")
    model = Model.load(folder)
    (folder / "image.onnx").unlink()
    with pytest.raises(EdgeclipError):
        list(model.embed_images([photo()], on_error="return"))


def test_external_data_is_refused(tmp_path):
    def move_out(graph):
        tensor = graph.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = 1
        tensor.external_data.add(key="location", value="../weights.bin")

    (tmp_path / "weights.bin").write_bytes(bytes(1 << 16))
    model = with_image(tmp_path / "m", folders.image_graph_with(move_out))
    with pytest.raises(ModelError):
        model.embed_image(photo())


# --- variants ---------------------------------------------------------------------------------

NEAR = {"mean": 0.9995, "least": 0.995, "over": "8 pictures"}
FAR = {"mean": 0.98, "least": 0.9, "over": "8 pictures"}


@pytest.fixture(scope="module")
def varied(tmp_path_factory):
    """A model with a near variant of each tower, and one far from the reference."""
    other = folders.image_graph_with(folders.swap_weights)
    files = {"image.int8.onnx": other, "image.far.onnx": other, "text.int8.onnx": tiny.text_graph()}
    reference = {"file": "image.onnx", "agreement": None}
    near = {"file": "image.int8.onnx", "agreement": NEAR}
    far = {"file": "image.far.onnx", "agreement": FAR}
    image = folders.image_record(variants={"fp32": reference, "int8": near, "far": far})
    words = {"file": "text.onnx", "agreement": None}
    near = {"file": "text.int8.onnx", "agreement": NEAR}
    text = folders.text_record(variants={"fp32": words, "int8": near})
    folder = tmp_path_factory.mktemp("varied") / "m"
    return folders.write(folder, files, image=image, text=text)


def test_a_variant_is_what_runs(varied, model):
    reference = Model.load(varied).embed_image(photo())
    assert np.array_equal(reference, model.embed_image(photo()))
    other = Model.load(varied, image_variant="int8", text_variant="int8")
    assert not np.allclose(other.embed_image(photo()), reference, atol=1e-3)
    assert np.array_equal(other.embed_text("a cat"), model.embed_text("a cat"))
    (varied / "text.int8.onnx").rename(varied / "away")
    try:
        with pytest.raises(ModelError, match=r"text\.int8\.onnx"):
            Model.load(varied, text_variant="int8").embed_text("a cat")
    finally:
        (varied / "away").rename(varied / "text.int8.onnx")


def test_only_a_far_variant_has_a_space_of_its_own(varied):
    space = Model.load(varied).space
    assert space == Model.load(varied).manifest.space
    assert Model.load(varied, image_variant="int8", text_variant="int8").space == space
    far = Model.load(varied, image_variant="far")
    assert far.space not in (space, Model.load(varied, image_variant="far", fit="pad").space)
    assert far.space[:12] in repr(far)
    assert Model.load(varied, image_variant="far", threads=2, arena=True).space == far.space


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"image_variant": "fp16"}, "no 'fp16' variant.*fp32, int8, far"),
        ({"text_variant": "far"}, "no 'far' variant.*fp32, int8"),
        ({"image_variant": "int8", "text_variant": "INT8"}, "no 'INT8' variant"),
    ],
)
def test_an_unknown_variant_is_told_when_loading_with_those_that_exist(varied, asked, told):
    with pytest.raises(ModelError, match=told) as caught:
        Model.load(varied, **asked)
    assert "\n" not in str(caught.value)


def test_towers_are_opened_when_they_are_named(tiny_model, tmp_path):
    folder = folders.copied(tiny_model, tmp_path / "m")
    model = Model.load(folder)
    model.open("image")
    model.open("text")
    for name in ("image.onnx", "text.onnx"):
        (folder / name).unlink()
    model.open()
    assert model.embed_image(photo()).shape == model.embed_text("a cat").shape
    with pytest.raises(ModelError, match="no text tower"):
        Model.load(folders.write(tmp_path / "wordless", text=None)).open("text")
