"""The towers' records: each value is checked where it is read."""

from __future__ import annotations

import dataclasses

import pytest

from edgeclip.errors import ModelError
from edgeclip.model import towers
from tests import folders


def test_the_optional_values_have_defaults():
    image = towers.image_tower(folders.image_record())
    assert image.input_dtype == "float32" and image.batch is None
    changed = folders.image_record(input_dtype="float16", batch=4)
    assert towers.image_tower(changed) == dataclasses.replace(image, input_dtype="float16", batch=4)
    assert towers.text_tower(folders.text_record(batch=2)).batch == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"size": 0},
        {"size": True},
        {"size": "256"},
        {"size": 2.0},
        {"resize": "longest"},
        {"filter": "nearest"},
        {"crop": "random"},
        {"mean": [0, 0]},
        {"mean": ["red", 0, 0]},
        {"mean": 3},
        {"std": [1, 1, 1, 1]},
        {"input": 1},
        {"input_dtype": "bfloat16"},
        {"batch": 0},
        {"batch": -2},
        {"outputs": {"pooled": "x"}},
        {"outputs": {"raw": None}},
        {"outputs": {}},
        {"default": "int4"},
        {"variants": {}},
        {"variants": {"fp32": {}}},
        {"variants": {"fp32": {"file": "x", "agreement": {"mean": 1}}}},
    ],
    ids=str,
)
def test_image_values_that_are_refused(changes):
    with pytest.raises((TypeError, KeyError, ValueError)):
        towers.image_tower(folders.image_record(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"cleaning": [1]},
        {"context_length": 0},
        {"padding": "left"},
        {"pad_id": None},
        {"input_dtype": "int8"},
        {"templates": [None]},
        {"outputs": {"unit": 3}},
    ],
    ids=str,
)
def test_text_values_that_are_refused(changes):
    with pytest.raises((TypeError, KeyError, ValueError)):
        towers.text_tower(folders.text_record(**changes))


def test_a_tower_without_outputs_names_the_next_step():
    with pytest.raises(ModelError, match="Export or import"):
        towers.image_tower(folders.image_record(outputs={}))
