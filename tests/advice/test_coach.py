"""coach: one answer made of all rules, for any text that somebody may type."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.coach import labelled
from edgeclip import Advice, Model, coach
from edgeclip.advice.kinds import KINDS
from edgeclip.errors import QueryError
from edgeclip.model import query as grammar

DEVELOP = labelled("develop")


def kinds(query: str, **options) -> set[str]:
    return {limit.kind for limit in coach(query, **options).limits}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("three cars", {"counting"}),
        ("cat left of the dog", {"spatial"}),
        ("red car and blue truck", {"binding"}),
        ("Angela Merkel giving a speech", {"identity"}),
        ("not a dog", {"negation"}),
        ("a sign that says closed for lunch", {"reading"}),
        ("the largest fish", {"comparison"}),
        ("a red ball beside a blue box, " * 12, {"length", "binding"}),
        ("ein Hund am Strand", {"language"}),
        ("something nice", {"vague"}),
    ],
)
def test_each_kind_is_found(query, found):
    assert kinds(query) == found


@pytest.mark.parametrize(
    "query",
    [
        "three-piece suit",
        "left-handed guitar",
        "no entry sign",
        "counter top",
        "Not Hot Dog",
        "a Ferrari in Paris",
        "navy blue jacket",
        "dog",
        "a photo of a cat on a sofa",
        "./cat.jpg",
        "horse + stripes",
        "2:beach - people",
    ],
)
def test_what_clip_can_hold(query, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.jpg").touch()
    assert coach(query) == Advice(query, ())
    assert coach(query).suitable


def test_a_limit_has_everything_that_a_user_needs():
    (limit,) = coach("three cars").limits
    assert limit.kind == "counting" and limit.words == ("three",)
    assert limit.why == KINDS["counting"].why and limit.why.endswith(".")
    assert limit.rewrite == coach("three cars").rewrite == "several cars"
    assert "DETR" in " ".join(limit.instead) and "YOLO" in " ".join(limit.instead)
    assert all("https://" in source for source in limit.sources)
    assert limit.evidence is None


def test_limits_come_in_the_order_of_the_table():
    found = [limit.kind for limit in coach("three red cars left of two blue trucks").limits]
    assert found == [kind for kind in KINDS if kind in found]
    assert found[:2] == ["counting", "spatial"]


def test_all_rewrites_together_leave_a_query_that_clip_can_hold():
    advice = coach("three cats left of a dog")
    assert advice.limits[0].rewrite == "several cats left of a dog"
    assert advice.rewrite == "several cats + dog"
    assert coach(advice.rewrite).suitable


def test_no_rewrite_runs_into_a_limit_again():
    for query in (each.query for each in DEVELOP):
        advice = coach(query, pictures=False)
        assert advice.rewrite != query
        assert advice.rewrite is None or coach(advice.rewrite, pictures=False).suitable, query


def test_each_term_of_a_sum_is_looked_at():
    assert kinds("beach + three dogs") == {"counting"}
    assert coach("beach + three dogs").rewrite == "beach + several dogs"
    assert kinds("2:beach - three dogs") == {"counting"}


def test_a_term_that_is_a_picture_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "three cars").touch()
    assert coach("three cars").suitable
    assert not coach("three cars", pictures=False).suitable
    assert not coach("text:three cars").suitable


def test_no_brackets_are_made_of_a_minus():
    (limit,) = coach("beach - street without cars").limits
    assert limit.kind == "negation" and limit.rewrite is None


@pytest.mark.parametrize("query", ["", " ", "\t\n", "?!", "🙂" * 3, "12345", "…"])
def test_nothing_to_see_is_too_vague(query):
    assert kinds(query) == {"vague"}


def test_emoji_alone_are_named():
    advice = coach("🐶")
    assert advice.limits[0].kind == "vague" and advice.rewrite == "dog face"


def test_emoji_among_words_change_nothing():
    assert coach("a dog 🐶 on the beach 🏖️").suitable
    assert kinds("three cars 🚗🚗🚗") == {"counting"}


def test_mixed_languages():
    assert kinds("photo of a Schmetterling auf der Wiese") == {"language"}
    assert coach("a Biergarten in Munich").suitable


@pytest.mark.parametrize("query", [None, 7, b"a dog", ["a dog"], 1.5])
def test_what_is_no_text_is_refused(query):
    with pytest.raises(QueryError, match="a query must be a str, not") as refused:
        coach(query)
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize("query", ["a + ", "0:dog", "missing.jpg"])
def test_what_breaks_the_grammar_is_refused_as_in_a_search(query):
    with pytest.raises(QueryError):
        coach(query)


@pytest.mark.parametrize(
    "query", ["dog " * 50_000, "a" * 1_000_000, "é" * 100_000, "three cars " * 20_000]
)
def test_enormous_ones_are_too_long(query):
    assert "length" in kinds(query)


@pytest.mark.parametrize(
    ("query", "rewrite"),
    [
        ("child without shoes on the beach", "child on the beach - shoes"),
        ("sunset, no people, no cars", "sunset - cars - people"),
        ("not a dog but a cat", "cat - dog"),
        ("a kitchen with no people and no dogs", "kitchen - people - dogs"),
        ("red car without a blue truck", "red car - blue truck"),
        ("the largest of the three dogs", "large dogs"),
        ("2 mopeds at the depot, no vans", "several mopeds at the depot - vans"),
        ("more than one cat", "several cats"),
        ("photos without people", None),  # "person - people" would be nothing
        ("four stools, none of them occupied", None),
        ("dog not left of the cat", None),
        ("2:street without cars", None),  # there are no brackets
        ("cat left of 2:30", None),  # a time, no weight
        ("photo.png left of a dog", None),  # no picture of that name
        ("-cat", None),
        ("!cat", None),
    ],
)
def test_a_rewrite_keeps_the_meaning_or_is_none(query, rewrite):
    assert coach(query).rewrite == rewrite


@pytest.mark.parametrize("query", ["犬が公園で走っている" * 60, "x" * 700, "สุนัขวิ่งในสวน" * 50])
def test_long_text_without_spaces(query, model):
    for asked in (None, model):
        found = coach(query, model=asked).limits
        assert found[0].kind == "length" and "vague" not in {limit.kind for limit in found[:1]}
        assert all(limit.evidence is None or limit.evidence.changed for limit in found)
        assert all(len(word) < 500 for limit in found for word in limit.words)


@pytest.mark.parametrize("query", ['"three cats"', "“three cats”", "\x1b[31mthree cats\x1b[0m"])
def test_quotes_and_colours_around_a_query_say_nothing(query):
    assert kinds(query) == {"counting"}


def test_a_models_name_is_no_model():
    with pytest.raises(TypeError, match=r"Give Model\.load"):
        coach("three cats", model="starter")


@given(st.text())
@example("\0")
@example("\ud800")
@example("a\u0301 caf\u00e9 ﬁsh ǅ İ")
@example("left " * 400)
@example("no " * 700)
@example("(" * 2000)
def test_any_text_gets_an_answer_or_a_refusal(query):
    try:
        grammar.parse(query, pictures=False)
    except QueryError:
        if query.strip():
            with pytest.raises(QueryError):
                coach(query, pictures=False)
            return
    advice = coach(query, pictures=False)
    assert advice.query == query and advice.suitable == (not advice.limits)
    assert {limit.kind for limit in advice.limits} <= set(KINDS)
    for limit in advice.limits:
        assert all(isinstance(word, str) for word in limit.words)
        assert limit.rewrite != query


class TestWithAModel:
    def test_it_is_asked_what_it_makes_of_the_words(self, model):
        (limit,) = coach("three cars", model=model).limits
        assert limit.evidence.changed == "seven cars"
        expected = model.embed_text("three cars") @ model.embed_text("seven cars")
        assert limit.evidence.cosine == pytest.approx(float(expected), abs=1e-6)

    def test_the_verdict_is_that_of_the_words(self, model):
        with_model, without = coach("three cars", model=model), coach("three cars")
        bare = [dataclasses.replace(limit, evidence=None) for limit in with_model.limits]
        assert tuple(bare) == without.limits and with_model.rewrite == without.rewrite

    def test_nothing_is_opened_for_a_suitable_query(self, tiny_model, monkeypatch):
        model = Model.load(tiny_model)
        monkeypatch.setattr(type(model), "embed_texts", lambda *_: pytest.fail("not needed"))
        assert coach("dog", model=model).suitable

    def test_odd_texts_are_no_obstacle(self, model):
        for query in ("three cars\0", "three cars \ud800", "not a dog " * 3000):
            assert not coach(query, model=model, pictures=False).suitable
