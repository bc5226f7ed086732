"""Relations of two things and places in the frame; scenes and fixed phrases are none."""

from __future__ import annotations

import pytest

from edgeclip.advice.query import Query
from edgeclip.advice.rules import spatial
from edgeclip.model import query as grammar


@pytest.mark.parametrize(
    ("query", "words", "rewrite", "changed"),
    [
        ("cat left of the dog", "left of", "cat + dog", "cat right of the dog"),
        ("a cup above a book", "above", "cup + book", "a cup below a book"),
        ("dog under the table", "under", "dog + table", "dog on top of the table"),
        ("Bike next to a bin", "next to", "Bike + bin", "Bike far from a bin"),
        ("dog behind the sofa", "behind", "dog + sofa", "dog in front of the sofa"),
        ("man in front of a van", "in front of", "man + van", "man behind a van"),
        (
            "sign in the upper right corner",
            "in the upper right corner",
            "sign",
            "sign in the lower left corner",
        ),
        (
            "person between bed and wall",
            "between",
            "person + bed + wall",
            "person in front of bed and wall",
        ),
        ("who is standing behind Anna", "behind", "Anna", "who is standing in front of Anna"),
        ("ring on her left hand", "on her left hand", "ring on her hand", "ring on her right hand"),
        ("two men back to back", "back to back", "two men", "two men front to front"),
        ("chair infront of the radiator", "infront of", "chair + radiator", None),
    ],
)
def test_a_relation_is_found_and_can_be_said_without(query, words, rewrite, changed):
    found = spatial.find(Query(query))
    assert (found.words, found.rewrite) == ((words,), rewrite)
    if changed:
        assert found.changed == changed


@pytest.mark.parametrize(
    "query",
    [
        *("cat on a sofa", "bridge over a river", "person under an umbrella", "driver behind bars"),
        *("driver behind the wheel", "sun behind clouds", "left-handed guitar", "overhead view"),
        *("right-hand drive", "next-door neighbour", "house near the sea", "under construction"),
        *("tourist in front of the Eiffel Tower", "handshake between two men", "left luggage"),
        *("children asleep under a red blanket", "seen from behind", "lighthouse above the bay"),
        *("left-wing protest", "moon setting behind the old church", "wedding photo in the park"),
        "castle with mountains in the background",
    ],
)
def test_a_scene_the_usual_arrangement_and_a_fixed_phrase_are_none(query):
    assert spatial.find(Query(query)) is None


def test_a_fixed_phrase_masks_only_itself():
    found = spatial.find(Query("left-handed man behind a sofa"))
    assert found.words == ("behind",)


@pytest.mark.parametrize("query", ["cat next to a dog under a table", "lamp, chair on its left"])
def test_a_rewrite_is_a_query_without_relations(query):
    for term in grammar.parse(spatial.find(Query(query)).rewrite, pictures=False):
        assert spatial.find(Query(term.value)) is None


def test_nothing_but_a_place_leaves_nothing():
    assert spatial.find(Query("on the left")).rewrite is None


@pytest.mark.parametrize("piece", ["a ", "x", "left ", "the cat and "])
def test_two_thousand_characters_are_answered(piece):
    spatial.find(Query((piece * 2000)[:2000]))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("kitten peering out from behind the blind", "from behind"),
        ("a chess player across the board from a robot", "across the board from"),
        ("crates piled one atop another", "one atop another"),
        ("goat further up the slope than the herd", "further up the slope than"),
        ("logo top centre", "top centre"),
        ("scooter passing a bus on its nearside", "on its nearside"),
        ("ladder within arm's reach of a cable", "within arm's reach of"),
        ("queen diagonal to the king", "diagonal to"),
        ("anticlockwise from the lamp: pen, cup", "anticlockwise from"),
        ("bin outside the kitchen, dog beneath", "dog beneath"),
        ("ball beyond the fence", "beyond the fence"),
    ],
)
def test_other_ways_to_say_where(query, words):
    assert spatial.find(Query(query)).words == (words,)


@pytest.mark.parametrize(
    "query",
    [
        *("shoes under £30", "lake level below normal", "between ten and twelve geese"),
        *(
            "the right boots for climbing",
            "peg for a left arm spinner",
            "shawl draped over her arm",
        ),
        *(
            "ham between slices of bread",
            "looking right at the lens",
            "steps at the foot of a hill",
        ),
    ],
)
def test_amounts_and_habits_are_no_places(query):
    assert spatial.find(Query(query)) is None
