import pytest

from benchmarks.coach import labelled
from edgeclip.advice.query import Query
from edgeclip.advice.rules.reading import find
from edgeclip.advice.rules.reading_patterns import CLUES


@pytest.mark.parametrize(
    ("query", "rewrite"),
    [
        ("a sign that says closed for lunch", "a sign"),
        ("licence plate AB 12 XYZ", "licence plate"),
        ("receipt with a total of 42.10", "receipt"),
        ("T-shirt with the words I love NY", "T-shirt"),
        ("jersey number 23", "jersey"),
        ("clock showing 10:45 in a hall", "clock in a hall"),
        ("what is written on the board", None),
        ("menu where soup costs £6.50", "menu"),
        ("trawler with ORION painted on its stern", "trawler"),
    ],
)
def test_letters_must_be_read(query, rewrite):
    found = find(Query(query))
    assert found is not None
    assert found.rewrite == rewrite
    assert rewrite is None or find(Query(rewrite)) is None


@pytest.mark.parametrize(
    "query",
    [
        *("candles spelling PEACE", "magnets spell out welcome", "who painted this portrait"),
        *("when does the pharmacy close", "translate the label", "how much is a haircut there"),
        *("label forbidding bleach", "a van showing 'Fresh Fish'", '"Mind the gap" sign'),
        *("headstone of a sailor who died in 1807", "planner opened at June", "desk numbered 14"),
        *("rate card where a single costs two pounds", "odometer past 90000", "50% off sticker"),
        *("wristwatch at half five", "DO NOT TOUCH label on a case", "amount due 12.40"),
        *("phone with battery at 4%", "the letter M in lights", "mail slip dated 9 June"),
    ],
)
def test_more_that_must_be_read(query):
    assert find(Query(query))


@pytest.mark.parametrize(
    "query",
    [
        *("a stop sign", "an exit sign", "a page of handwriting", "a newspaper", "a barcode"),
        *("neon sign", "graffiti", "a street sign", "someone reading a book", "reading glasses"),
        *("spelling bee", "an arrow pointing to a door", "Route 66 diner at dusk", "password"),
        *("dashboard with three lights", "a man saying goodbye", "a LED TV on a wall"),
        *("child in a t-shirt reading a book", "Route 66 diner", "a marked trail", "labelled jars"),
        *(
            "altarpiece with eleven saints painted on gold",
            "a slide by the pool",
            "five pound note",
        ),
    ],
)
def test_text_as_a_look(query):
    assert find(Query(query)) is None


def test_other_digits_are_another_text():
    assert find(Query("licence plate AB 12 XYZ")).changed == "licence plate AB 45 XYZ"


@pytest.mark.parametrize("query", ["a " * 200, "a" * 400, "1" * 400, "x " * 200])
def test_a_long_query_without_a_cue_is_looked_at_to_its_end(query):
    assert find(Query(query)) is None
    assert find(Query(query + " a sign that says hello")).words == ("that says",)


def test_a_clue_is_tried_at_its_head():
    # Each is tried only at the words of its list: one that is missing there would never be found.
    for part in ("develop", "more"):
        for each in labelled(part):
            query = Query(each.query)
            if any(clue.search(query.text) for clue in CLUES.values()):
                assert find(query), each.query
