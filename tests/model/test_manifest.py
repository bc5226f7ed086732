"""``model.json``: what is read, what is refused, and what the space id depends on."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path

import numpy as np
import pytest

from edgeclip.errors import EdgeclipError, ModelError, UntrainedWarning
from edgeclip.model import library, verify
from edgeclip.model.identity import space_id
from edgeclip.model.manifest import Manifest
from edgeclip.model.model import Model
from edgeclip.watch.rules import compiled
from tests import folders, tiny


def leaves(value, path=()):
    """Yield the path of every value in a JSON document, inner ones too."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from leaves(inner, (*path, key))


def put(record, path, value):
    for key in path[:-1]:
        record = record[key]
    record[path[-1]] = value


def one_line(error):
    assert "\n" not in str(error) and len(str(error)) < 400  # a path, and what is said of it
    return str(error)


def test_the_tiny_manifest_is_read(tiny_model):
    manifest = Manifest.load(tiny_model)
    assert (manifest.name, manifest.dim, manifest.logit_scale) == ("tiny", tiny.DIM, 20.0)
    assert manifest.image.size == tiny.SIZE and manifest.image.input_dtype == "float32"
    assert manifest.image.batch is None and manifest.text.batch is None
    assert manifest.text.templates == ("a photo of a {}.",)
    assert set(manifest.files) == {"image.onnx", "text.onnx", "tokenizer.json"}
    assert manifest.verified("image.onnx") == tiny_model / "image.onnx"
    assert not manifest.untrained
    assert manifest.space == manifest.space_id() == space_id(manifest.record)
    assert Manifest.load(str(tiny_model)) == manifest


def test_untrained_models_say_so(tmp_path):
    source = {"kind": "untrained", "weights_sha256": "0" * 64}
    assert Manifest.load(folders.write(tmp_path / "m", source=source)).untrained


def test_variants_are_found_by_name(tmp_path):
    agreement = {"mean": 0.9999, "least": 0.999, "over": "8 pictures"}
    variants = {"fp32": {"file": "image.onnx"}, "int8": {"file": "i8.onnx", "agreement": agreement}}
    image = folders.image_record(variants=variants, default="int8")
    folder = folders.write(tmp_path / "m", {"i8.onnx": tiny.image_graph()}, image=image)
    manifest = Manifest.load(folder)
    assert manifest.variant(manifest.image, None).file == "i8.onnx"
    assert manifest.variant(manifest.image, None).agreement.least == 0.999
    assert manifest.variant(manifest.image, "fp32").agreement is None
    with pytest.raises(ModelError, match=r"no 'fp16' variant.*fp32, int8"):
        manifest.variant(manifest.image, "fp16")


@pytest.mark.parametrize("path", list(leaves(tiny.RECORD)), ids=str)
def test_junk_anywhere_is_a_model_error_or_harmless(tiny_model, tmp_path, path):
    """No value of the wrong type or out of range ever shows as another exception."""
    text = (tiny_model / "model.json").read_text("utf-8")
    for name in ("image.onnx", "text.onnx", "tokenizer.json"):
        os.link(tiny_model / name, tmp_path / name)
    for junk in (None, "junk", "", -1, 0, 1.5, 10**400, [], [1], {}, {"a": None}, True):
        record = json.loads(text)
        put(record, path, junk)
        (tmp_path / "model.json").write_text(json.dumps(record), "utf-8")
        try:
            Manifest.load(tmp_path)
        except ModelError as error:
            one_line(error)


@pytest.mark.parametrize(
    "path", [p for p in leaves(tiny.RECORD) if isinstance(p[-1], str)], ids=str
)
def test_missing_keys_are_a_model_error_or_harmless(tiny_model, tmp_path, path):
    folder = folders.copied(tiny_model, tmp_path / "m")

    def remove(record):
        for key in path[:-1]:
            record = record[key]
        del record[path[-1]]

    try:
        Manifest.load(folders.edited(folder, remove, rehash=False))
    except ModelError as error:
        assert str(folder) in one_line(error)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        '"text"',
        "3",
        "\x00",
        "[" * 100_000,
        '{"format": 1}',
        "NaN",
        "\ufeff{}",
    ],
    ids=lambda text: repr(text[:8]),
)
def test_what_is_no_manifest(tmp_path, text):
    (tmp_path / "model.json").write_text(text, "utf-8")
    with pytest.raises(ModelError) as caught:
        Manifest.load(tmp_path)
    assert str(tmp_path) in one_line(caught.value)


def test_other_formats_name_both(tiny_model, tmp_path):
    folder = folders.copied(tiny_model, tmp_path / "m")
    with pytest.raises(ModelError, match="format 2, this edgeclip reads 1"):
        Manifest.load(folders.edited(folder, lambda r: r.update(format=2)))


