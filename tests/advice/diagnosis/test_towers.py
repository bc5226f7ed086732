"""What a model says it embeds with."""

from __future__ import annotations

import copy

import pytest

from edgeclip.advice.diagnosis.towers import describe
from edgeclip.errors import UntrainedWarning
from edgeclip.model.model import Model
from tests import tiny


def with_int8(folder, least: float):
    """A tiny model whose image tower has an int8 variant, by name."""
    image = copy.deepcopy(tiny.RECORD["image"])
    agreement = {"mean": least, "least": least, "over": "pictures"}
    image["variants"]["int8"] = {"file": "image.onnx", "agreement": agreement}
    return tiny.make(folder, image=image)


def test_one_space(model):
    found = describe(model)
    assert (found.model, found.space, found.fit) == ("tiny", model.space, "crop")
    assert (found.image_variant, found.text_variant, found.apart) == ("fp32", "fp32", ())
    assert found.message == (
        f"model tiny, space {model.space[:12]}…, crop, image fp32, text fp32; "
        "both towers are of one space"
    )


def test_what_it_was_opened_with(tmp_path):
    opened = Model.load(with_int8(tmp_path / "m", 0.9999), fit="pad", image_variant="int8")
    found = describe(opened)
    assert (found.fit, found.image_variant, found.apart) == ("pad", "int8", ())


def test_a_variant_with_a_space_of_its_own(tmp_path):
    found = describe(Model.load(with_int8(tmp_path / "m", 0.9), image_variant="int8"))
    assert found.apart == ("image",) and "the image variant is too far" in found.message
    assert describe(Model.load(tmp_path / "m")).apart == ()


def test_random_weights_are_said(tmp_path):
    source = {"kind": "untrained", "weights_sha256": "0" * 64}
    with pytest.warns(UntrainedWarning):
        found = describe(Model.load(tiny.make(tmp_path / "u", source=source)))
    assert found.untrained and found.message.endswith("its scores mean nothing")


def test_a_model_without_words(tmp_path):
    found = describe(Model.load(tiny.make(tmp_path / "m", text=None)))
    assert found.text_variant == "" and "text" not in found.message
