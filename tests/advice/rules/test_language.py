import pytest

from edgeclip.advice.query import Query
from edgeclip.advice.rules.language import find


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("ein Hund am Strand", ("ein",)),
        ("犬", ("犬",)),
        ("photo of a Schmetterling", ("Schmetterling",)),
        ("gatos en el tejado", ("gatos",)),
        ("машина во дворе", ("машина",)),
        ("Mann mit Bart", ("mit",)),
        ("le vieux pont", ("vieux",)),
        ("algo divertido", ("algo",)),
        ("kot na stole pod oknem", ("pod",)),
        ("barn som leker i parken", ("barn",)),
    ],
)
def test_another_language(query, words):
    found = find(Query(query))
    assert found is not None
    assert set(words) <= set(found.words)
    assert found.rewrite is None


@pytest.mark.parametrize(
    "query",
    [
        *("café", "sushi", "croissant", "a Biergarten in Munich", "kimono", "El Capitan"),
        *("jalapeño burger", "Rio de Janeiro at night", "crème brûlée", "coq au vin", "hot sauna"),
        *("señoritas with fans", "pastel colours", "vintage autos", "fortune teller", "MIT campus"),
        *("the letter π", "São Paulo skyline", "a man in a market", "tour de france", "1234"),
    ],
)
def test_english_with_words_that_it_took_over(query):
    assert find(Query(query)) is None
