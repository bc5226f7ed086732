"""Two things with an attribute each; one thing with two, and what a thing usually is, are none."""

from __future__ import annotations

import pytest

from edgeclip.advice.query import Query
from edgeclip.advice.rules import binding


@pytest.mark.parametrize(
    ("query", "words", "rewrite", "changed"),
    [
        (
            "red car and blue truck",
            ("red car", "blue truck"),
            "red car + blue truck",
            "blue car and red truck",
        ),
        (
            "a man in a black coat with a white dog",
            ("black coat", "white dog"),
            "man in a black coat + white dog",
            "a man in a white coat with a black dog",
        ),
        (
            "a big cat and a small dog",
            ("big cat", "small dog"),
            "big cat + small dog",
            "a small cat and a big dog",
        ),
        (
            "wooden chair beside a metal table",
            ("wooden chair", "metal table"),
            "wooden chair + metal table",
            "metal chair beside a wooden table",
        ),
        (
            "young vet holding an old cat",
            ("young vet", "old cat"),
            "young vet + old cat",
            "old vet holding a young cat",
        ),
        (
            "Anna in red and Ben in blue",
            ("red", "blue"),
            "Anna in red + Ben in blue",
            "Anna in blue and Ben in red",
        ),
        (
            "gate open, door shut",
            ("open", "shut"),
            "gate open + door shut",
            "gate shut, door open",
        ),
        (
            "red sofa, green rug, blue curtains",
            ("red sofa", "green rug"),
            "red sofa + green rug + blue curtains",
            "green sofa, red rug, blue curtains",
        ),
    ],
)
def test_two_things_with_their_own_attributes(query, words, rewrite, changed):
    found = binding.find(Query(query))
    assert (found.words, found.rewrite, found.changed) == (words, rewrite, changed)


@pytest.mark.parametrize(
    "query",
    [
        *("red car", "small wooden boat", "black and white cat", "blue and yellow macaw"),
        *("navy blue jacket", "brown dog on green grass", "white boat under a blue sky"),
        *("red panda in a Black Forest zoo", "red, green and yellow peppers", "red and blue flag"),
        *("red apples and green apples", "orange juice and brown toast", "big dog on a red rug"),
        *(
            "a glass of milk and a red cup",
            "golden retriever in white snow",
            "old man in a blue hat",
        ),
        'red sign "blue door"',
    ],
)
def test_one_thing_a_name_and_the_usual_are_none(query):
    assert binding.find(Query(query)) is None


def test_two_of_a_kind_that_do_different_things_are_two():
    assert binding.find(Query("black dog chasing a white dog"))


@pytest.mark.parametrize("piece", ["a ", "x", "red ", "the cat and "])
def test_two_thousand_characters_are_answered(piece):
    binding.find(Query((piece * 2000)[:2000]))


@pytest.mark.parametrize(
    "query",
    [
        *("freckled boy beside a wrinkled man", "snoring dog and a yawning cat"),
        *("open book, closed laptop", "bone-dry towel and a soaked bathrobe"),
        *("lime coloured bag and a white scarf", "cream scarf and black gloves"),
        *("brown-eyed husky and blue-eyed collie", "a woman in a sari and a man in a kilt"),
        *(
            "shorter player in red, taller one in blue",
            "blind man and a tattooed sailor, bald cook",
        ),
        *("the father laughs while his son cries", "bald cook, tattooed waiter"),
        "赤い帽子と黒い靴",
    ],
)
def test_other_sorts_and_ways_to_give_them(query):
    assert binding.find(Query(query))


@pytest.mark.parametrize(
    "query",
    [
        *("bearded man with long hair", "cream tea with lime juice", "hot soup on a cold day"),
        *(
            "boy in shorts and a cap",
            "ripe tomatoes and fresh basil",
            "small church, old graveyard",
        ),
        *("woman in a hat and gloves in a coat", "黒白の犬"),
    ],
)
def test_one_person_food_and_what_is_said_in_passing_are_none(query):
    assert binding.find(Query(query)) is None
