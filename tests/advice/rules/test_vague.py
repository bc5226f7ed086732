import pytest

from edgeclip.advice.query import Query
from edgeclip.advice.rules.vague import find


@pytest.mark.parametrize(
    "query",
    [
        *("stuff", "a nice picture", "something interesting", "the good ones", "cool", "it"),
        *("that one from yesterday", "photos from last June", "my favourite", "the usual"),
        *("pics our editor rejected", "the one I sent to the insurance people", "camera 3"),
        *("sth for the newsletter", "#ootd", "surprise us", "pics i resized"),
        *("that other one", "shared with them", "before we left", "upload batch 31", "clips i saw"),
        *("algo chulo", "quelque chose de sympa"),
        *("assets for Thursday's post", "taken on the new phone", "DSC_0042", "12345", "?!"),
    ],
)
def test_nothing_visible_is_named(query):
    assert find(Query(query)).words


@pytest.mark.parametrize(
    "query",
    [
        *("dog", "sunset", "party", "celebration", "cosy", "minimalist", "happy people"),
        *("saw", "hard disk drive", "moving van", "a can", "something on fire", "suspect"),
        *("black and white photo", "a record", "me", "a nice picture of a dog", "family"),
        *("something for the kitchen", "the dog I saw yesterday", "犬", "a 🐶 dog"),
        "stock photo that says SAMPLE",
    ],
)
def test_something_visible_is_named(query):
    assert find(Query(query)) is None


def test_pictures_in_a_line_of_text_have_names():
    found = find(Query("🐶"))
    assert (found.words, found.rewrite) == (("🐶",), "dog face")


def test_words_are_those_that_say_nothing():
    assert find(Query("Something Nice for me")).words == ("Something", "Nice")
