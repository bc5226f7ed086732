"""A query as the rules see it, and fixed phrases out of their way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeclip.advice import phrases
from edgeclip.advice.query import MOST_CHARACTERS, READ_CHARACTERS, Query, shortened


def test_it_is_cleaned():
    query = Query("  Ca\u0301t’s\t“hat” – no\0thing \ud800 ")
    assert query.text == 'Cát\'s "hat" - no thing'
    assert query.lower == 'cát\'s "hat" - no thing'


def test_its_words_know_their_places():
    query = Query("Don't use T-shirts at 10:45, AT&T!")
    assert [word.lower for word in query.words] == [
        "don't",
        "use",
        "t-shirts",
        "at",
        "10",
        "45",
        "at&t",
    ]
    assert all(query.text[word.start : word.end] == word.text for word in query.words)


@given(st.text())
def test_places_agree_in_lower_case(text):
    query = Query(text)
    assert len(query.lower) == len(query.text)
    assert len(query.text) <= READ_CHARACTERS and len(query.whole) <= MOST_CHARACTERS
    assert query.whole.startswith(query.text)
    query.text.encode("utf-8")


def test_a_long_one_is_cut_between_words():
    query = Query("word " * 300)
    assert query.text.endswith("word") and len(query.text) <= READ_CHARACTERS
    assert len(query.whole) > READ_CHARACTERS


class TestMasked:
    def test_fixed_phrases_disappear_in_place(self):
        query = Query("a No-Entry sign, no dogs")
        masked = phrases.masked(query, "negation-phrases")
        assert masked == "a ········ sign, no dogs"

    def test_the_longest_one_counts_and_plurals_too(self):
        query = Query("forget-me-nots in a field")
        assert phrases.masked(query, "negation-phrases") == "·············· in a field"

    def test_part_of_a_word_is_no_phrase(self):
        query = Query("dino entrydoor")
        assert phrases.masked(query, "negation-phrases") == query.lower

    def test_what_is_quoted_is_read_not_meant(self):
        query = Query('shirt with "no dogs"')
        assert phrases.masked(query, "negation-phrases") == "shirt with ·········"


@pytest.mark.parametrize("word", ["dogs", "people", "sheep", "wheelie-bins", "knives", "boxes"])
def test_plurals(word):
    assert phrases.plural(word)


@pytest.mark.parametrize("word", ["dog", "glass", "bus", "this", "is", "dress", "dog's", "chess"])
def test_no_plurals(word):
    assert not phrases.plural(word)


@pytest.mark.parametrize(
    ("phrase", "bare"), [("the dog", "dog"), (" A red car,", "red car"), ("any", "any")]
)
def test_without_article(phrase, bare):
    assert phrases.bare(phrase) == bare


@pytest.mark.parametrize("length", [60, 61, 500])
def test_long_texts_are_shortened(length):
    assert shortened("x" * length) == ("x" * length if length == 60 else "x" * 59 + "…")