def test_no_folder_no_file_and_no_utf8(tmp_path):
    for folder in (tmp_path / "absent", tmp_path):
        with pytest.raises(ModelError, match="is no model folder"):
            Manifest.load(folder)
    (tmp_path / "model.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(ModelError, match="is damaged"):
        Manifest.load(tmp_path)
    with pytest.raises(ModelError, match="cannot be read"):
        Manifest.load(tmp_path / "model.json")
    (tmp_path / "folder" / "model.json").mkdir(parents=True)
    with pytest.raises(ModelError, match="cannot be read"):
        Manifest.load(tmp_path / "folder")


def test_an_immense_manifest_is_not_read(tmp_path):
    with (tmp_path / "model.json").open("wb") as file:
        file.truncate(1 << 40)  # sparse
    with pytest.raises(ModelError, match="too large"):
        Manifest.load(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "a/b", "..", ".", "", "a\\b", ".hidden", "a\nb", "a\0b", "x" * 200],
)
def test_names_that_are_no_plain_file_names(tiny_model, tmp_path, name):
    folder = folders.copied(tiny_model, tmp_path / "m")

    def rename(record):
        record["files"][name] = record["files"].pop("image.onnx")
        record["image"]["variants"]["fp32"]["file"] = name

    with pytest.raises(ModelError, match="no plain file name") as caught:
        Manifest.load(folders.edited(folder, rename, rehash=False))
    one_line(caught.value)


@pytest.mark.parametrize("name", ["image.onnx", "text.onnx", "tokenizer.json"])
def test_files_missing_links_or_of_another_size(tiny_model, tmp_path, name):
    missing = folders.copied(tiny_model, tmp_path / "missing")
    (missing / name).unlink()
    link = folders.copied(tiny_model, tmp_path / "link")
    (link / name).unlink()
    (link / name).symlink_to(tiny_model / name)
    longer = folders.copied(tiny_model, tmp_path / "longer")
    (longer / name).write_bytes((tiny_model / name).read_bytes() + b"\0")
    folder = folders.copied(tiny_model, tmp_path / "folder")
    (folder / name).unlink()
    (folder / name).mkdir()
    for place, what in (
        (missing, "missing"),
        (link, "link"),
        (longer, "bytes"),
        (folder, "missing"),
    ):
        with pytest.raises(ModelError, match=what) as caught:
            Manifest.load(place)
        assert str(place / name) in one_line(caught.value)


def test_a_folder_without_the_text_tower_embeds_pictures_and_refuses_words(tiny_model, tmp_path):
    """A board that watches with a prompt pack needs no words; a lost file is a damaged folder."""
    folder = folders.copied(tiny_model, tmp_path / "m")
    (folder / "text.onnx").unlink()
    with pytest.raises(ModelError, match=r"text\.onnx is missing"):
        Manifest.load(folder)
    (folder / "tokenizer.json").unlink()
    whole, model = Model.load(tiny_model), Model.load(folder)
    assert model.space == whole.space
    picture = np.arange(40 * 50 * 3, dtype=np.uint32).reshape(40, 50, 3).astype(np.uint8)
    assert np.array_equal(model.embed_image(picture), whole.embed_image(picture))
    model.open()
    for use in (
        lambda: model.embed_text("a cat"),
        lambda: list(model.embed_texts(["a cat"])),
        lambda: model.token_count("a cat"),
        lambda: model.classifier(["a cat", "a dog"]),
        lambda: compiled(["a cat"], model),
    ):
        with pytest.raises(ModelError, match=r"without its text tower.*edgeclip pack") as caught:
            use()
        assert str(folder) in one_line(caught.value)
    verdict = verify.verify(folder)
    assert verdict.ok and set(verdict.goldens) == {"image"}
    assert verdict.files == {"image.onnx": "ok"}
    (folder / "image.onnx").unlink()
    with pytest.raises(ModelError, match=r"image\.onnx is missing"):
        Manifest.load(folder)


def test_a_file_that_the_manifest_does_not_hash(tiny_model, tmp_path):
    folder = folders.copied(tiny_model, tmp_path / "m")
    with pytest.raises(ModelError, match="gives no SHA-256"):
        Manifest.load(folders.edited(folder, lambda r: r["files"].pop("tokenizer.json")))


def test_no_outputs_and_no_hash(tiny_model, tmp_path):
    first = folders.copied(tiny_model, tmp_path / "a")
    with pytest.raises(ModelError, match="names no output"):
        Manifest.load(folders.edited(first, lambda r: r["image"].update(outputs={})))
    second = folders.copied(tiny_model, tmp_path / "b")
    wrong = {"sha256": "z" * 64, "bytes": 3}
    with pytest.raises(ModelError, match="no SHA-256"):
        Manifest.load(
            folders.edited(second, lambda r: r["files"].update(x=wrong), rehash=False),
        )


