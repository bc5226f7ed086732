"""Space ids: those of old stay what they were, and a variant far from the reference has its own."""

from __future__ import annotations

import copy
import json
import math

import pytest

from edgeclip.model.identity import SHARING, canonical_sha256, seal, shares, sharing, space_id
from edgeclip.model.manifest import Manifest
from tests import tiny
from tests.conftest import ROOT

STARTER = {  # as version 1 of the manifest has always had them: indexes hold these ids
    ("crop", False): "fd91ded28859a7ac0cbe845261b14e82b3d5478b1608798a766ae492517aae08",
    ("pad", True): "1792fe0631edb8d63e3f0d5586c694bd4da62dca83a6214bc08488839b343791",
}
TINY = "2436047309847218a139fcb779b867405c5401509b7f6129cfa03ebc415480b2"
TEXTLESS = "a834c043fad7bd43c97cff29017fa84b89de407a42d1c2f6cefd8cd44b53d827"
NEAR = {"mean": 0.999, "least": 0.99, "over": "8 pictures"}
FAR = {
    "mean too low": {**NEAR, "mean": 0.99899},
    "least too low": {**NEAR, "least": 0.98999},
    "not a number": {**NEAR, "least": math.nan},
}
TOWERS = pytest.mark.parametrize("tower", ["image", "text"])


def with_variant(tower, agreement, *, default="fp32", digest="1" * 64, **changes):
    """The tiny record with a second variant ``int8`` of a tower."""
    record = {**copy.deepcopy(tiny.RECORD), **changes}
    record[tower]["variants"]["int8"] = {"file": f"{tower}.int8.onnx", "agreement": agreement}
    record[tower]["default"] = default
    names = ("image.onnx", "text.onnx", "image.int8.onnx", "text.int8.onnx")
    record["files"] = {name: {"sha256": "0" * 64, "bytes": 1} for name in names}
    record["files"][f"{tower}.int8.onnx"]["sha256"] = digest
    return record


def test_the_ids_of_the_starter_are_what_they_always_were():
    manifest = Manifest.load(ROOT / "models" / "starter")
    for (fit, draft), expected in STARTER.items():
        assert manifest.space_id(fit=fit, draft=draft) == expected
    assert manifest.space == STARTER["crop", False]


def test_the_id_of_the_tiny_model_is_what_it_always_was():
    assert space_id(tiny.RECORD) == TINY
    assert space_id({**tiny.RECORD, "text": None}) == TEXTLESS
    assert space_id({**tiny.RECORD, "sharing": {"mean": 1.0, "least": 1.0}}) == TINY


@TOWERS
def test_a_variant_that_is_not_chosen_changes_nothing(tower):
    for agreement in (None, NEAR, *FAR.values()):
        record = with_variant(tower, agreement)
        assert space_id(record) == space_id(record, chosen={tower: "fp32"}) == TINY
        assert space_id(record, chosen={"image": None, "text": None}) == TINY


@TOWERS
def test_a_variant_near_the_reference_shares_its_space(tower):
    for agreement in (None, NEAR, {**NEAR, "mean": 1.0, "least": 1.0}):
        assert space_id(with_variant(tower, agreement), chosen={tower: "int8"}) == TINY
        assert space_id(with_variant(tower, agreement, default="int8")) == TINY


@TOWERS
@pytest.mark.parametrize("agreement", FAR)
def test_a_variant_far_from_it_has_its_own(tower, agreement):
    record = with_variant(tower, FAR[agreement])
    apart = space_id(record, chosen={tower: "int8"})
    assert apart != TINY and len(apart) == 64
    assert space_id(with_variant(tower, FAR[agreement], default="int8")) == apart
    assert space_id(
        with_variant(tower, FAR[agreement], digest="2" * 64), chosen={tower: "int8"}
    ) not in (
        TINY,
        apart,
    )
    assert space_id(record, chosen={tower: "int8"}, fit="pad") not in (apart, TINY)


def test_both_towers_count():
    record = with_variant("image", FAR["mean too low"])
    text = with_variant("text", FAR["mean too low"])["text"]
    record["text"] = text
    ids = {
        space_id(record, chosen={"image": image, "text": words})
        for image in ("fp32", "int8")
        for words in ("fp32", "int8")
    }
    assert len(ids) == 4 and TINY in ids


def test_the_same_file_apart_in_the_other_tower_is_another_space():
    far = FAR["mean too low"]
    image = space_id(with_variant("image", far), chosen={"image": "int8"})
    assert image != space_id(with_variant("text", far), chosen={"text": "int8"})


@TOWERS
def test_a_rule_that_is_stated_is_obeyed(tower):
    strict = with_variant(tower, NEAR, sharing={"mean": 0.9999, "least": 0.99})
    assert space_id(strict, chosen={tower: "int8"}) != TINY
    loose = with_variant(tower, FAR["least too low"], sharing={"mean": 0.9, "least": 0.9})
    assert space_id(loose, chosen={tower: "int8"}) == TINY


def test_a_model_without_words_has_no_text_variants():
    record = with_variant("image", FAR["mean too low"], text=None)
    assert space_id(record, chosen={"text": ""}) == TEXTLESS
    assert space_id(record, chosen={"image": "int8", "text": ""}) != TEXTLESS


def test_the_rule_and_who_keeps_it():
    assert sharing({}) == dict(SHARING) == {"mean": 0.999, "least": 0.99}
    assert sharing({"sharing": {"mean": 1, "least": 0, "note": "x"}}) == {"mean": 1.0, "least": 0.0}
    assert shares({"agreement": None}, {}) and shares({}, {}) and shares({"agreement": NEAR}, {})
    assert not shares({"agreement": NEAR, "providers": ["CUDAExecutionProvider"]}, {})
    for agreement in FAR.values():
        assert not shares({"agreement": agreement}, {})
    for junk in ({"sharing": {}}, {"sharing": None}, {"sharing": {"mean": "x", "least": 1}}):
        with pytest.raises((KeyError, TypeError, ValueError)):
            sharing(junk)


def test_the_seal_is_of_everything_but_itself():
    record = copy.deepcopy(tiny.RECORD)
    assert seal(record) == seal({**record, "sha256": "x"}) == seal(json.loads(json.dumps(record)))
    record["license"]["spdx"] = "MIT"
    assert seal(record) != seal(tiny.RECORD)


def test_hashes_depend_on_values_alone():
    one = {"a": [1, 2.5, None], "b": "ü"}
    assert canonical_sha256(one) == canonical_sha256(dict(reversed(one.items())))
    assert canonical_sha256(one) != canonical_sha256({**one, "b": "u"})
    assert canonical_sha256((1, 2)) == canonical_sha256([1, 2])
