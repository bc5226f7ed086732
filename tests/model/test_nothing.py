"""None of these: which general texts compete, and how."""

from __future__ import annotations

import numpy as np
import pytest

from edgeclip.errors import InvalidText
from edgeclip.model import nothing
from edgeclip.model.model import Model
from edgeclip.vectors import unit
from tests.conftest import ROOT
from tests.pictures import photo

ABSENT = ["pizza", "elephant", "violin", "bridge"]


@pytest.fixture(scope="module")
def starter():
    return Model.load(ROOT / "models" / "starter")


def test_the_texts_are_spread_over_the_list():
    texts = nothing.background_texts()
    assert len(set(texts)) == nothing.COUNT == len(texts)
    assert texts[0] == "a dog running on grass" and "freedom" not in texts[:40]


def test_the_best_tenth_is_one_competitor():
    cosines = np.linspace(0, 0.49, 50, dtype=np.float32)
    assert nothing.competitor(cosines) == pytest.approx(0.47)
    assert nothing.competitor(np.repeat(cosines, 10)) == pytest.approx(0.47)  # however many
    assert nothing.competitor(np.float32([0.1, 0.3])) == pytest.approx(0.3)


def test_a_text_that_means_a_label_is_left_out():
    rows = unit([[1, 0, 0], [0, 1, 0], [0.1, 0, 1]])
    label = unit([[1, 0.05, 0]])
    kept = nothing.rivals(label, rows)
    assert kept.tolist() == rows[1:].tolist()
    # Nearest is not enough: the label must be nearer than the texts are to each other.
    far = unit([[0.05, -1, -1]])
    assert len(nothing.rivals(far, rows)) == 3


def test_a_third_stays_however_many_labels_there_are():
    rows = np.eye(30, dtype=np.float32)
    assert len(nothing.rivals(rows, rows)) == 10


def test_absent_labels_are_refused_and_present_ones_accepted(starter, photos):
    shown = {
        "chelsea.png": "cat",
        "coffee.png": "cup of coffee",
        "rocket.jpg": "rocket",
        "motorcycle_left.png": "motorcycle",
        "brick.png": "brick wall",
    }
    pictures = {name: starter.embed_image(photos / name) for name in shown}
    for name, label in shown.items():
        best = starter.classifier([*ABSENT, label], none="nothing").rank(pictures[name])[0]
        assert best.key == label, name
    refused = [
        classify.rank(vector)[0].key == "nothing"
        for classify in (starter.classifier([label], none="nothing") for label in ABSENT)
        for vector in pictures.values()
    ]
    assert np.mean(refused) >= 0.85


def test_it_takes_what_is_left(model):
    asked = {"negatives": ["noise"], "none": "none of these"}
    found = model.classifier(["cat", "dog"], **asked)(photo())
    assert {match.key for match in found} == {"cat", "dog", "none of these"}
    assert sum(match.score for match in found) == pytest.approx(1, abs=1e-6)
    assert [m.score for m in found] == sorted((m.score for m in found), reverse=True)
    alone = model.classifier(["cat", "dog"], negatives=["noise"])(photo())
    share = {match.key: match.score for match in found}
    # The others keep their proportions: there is one competitor more.
    assert share["cat"] / share["dog"] == pytest.approx(
        {m.key: m.score for m in alone}["cat"] / {m.key: m.score for m in alone}["dog"], rel=1e-4
    )
    assert share["none of these"] > 1 - sum(match.score for match in alone)


def test_its_name_is_no_labels(model):
    with pytest.raises(InvalidText, match="'cat' is a label already"):
        model.classifier(["cat"], none="cat")