def test_verified_finds_damage_and_disappearance(tiny_model, tmp_path):
    folder = folders.copied(tiny_model, tmp_path / "m")
    manifest = Manifest.load(folder)
    data = bytearray((folder / "image.onnx").read_bytes())
    data[1000] ^= 1
    (folder / "image.onnx").write_bytes(data)
    with pytest.raises(ModelError, match="SHA-256") as caught:
        manifest.verified("image.onnx")
    assert str(folder / "image.onnx") in one_line(caught.value)
    (folder / "image.onnx").unlink()
    with pytest.raises(ModelError, match=r"image\.onnx"):
        manifest.verified("image.onnx")


SPACE = {  # what makes two vectors comparable: a change of any of them is another space
    "weights": lambda r: r["source"].update(weights_sha256="f" * 64),
    "dim": lambda r: r.update(dim=17),
    "size": lambda r: r["image"].update(size=33),
    "resize": lambda r: r["image"].update(resize="squash"),
    "filter": lambda r: r["image"].update(filter="bicubic"),
    "crop": lambda r: r["image"].update(crop="none"),
    "mean": lambda r: r["image"].update(mean=[0, 0, 0]),
    "std": lambda r: r["image"].update(std=[1, 1, 1]),
    "cleaning": lambda r: r["text"].update(cleaning=[]),
    "context": lambda r: r["text"].update(context_length=8),
    "padding": lambda r: r["text"].update(padding="longest"),
    "no text": lambda r: r.update(text=None),
}
NO_SPACE = {  # and of these it is not
    "name": lambda r: r.update(name="other"),
    "license": lambda r: r["license"].update(name="other"),
    "templates": lambda r: r["text"].update(templates=["{}"]),
    "logit scale": lambda r: r.update(logit_scale=1.0),
    "tensor names": lambda r: r["image"].update(input="x"),
    "accuracy": lambda r: r.update(accuracy=[{"task": "t"}]),
}


@pytest.mark.parametrize("change", SPACE)
def test_the_space_id_changes_with(change):
    record = copy.deepcopy(tiny.RECORD)
    SPACE[change](record)
    assert space_id(record) != space_id(tiny.RECORD)


@pytest.mark.parametrize("change", NO_SPACE)
def test_the_space_id_does_not_change_with(change):
    record = copy.deepcopy(tiny.RECORD)
    NO_SPACE[change](record)
    assert space_id(record) == space_id(tiny.RECORD)


def test_space_ids_of_options_differ_and_are_canonical():
    ids = {space_id(tiny.RECORD, fit=f, draft=d) for f in ("crop", "pad") for d in (False, True)}
    assert len(ids) == 4 and all(len(i) == 64 and int(i, 16) >= 0 for i in ids)
    backwards = json.loads(json.dumps(dict(reversed(list(tiny.RECORD.items())))))
    assert space_id(backwards) == space_id(tiny.RECORD)


def test_a_manifest_changed_by_hand_is_refused(tiny_model, tmp_path):
    folder = folders.copied(tiny_model, tmp_path / "m")
    folders.edited(folder, lambda r: r["image"].update(filter="bicubic"), rehash=False)
    with pytest.raises(EdgeclipError, match="changed by hand"):
        Manifest.load(folder)


def test_the_manifest_guards_itself(tmp_path, tiny_model):
    folder = folders.copied(tiny_model, tmp_path / "m")

    def rot(record):
        record["license"]["commercial_use"] = None

    with pytest.raises(ModelError, match="changed or damaged since it was made"):
        Manifest.load(folders.edited(folder, rot, reseal=False))
    assert Manifest.load(folders.edited(folder, rot)).record["license"]["commercial_use"] is None


def test_random_weights_warn_and_are_no_default(tmp_path, tiny_model, monkeypatch):
    folder = folders.copied(tiny_model, tmp_path / "models" / "mobileclip_s2")
    monkeypatch.chdir(tmp_path)
    assert library.find() == Path("models/mobileclip_s2")
    folders.edited(folder, lambda record: record["source"].update(kind="untrained"))
    assert library.find().name == "starter"
    with pytest.warns(UntrainedWarning, match="has random weights"):
        Model.load("mobileclip_s2")


# --- variants ---------------------------------------------------------------------------------

FAR = {"mean": 0.98, "least": 0.9, "over": "8 pictures", "neighbours": 0.75}
CUDA = "CUDAExecutionProvider"


def with_variants(folder, **changes):
    """A model with a near, a far and a bound variant of its image tower."""
    variants = {
        "fp32": {"file": "image.onnx", "agreement": None},
        "int8": {"file": "image.int8.onnx", "agreement": FAR},
        "fp16": {"file": "image.fp16.onnx", "agreement": None, "providers": [CUDA]},
    }
    refused = {"int8-weights": {"reason": "it is slower", "agreement": None, "time_ratio": 1.4}}
    image = folders.image_record(variants=variants, refused=refused)
    data = {f"image.{kind}.onnx": tiny.image_graph() for kind in ("int8", "fp16")}
    return folders.write(folder, data, image=image, **changes)


