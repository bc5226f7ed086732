"""An index of a model with several variants: it is kept and searched with those it began with."""

from __future__ import annotations

import numpy as np
import pytest

from edgeclip.index.index import Index
from edgeclip.model import tuned
from edgeclip.model.manifest import Manifest
from edgeclip.model.model import Model
from edgeclip.model.options import SessionOptions
from edgeclip.model.providers import CUDA
from edgeclip.model.tuned import Setting
from tests import folders, tiny
from tests.cli.conftest import write_picture
from tests.cli.test_index import statuses
from tests.device.variants import FAR, other_image_graph, with_variant


@pytest.fixture
def many(here, tiny_model, monkeypatch):
    """A model with variants that share its space, and one of each tower that has its own."""
    folder = folders.copied(tiny_model, here / "many")
    with_variant(folder, "int8")
    with_variant(folder, "far", other_image_graph(), agreement=FAR)
    with_variant(folder, "int8", tower="text")
    with_variant(folder, "far", tower="text", agreement=FAR)
    monkeypatch.setenv("EDGECLIP_MODEL", str(folder))
    monkeypatch.setenv("EDGECLIP_CONFIG", str(here / "config"))
    return folder


@pytest.fixture
def loaded(monkeypatch):
    """Note the options with which models are loaded."""
    seen = []
    real = Model.load.__func__

    def noted(cls, *arguments, **options):
        seen.append(options)
        return real(cls, *arguments, **options)

    monkeypatch.setattr(Model, "load", classmethod(noted))
    return seen


def variants(options):
    return options["image_variant"], options["text_variant"]


def tune(folder, image, text):
    """Remember variants as `edgeclip tune` does."""
    one = SessionOptions(threads=1)
    found = {"image": Setting(image, one), "text": Setting(text, one)}
    tuned.write(Manifest.load(folder), found, {})


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ((), ("fp32", "fp32")),
        (("--image-variant", "far"), ("far", "fp32")),
        (("--text-variant", "far"), ("fp32", "far")),
        (("--image-variant", "far", "--text-variant", "far", "--draft"), ("far", "far")),
        (("--image-variant", "int8"), ("fp32", "fp32")),
    ],
    ids=lambda each: " ".join(each),
)
@pytest.mark.parametrize("best", [None, ("fp32", "fp32"), ("far", "far")], ids=str)
def test_the_index_remembers_its_variants(cli, album, many, loaded, asked, found, best):
    """Whatever is tuned since, its pictures and words are embedded as those that are in it."""
    assert cli("index", "album", *asked).code == 0
    if best is not None:
        tune(many, *best)
    write_picture(album / "new.png", 40)
    loaded.clear()
    done = cli("index", "--json")
    assert done.code == 0, done.err
    assert statuses(done)["new.png"] == "added" and variants(loaded[-1]) == found
    image, text = found
    draft = "--draft" in asked
    expected = Model.load(many, image_variant=image, text_variant=text, draft=draft)
    with Index.open("edgeclip.index") as index:
        assert index.space == expected.space
        vector = expected.embed_image(album / "new.png").astype(np.float16)
        assert np.array_equal(index.get("new.png").vector, vector)
    loaded.clear()
    assert cli("search", "a cat").code == 0 and variants(loaded[-1]) == found


@pytest.mark.parametrize(
    ("best", "found"),
    [
        (("int8", "int8"), ("int8", "int8")),
        (("int8", "far"), ("int8", "fp32")),
        (("far", "int8"), ("fp32", "int8")),
    ],
    ids=str,
)
def test_a_tuned_variant_of_the_same_space_is_used(cli, album, many, loaded, best, found):
    assert cli("index", "album").code == 0
    tune(many, *best)
    for command in (("index",), ("search", "a cat")):
        loaded.clear()
        done = cli(*command)
        assert done.code == 0, done.err
        assert {variants(options) for options in loaded} == {found}


def test_an_index_made_with_tuned_variants(cli, album, many, loaded):
    """And when they are forgotten, or others found, it is still the index of those variants."""
    tune(many, "far", "int8")
    assert cli("index", "album").code == 0
    with Index.open("edgeclip.index") as index:
        assert index.space == Manifest.load(many).space_id(image_variant="far")
    for forget, found in ((False, ("far", "int8")), (True, ("far", "fp32"))):
        if forget:
            assert tuned.forget(Manifest.load(many))
        loaded.clear()
        assert cli("search", "a cat").code == 0 and variants(loaded[-1]) == found


@pytest.mark.parametrize(
    ("made", "asked", "refused"),
    [
        ((), ("--image-variant", "int8"), None),
        ((), ("--image-variant", "int8", "--text-variant", "int8"), None),
        ((), ("--image-variant", "far"), "--image-variant fp32, --fit crop and without --draft"),
        ((), ("--text-variant", "far"), "--text-variant fp32, --fit crop and without --draft"),
        (("--image-variant", "far"), ("--image-variant", "far", "--text-variant", "int8"), None),
        (
            ("--image-variant", "far", "--fit", "pad"),
            ("--image-variant", "int8", "--text-variant", "far"),
            "--image-variant far, --text-variant fp32, --fit pad and without --draft",
        ),
        (("--image-variant", "far"), ("--draft",), "--fit crop and without --draft"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_variants_of_another_index_are_refused(cli, album, many, loaded, made, asked, refused):
    assert cli("index", "album", *made).code == 0
    named = dict(zip(asked[::2], asked[1::2], strict=False))
    for command in (("index",), ("search", "a cat")):
        loaded.clear()
        done = cli(*command, *asked)
        if refused is None:
            assert done.code == 0, done.err
            image, text = variants(loaded[-1])
            assert image == named["--image-variant"] and text == named.get("--text-variant", "fp32")
            continue
        assert done.code == 1 and f"edgeclip.index was made with tiny, {refused}. " in done.line
        assert done.line.endswith("begin anew with another index: edgeclip index DIR --index NEW")


def test_a_variant_that_the_model_has_not(cli, album, many):
    assert cli("index", "album").code == 0
    for option in ("--image-variant", "--text-variant"):
        done = cli("search", "a cat", option, "int4")
        assert done.code == 1 and "no 'int4' variant of this tower" in done.line


def test_a_variant_for_other_providers_is_no_hindrance(cli, album, many, loaded):
    """Found for a GPU that is asked for no more, it gives way to one that the CPU can run."""
    with_variant(many, "fp16", providers=[CUDA])
    assert cli("index", "album").code == 0
    found = {"image": Setting("fp16", SessionOptions(providers=[CUDA]))}
    tuned.write(Manifest.load(many), found, {})
    loaded.clear()
    done = cli("search", "a cat", "--provider", "cpu")
    assert done.code == 0, done.err
    assert variants(loaded[-1]) == ("fp32", "fp32")


def test_an_index_of_a_model_without_words(cli, album, here, monkeypatch):
    mute = with_variant(tiny.make(here / "mute", text=None), "far", agreement=FAR)
    assert cli("index", "album", "-m", mute, "--image-variant", "far").code == 0
    assert cli("index").code == 0
    done = cli("index", "--image-variant", "fp32")
    assert done.code == 1 and "made with mute, --image-variant far, " in done.line
