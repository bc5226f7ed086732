"""Other words for a query."""

from __future__ import annotations

import pytest

from edgeclip.advice.diagnosis import rank, words
from edgeclip.advice.limits import Advice, Limit

TEMPLATES = ("a photo of a {}.", "a drawing of the {}")
NOTHING = Advice("", ())


def found(query, templates=TEMPLATES, advice=NOTHING):
    return list(words.others(query, templates, advice))


def test_a_single_term_has_bare_words_and_templates():
    assert found("a dog") == [
        ("bare", "dog"),
        ("template", "a photo of a dog."),
        ("template", "a drawing of the dog"),
    ]


@pytest.mark.parametrize(
    ("typed", "bare"),
    [
        ("dog", "dog"),
        ("the dog", "dog"),
        ("An apple", "apple"),
        ("A Photo of a dog", "dog"),
        ("a photo of a dog.", "dog"),
        ("a drawing of the old dog", "old dog"),
        ("theatre", "theatre"),
        ("a", "a"),
        ("the ", "the "),
        ("a photo of (", "photo of ("),
    ],
)
def test_bare_words(typed, bare):
    assert words.bare(typed, TEMPLATES) == bare


def test_a_model_without_prompts_gets_the_usual_template():
    assert found("dog", templates=("{}",)) == [("template", "a photo of a dog.")]


def test_what_was_typed_is_not_tried_again():
    assert ("template", "a photo of a dog.") not in found("a photo of a dog.")
    assert ("bare", "dog") in found("a photo of a dog.")


@pytest.mark.parametrize("query", ["dog - cat", "2:dog + cat", "-2:dog"])
def test_what_is_subtracted_or_summed_has_no_templates(query):
    assert found(query) == []


def test_weights_and_marks_are_no_words():
    assert ("bare", "dog") in found("text:a dog") and ("bare", "dog") in found("2:dog")


def test_rewrites_of_the_coach_come_once():
    limit = Limit("counting", ("two",), "why", "several dogs", (), ())
    advice = Advice("two dogs", (limit,), "several dogs")
    assert found("x - two dogs", advice=advice) == [("rewrite", "several dogs")]


def test_few_templates_are_tried():
    many = tuple(f"picture {i} of {{}}" for i in range(80))
    assert len(found("dog", templates=many)) <= 10


def test_each_is_scored(model):
    picture = model.embed_text("a picture")
    texts = rank.background("a dog", model.embed_texts)
    wanted = model.embed_query("a dog")
    told = words.examine(model, "a dog", wanted, picture, texts)
    assert told.typed.text == "a dog" and told.typed.kind == "typed"
    for each in told.wordings:
        cosine = float(model.embed_text(each.text) @ picture)
        assert each.standing.cosine == pytest.approx(cosine, abs=1e-5), each.text
    assert {each.kind for each in told.wordings} >= {"typed", "bare", "template"}


def test_a_template_that_makes_a_query_too_long_is_left_out(model):
    query = "x" * 4090
    vector = model.embed_query(query)
    texts = rank.Background(("a",), model.embed_text("a")[None])
    told = words.examine(model, query, vector, vector, texts)
    assert told.typed.text == query
    assert all(len(each.text) <= 4096 for each in told.wordings)


def test_a_rewrite_that_cancels_itself_out_is_left_out(model, monkeypatch):
    advice = Advice("cat", (), "cat - cat")
    monkeypatch.setattr("edgeclip.advice.coach.coach", lambda query, pictures: advice)
    vector = model.embed_text("cat")
    texts = rank.Background(("a",), model.embed_text("a")[None])
    told = words.examine(model, "cat", vector, vector, texts)
    assert told.advice is advice and "rewrite" not in [each.kind for each in told.wordings]