def test_what_variants_say_of_themselves(tmp_path):
    variants = Manifest.load(with_variants(tmp_path / "m")).image.variants
    assert (variants["int8"].agreement.neighbours, variants["int8"].providers) == (0.75, None)
    assert (variants["fp16"].agreement, variants["fp16"].providers) == (None, (CUDA,))
    assert variants["fp32"].agreement is None is variants["fp32"].providers


def test_the_rule_of_sharing_is_written_and_an_own_one_is_kept(tmp_path):
    manifest = Manifest.load(with_variants(tmp_path / "a"))
    assert manifest.record["sharing"] == {"mean": 0.999, "least": 0.99}
    far = manifest.space_id(image_variant="int8")
    assert far != manifest.space == manifest.space_id(image_variant="fp16", text_variant="fp32")
    loose = Manifest.load(with_variants(tmp_path / "b", sharing={"mean": 0.9, "least": 0.9}))
    assert loose.space_id(image_variant="int8") == loose.space == manifest.space


def test_a_default_variant_far_from_the_reference_is_the_models_space(tmp_path):
    manifest = Manifest.load(with_variants(tmp_path / "m"))
    folder = folders.edited(tmp_path / "m", lambda r: r["image"].update(default="int8"))
    far = Manifest.load(folder)
    assert far.space == far.space_id() == manifest.space_id(image_variant="int8")
    assert far.space_id(image_variant="fp32") == manifest.space


def test_an_older_manifest_states_no_rule(tmp_path):
    folder = with_variants(tmp_path / "m")
    space = Manifest.load(folder).space_id(image_variant="int8")
    manifest = Manifest.load(folders.edited(folder, lambda r: r.pop("sharing")))
    assert manifest.space_id(image_variant="int8") == space != manifest.space


NEW_KEYS = [
    ("sharing",),
    ("sharing", "mean"),
    ("sharing", "least"),
    ("image", "variants", "fp16", "providers"),
    ("image", "variants", "fp16", "providers", 0),
    *[("image", "variants", "int8", "agreement", key) for key in FAR],
    ("image", "variants", "int8", "agreement"),
    ("image", "refused"),
]


@pytest.mark.parametrize("path", NEW_KEYS, ids=str)
def test_junk_about_variants_is_a_model_error_or_harmless(tmp_path, path):
    folder = with_variants(tmp_path / "m")
    text = (folder / "model.json").read_text("utf-8")
    for junk in (None, "junk", "", -1, 1.5, 10**400, [], [1], {}, {"a": None}, True):
        record = json.loads(text)
        put(record, path, junk)
        (folder / "model.json").write_text(json.dumps(record), "utf-8")
        try:
            folders.edited(folder, lambda _: None, rehash=False)
            Manifest.load(folder)
        except ModelError as error:
            assert str(folder) in one_line(error)


def test_one_row_of_a_towers_input(tiny_model):
    manifest = Manifest.load(tiny_model)
    assert (manifest.image.sides, manifest.text.sides) == ("3x32x32", "24")


def test_a_variant_that_does_not_exist_has_no_space(tmp_path):
    manifest = Manifest.load(with_variants(tmp_path / "m"))
    with pytest.raises(ModelError, match=r"no 'int4' variant.*fp32, int8, fp16"):
        manifest.space_id(image_variant="int4")
    with pytest.raises(ModelError, match="no 'int8' variant"):
        manifest.space_id(text_variant="int8")
    wordless = Manifest.load(folders.write(tmp_path / "wordless", text=None))
    assert wordless.space_id(text_variant="") == wordless.space


@pytest.mark.parametrize("junk", [None, "junk", [], {"a": 1}], ids=str)
@pytest.mark.parametrize("key", ["mean", "least", "over", "neighbours"])
def test_an_agreement_is_checked_when_the_manifest_is_read(tmp_path, key, junk):
    """Not when somebody asks for the space of a variant that was never the default."""

    def change(record):
        record["image"]["variants"]["int8"]["agreement"][key] = junk

    try:
        manifest = Manifest.load(folders.edited(with_variants(tmp_path / "m"), change))
        assert len(manifest.space_id(image_variant="int8")) == 64
    except ModelError as error:
        assert str(tmp_path / "m") in one_line(error)


def test_a_variant_for_no_provider_is_refused(tmp_path):
    def change(record):
        record["image"]["variants"]["fp16"]["providers"] = []

    with pytest.raises(ModelError, match="a list of providers was expected"):
        Manifest.load(folders.edited(with_variants(tmp_path / "m"), change))
