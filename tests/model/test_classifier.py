"""Zero-shot classification against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from edgeclip.errors import InvalidText, ModelError
from edgeclip.model.classifier import Classifier, prototypes
from edgeclip.model.model import Model
from edgeclip.vectors import Match
from tests import folders
from tests.pictures import photo

LABELS = ["cat", "dog", "bicycle"]


def plain(model, labels, templates, picture, scale):
    """Section 3.1.4 of the CLIP paper in a few lines of float64."""
    rows = []
    for label in labels:
        vectors = [model.embed_text(t.replace("{}", label)).astype(float) for t in templates]
        mean = np.mean(vectors, axis=0)
        rows.append(mean / np.linalg.norm(mean))
    logits = scale * np.array(rows) @ model.embed_image(picture).astype(float)
    powers = np.exp(logits - logits.max())
    return dict(zip(labels, powers / powers.sum(), strict=True))


@pytest.mark.parametrize(
    "templates", [None, ["{}"], ["a photo of a {}.", "art: {}"], ["{} at night", "{}", "my {}!"]]
)
@pytest.mark.parametrize("negatives", [(), ("empty street", "noise")])
def test_scores_equal_plain_numpy(model, templates, negatives):
    classify = model.classifier(LABELS, templates=templates, negatives=negatives)
    for seed in range(3):
        found = classify(photo(seed=seed))
        expected = plain(
            model, [*LABELS, *negatives], templates or ["a photo of a {}."], photo(seed=seed), 20.0
        )
        assert {match.key for match in found} == set(LABELS)
        for match in found:
            assert match.score == pytest.approx(expected[match.key], abs=1e-5)
        scores = [match.score for match in found]
        assert scores == sorted(scores, reverse=True)


def test_scores_and_negatives_share_one(model):
    alone = model.classifier(LABELS)(photo())
    assert sum(match.score for match in alone) == pytest.approx(1, abs=1e-6)
    shared = model.classifier(LABELS, negatives=["nothing"])(photo())
    assert sum(match.score for match in shared) < 1
    assert [match.key for match in shared] == [match.key for match in alone]


def test_one_label_is_certain(model):
    assert model.classifier(["cat"])(photo()) == [Match("cat", 1.0)]


def test_labels_are_embedded_once(model, monkeypatch):
    asked = []
    real = Model.embed_texts
    monkeypatch.setattr(
        Model, "embed_texts", lambda self, texts: real(self, asked.append(list(texts)) or asked[-1])
    )
    classify = model.classifier(LABELS, templates=["{}", "the {}"])
    classify(photo())
    classify(photo())
    assert asked == [["cat", "the cat", "dog", "the dog", "bicycle", "the bicycle"]]


def test_the_pieces_are_public(model):
    classify = model.classifier(LABELS, negatives=["x"])
    assert classify.labels == tuple(LABELS) and classify.logit_scale == 20.0
    assert classify.prototypes.shape == (4, 16) and classify.prototypes.dtype == np.float32
    assert np.allclose(np.linalg.norm(classify.prototypes, axis=1), 1, atol=1e-6)
    assert classify.rank(model.embed_image(photo())) == classify(photo())


def test_a_classifier_of_finished_parts():
    rows = np.eye(3, dtype=np.float32)
    classify = Classifier(["x", "y"], rows, lambda picture: rows[picture], logit_scale=1.0)
    e = np.e
    assert [m.key for m in classify(1)] == ["y", "x"]
    assert [m.score for m in classify(1)] == pytest.approx([e / (e + 2), 1 / (e + 2)])
    assert [m.key for m in classify(2)] == ["x", "y"]  # a tie keeps the order


@pytest.mark.parametrize(
    ("labels", "options", "match"),
    [
        ([], {}, "no labels"),
        (["cat", "dog", "cat"], {}, "'cat' is given twice"),
        (["cat"], {"negatives": ["cat"]}, "'cat' is given twice"),
        (["cat"], {"templates": []}, "template"),
        (["cat"], {"templates": ["a photo"]}, "'a photo' needs one {}"),
        (["cat"], {"templates": ["{} and {}"]}, "needs one {}"),
        (["c\0t"], {}, "NUL"),
        ([None], {"templates": ["{}"]}, "empty or no text"),
        (["cat", " "], {}, "empty or no text"),
        ("cat", {}, "lists of texts"),
        (["cat"], {"templates": "a {}"}, "lists of texts"),
        (["cat"], {"negatives": "dog"}, "lists of texts"),
        (["x" * 5000], {}, "characters"),
    ],
)
def test_labels_and_templates_that_are_refused(model, labels, options, match):
    with pytest.raises((InvalidText, TypeError), match=match):
        model.classifier(labels, **options)


def test_braces_in_labels_are_words(model):
    found = model.classifier(["{}", "{0}", "{name}"])(photo())
    assert {match.key for match in found} == {"{}", "{0}", "{name}"}


def test_a_model_without_words_has_no_classifier(tmp_path):
    model = Model.load(folders.write(tmp_path / "m", text=None))
    with pytest.raises(ModelError, match="no text tower"):
        model.classifier(["cat"])


def test_prototypes_are_means_of_unit_vectors():
    table = {"a x": [1, 0], "a y": [0, 1], "b x": [0.6, 0.8], "b y": [0.6, 0.8]}
    found = prototypes(
        ["a", "b"], ["{} x", "{} y"], lambda ts: [np.array(table[t], np.float32) for t in ts]
    )
    assert found.tolist() == [pytest.approx([0.5**0.5] * 2), pytest.approx([0.6, 0.8])]


def test_of_several_prompts_the_best_counts(model):
    several = model.classifier({"pet": ["cat", "dog"], "vehicle": ["bicycle"]})
    single = model.classifier(LABELS)
    for seed in range(4):
        vector = model.embed_image(photo(seed=seed))
        cat, dog, bicycle = single.prototypes @ vector
        powers = np.exp(20 * np.array([max(cat, dog), bicycle], float))
        found = {match.key: match.score for match in several.rank(vector)}
        assert found["pet"] == pytest.approx(powers[0] / powers.sum(), abs=1e-5)
    with pytest.raises(TypeError, match="list of texts"):
        model.classifier({"pet": "cat"})


def test_negatives_of_one_label_take_from_it_alone():
    rows = np.eye(4, dtype=np.float32)
    apart = {"x": rows[3:]}
    parts = {"logit_scale": 2.0, "apart": apart}
    classify = Classifier(["x", "y"], rows[:2], lambda picture: picture, **parts)
    vector = np.float32([0.5, 0.5, 0, 0.7])
    scores = dict(zip("xy", classify.scores(vector), strict=True))
    assert scores["y"] == pytest.approx(0.5)
    assert scores["x"] == pytest.approx(0.5 / (1 + np.exp(2 * 0.2)))


def test_temperature(model):
    own = model.classifier(LABELS, temperature=1 / 20)(photo())
    assert [m.score for m in own] == pytest.approx(
        [m.score for m in model.classifier(LABELS)(photo())]
    )
    cold = model.classifier(LABELS, temperature=0.001)(photo())
    assert cold[0].score > own[0].score
    for wrong in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="temperature must be above 0"):
            model.classifier(LABELS, temperature=wrong)
