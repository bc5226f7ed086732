"""Negation: what is asked to be absent; not an absence that has a look of its own."""

from __future__ import annotations

import pytest

from edgeclip.advice.query import Query
from edgeclip.advice.rules import negation
from edgeclip.model.query import parse


@pytest.mark.parametrize(
    ("text", "words", "rewrite"),
    [
        ("not a dog", "not", "animal - dog"),
        ("street without cars", "without", "street - cars"),
        ("a man with no hat", "with no", "man - hat"),
        ("everything except cats", "except", "animal - cats"),
        ("anything but red", "anything but", "colourful - red"),
        ("nobody in the room", "nobody", "room - people"),
        ("nothing on the shelf", "nothing", "empty shelf"),
        ("no dogs in the park", "no", "park - dogs"),
        ("a door that isn't closed", "isn't", "door - closed"),
        ("a garden, no people", "no", "garden - people"),
        ("neither cats nor dogs, a garden", "neither", "garden - cats - dogs"),
        ("all dresses but the black ones", "all dresses but", "dresses - black dresses"),
        ("driver not wearing a seat belt", "not", "driver - seat belt"),
        ("people-free beach", "free", "beach - people"),
        ("visitors who didn't ring", "didn't", None),
        ("leave out the screenshots", "leave out", None),
        ("pizza, hold the olives", "hold the", "pizza - olives"),
        ("mountains -people -cars", "-", "mountains - people - cars"),
        ("cottage wihtout a roof", "wihtout", "cottage - roof"),
    ],
)
def test_what_is_to_be_absent(text, words, rewrite):
    found = negation.find(Query(text))
    assert found is not None
    assert found.words == (words,)
    assert found.rewrite == rewrite
    if rewrite is not None and not rewrite.startswith("empty"):
        assert [term.weight for term in parse(rewrite, pictures=False)][1:] != []
        assert negation.find(Query(parse(rewrite, pictures=False)[0].value)) is None


@pytest.mark.parametrize(
    "text",
    [
        "no entry sign",
        "no smoking sticker on a door",
        "no dogs allowed sign",
        "Not Hot Dog",
        "sleeveless dress",
        "wireless headphones",
        "empty street",
        "barefoot child",
        "forget-me-not",
        "forget-me-nots in a meadow",
        "sugar-free cola",
        "notebook",
        "knot",
        "toddlers who can't stop laughing",
        "thermometer at minus 12",
        "no more than three bikes",
        "Doctors Without Borders tent",
        "do not disturb sign",
        "nothing but net",
        "t-shirt",
        "a never-ending road",
        "No. 5 perfume",
        "",
    ],
)
def test_an_absence_with_a_look_of_its_own(text):
    assert negation.find(Query(text)) is None


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("not a dog", "a dog"),
        ("street without cars", "street with cars"),
        ("nobody in the room", "somebody in the room"),
        ("a door that isn't closed", "a door that is closed"),
        ("everything except cats", "everything and cats"),
        ("exclude screenshots", "screenshots"),
        ("the lamb has vanished from its pen", None),
    ],
)
def test_the_negation_is_dropped(text, changed):
    assert negation.find(Query(text)).changed == changed


@pytest.mark.parametrize(
    "text", ["kein Mensch am Strand", "une rue sans voitures", "calle sin coches", "没有人的街道"]
)
def test_other_languages_deny_too(text):
    assert negation.find(Query(text)) is not None


def test_a_long_story_may_say_never():
    story = "She never smiled. " + "The ship sails past the old lighthouse at dawn again. " * 5
    assert negation.find(Query(story)) is None
    assert negation.find(Query(story + "There are no people.")) is not None
