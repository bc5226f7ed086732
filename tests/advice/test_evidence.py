"""Evidence: a model's own cosines, between a query, its perturbation, and what gives them scale."""

from __future__ import annotations

import itertools

import pytest

from edgeclip import Model
from edgeclip.advice import evidence
from edgeclip.advice.limits import Evidence


@pytest.fixture
def model(tiny_model) -> Model:
    return Model.load(tiny_model)


def cosine(model: Model, a: str, b: str) -> float:
    return float(model.embed_text(a) @ model.embed_text(b))


def test_the_figures_are_the_models_own_cosines(model):
    found = evidence.evidence("three cars", "four cars", model)
    assert found.changed == "four cars"
    assert found.cosine == pytest.approx(cosine(model, "three cars", "four cars"), abs=1e-6)
    reworded = cosine(model, "three cars", "a photo of three cars")
    assert found.reworded == pytest.approx(reworded, abs=1e-6)
    pairs = itertools.combinations(evidence.UNRELATED, 2)
    highest = max(cosine(model, *pair) for pair in pairs)
    assert found.unrelated == pytest.approx(highest, abs=1e-6)


def test_a_photo_of_is_not_said_twice(model):
    found = evidence.evidence("A photo of three cars", "a photo of four cars", model)
    reworded = cosine(model, "A photo of three cars", "an image of three cars")
    assert found.reworded == pytest.approx(reworded, abs=1e-6)


def test_the_unrelated_texts_are_embedded_once_for_each_model(model, tiny_model, monkeypatch):
    seen = []
    embed_texts = Model.embed_texts
    monkeypatch.setattr(
        Model,
        "embed_texts",
        lambda self, texts: seen.append(list(texts)) or embed_texts(self, seen[-1]),
    )
    for query in ("a", "b", "c"):
        evidence.evidence(query, query, model)
    assert seen.count(list(evidence.UNRELATED)) == 1
    evidence.evidence("a", "b", Model.load(tiny_model))
    assert seen.count(list(evidence.UNRELATED)) == 2


def test_what_cannot_be_embedded_gives_no_evidence(model):
    assert evidence.evidence("x" * 4090, "y", model) is None  # with "a photo of" it is too long


def test_told_apart_as_far_as_unrelated_texts_are():
    assert Evidence("b", cosine=0.3, reworded=0.9, unrelated=0.4).told_apart
    assert not Evidence("b", cosine=0.5, reworded=0.9, unrelated=0.4).told_apart


def test_the_starter_knows_its_unrelated_texts_apart():
    # A real model: what is called unrelated has to be, or the scale says nothing.
    assert evidence.unrelated(Model.load("starter")) < 0.3
