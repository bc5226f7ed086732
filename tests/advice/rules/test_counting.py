"""Counting: numbers of things, bounds and questions; not numbers that name, date or measure."""

from __future__ import annotations

import pytest

from edgeclip.advice.query import Query
from edgeclip.advice.rules import counting


@pytest.mark.parametrize(
    ("text", "words", "rewrite"),
    [
        ("three cars", "three", "several cars"),
        ("Two dogs on a beach", "Two", "Several dogs on a beach"),
        ("two very old rusty red tractors", "two", "several very old rusty red tractors"),
        ("how many sheep are there?", "how many", "sheep"),
        ("How many people are in the room", "How many", "people in the room"),
        ("count the boats in the harbour", "count the", "boats in the harbour"),
        ("more than 5 boxes on a pallet", "5", "several boxes on a pallet"),
        ("exactly one candle", "exactly one", "a candle"),
        ("only one egg in a nest", "only one", "an egg in a nest"),
        ("a dozen eggs", "a dozen", "several eggs"),
        ("half a dozen of the boats", "half a dozen", "several the boats"),
        ("a trio of dancers", "trio of", "a group of dancers"),
        ("both windows open", "both", "windows open"),
        ("twenty-one candles on a cake", "twenty-one", "several candles on a cake"),
        ("3+ people in a queue", "3+", "people in a queue"),
        (">10 cars in the yard", "10", "several cars in the yard"),
        ("family of five at the table", "family of five", "family at the table"),
        ("three or four goats", "three or four", "several goats"),
        ("all three doors shut", "three", "several doors shut"),
        ("seven people", "seven", "several people"),
    ],
)
def test_what_counts(text, words, rewrite):
    found = counting.find(Query(text))
    assert found is not None
    assert found.words == (words,)
    assert found.rewrite == rewrite
    assert counting.find(Query(found.rewrite)) is None


@pytest.mark.parametrize(
    "text",
    [
        "three-piece suit",
        "four-leaf clover",
        "Boeing 747",
        "Route 66 diners",
        "Windows 11 laptops",
        "a five year old girl",
        "ten years of marriage",
        "a pair of shoes",
        "several cars",
        "a couple dancing",
        "Formula 1 cars",
        "Seven Sisters cliffs",
        "seven dwarfs",
        "Fantastic Four figures",
        "5 km race runners",
        "a lone tree",
        "1960s cars",
        "2024 elections",
        "10:45 trains",
        "size 42 boots",
        "4x4 vehicles",
        "24-hour shops",
        "one-way streets",
        "both hands on the wheel",
        "a man counting money",
        "Count Dracula",
        "counter top with glasses",
        "number plates",
        "",
        "7",
    ],
)
def test_what_does_not(text):
    assert counting.find(Query(text)) is None


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("three cars", "seven cars"),
        ("2 dogs", "5 dogs"),
        ("4 dogs", "7 dogs"),
        ("eleven saints", "two saints"),
        ("how many sheep", None),
    ],
)
def test_another_number_is_asked_for_in_its_place(text, changed):
    assert counting.find(Query(text)).changed == changed


@pytest.mark.parametrize(
    "text", ["zwei Hunde am Strand", "deux chats sur le lit", "三只猫在沙发上"]
)
def test_other_languages_count_too(text):
    assert counting.find(Query(text)).words


def test_none_of_them_is_not_several():
    found = counting.find(Query("zero cars in the yard"))
    assert found.rewrite is None and found.changed == "two cars in the yard"
