"""Things compared or ranked; names and comparatives that compare nothing are none."""

from __future__ import annotations

import pytest

from edgeclip.advice.query import Query
from edgeclip.advice.rules import comparison


@pytest.mark.parametrize(
    ("query", "words", "rewrite", "changed"),
    [
        ("the largest fish", "the largest", "large fish", "the smallest fish"),
        ("Newest coach in the depot", "Newest", "new coach in the depot", None),
        ("the smaller dog", "the smaller dog", "small dog", "the bigger dog"),
        ("the latest photo", "the latest", "recent photo", None),
        ("shiniest car", "shiniest", "shiny car", "dullest car"),
        ("the most crowded beach", "the most crowded", "crowded beach", "the least crowded beach"),
        ("the bigger of the two dogs", "bigger of the", None, "the smaller of the two dogs"),
        ("taller than a house", "taller than", None, "shorter than a house"),
        ("truck taller than a house", "taller than", "tall truck", "truck shorter than a house"),
        ("more crowded than last week", "more crowded than", None, "less crowded than last week"),
        ("a dog as tall as a boy", "as tall as", "tall dog", "a dog not as tall as a boy"),
        ("same colour as the door", "same colour as", None, None),
        ("which lamb is smallest", "smallest", "small lamb", "which lamb is biggest"),
        ("what has changed in the yard", "what has changed", None, None),
        ("the oldest photo of us", "the oldest", "old photo of us", "the youngest photo of us"),
    ],
)
def test_a_comparison_is_found(query, words, rewrite, changed):
    found = comparison.find(Query(query))
    assert found.words[0] in (words, f"the {words}")
    if rewrite:
        assert found.rewrite == rewrite
    if changed:
        assert found.changed == changed


@pytest.mark.parametrize(
    "query",
    [
        *("older man", "upper deck", "best man at a wedding", "big sister", "high-speed train"),
        *("lower leg", "the Great Wall", "Most Wanted poster", "a better world sign"),
        *(
            "forest in the west",
            "harvest festival guest",
            "more than five boxes",
            "cleaner at work",
        ),
        *("anything other than cats", "World's Strongest Man contest", "the cleaner mopping"),
        *("mug that reads world's greatest dad", "at least two dogs", "same-sex wedding"),
    ],
)
def test_what_compares_nothing_is_none(query):
    assert comparison.find(Query(query)) is None


def test_nothing_to_see_stays_of_a_bare_comparison():
    assert comparison.find(Query("taller than a house")).rewrite is None


@pytest.mark.parametrize("piece", ["a ", "x", "bigger ", "the cat and "])
def test_two_thousand_characters_are_answered(piece):
    comparison.find(Query((piece * 2000)[:2000]))


@pytest.mark.parametrize(
    "query",
    [
        *(
            "do these two prints match",
            "same carpet as in the lobby",
            "crisper version of the scan",
        ),
        *("brothers who are equally fat", "that scarf but a shade darker", "whoever arrived first"),
        *("which cow has longer legs", "rank those pies", "water above average", "odd sock out"),
        *("bus too high for the bridge", "twice the usual traffic", "has the crack grown"),
        *("spot the difference: shelf today", "bloke that looks most like a bear"),
        *("is the gate nearer the barn or the well", "younger half of the couple"),
    ],
)
def test_other_ways_to_compare(query):
    assert comparison.find(Query(query))


@pytest.mark.parametrize(
    "query",
    [
        *("spot the difference puzzle", "more like that", "the same man as before", "best of 2019"),
        *("girl who has lost her hat", "autumn at its finest", "mug inscribed finest dad"),
    ],
)
def test_puzzles_and_figures_of_speech_are_none(query):
    assert comparison.find(Query(query)) is None
