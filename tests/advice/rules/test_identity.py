import pytest

from edgeclip.advice.query import Query
from edgeclip.advice.rules.identity import find


@pytest.mark.parametrize(
    ("query", "rewrite"),
    [
        ("Angela Merkel", None),
        ("my neighbour Anna", "person"),
        ("our cat Felix", "cat"),
        ("a photo of our cat Felix asleep", "a photo of a cat asleep"),
        ("the same man as yesterday", None),
        ("a 2014 Honda Civic", "vehicle"),
        ("iPhone 13 Pro", None),
        ("Dendrobium nobile", None),
        ("a chiffchaff", None),
        ("Airbus A320neo", None),
        ("my nephew Tom in the school play", "boy in the school play"),
        ("my cousin Philip's wedding", None),
        ("uncle Baz snoring", None),
        ("grandpa's toolbox", None),
        ("hubby on the sofa", None),
        ("auntie meena", None),
        ("amy n tom's wedding", None),
        ("driver who dented our fence", None),
        ("thief from yesterday's footage", None),
        ("Sgt. Miller on parade", None),
        ("Rose 'Peace' in bloom", None),
        ("2019 Corolla LE", None),
        ("a 85mm f/1.4 lens", None),
        ("white-billed duck", None),
        ("meine Oma im Garten", None),
    ],
)
def test_one_of_many_is_named(query, rewrite):
    found = find(Query(query))
    assert found is not None
    assert found.words[0] in query
    assert found.rewrite == rewrite


@pytest.mark.parametrize(
    "query",
    [
        *("golden retriever", "poodle", "rose", "eagle", "pickup truck", "Eiffel Tower", "Paris"),
        *("Coca-Cola can", "a Ferrari", "Lego bricks", "Batman", "Santa Claus", "a policeman"),
        *(
            "sweet william by a wall",
            "black-eyed Susan",
            "Shirley Temple cocktail",
            "a few sparrows",
        ),
        *("Carolina anole", "small white butterfly", "cake that says Happy Birthday Nina"),
        *("the file Laura sent", "taken on my new phone", "basket weaver", "grandad on a bench"),
        *("Jack Russell puppy", "Granny Smith apples", "graham crackers", "purple and teal"),
        *("statue of Abraham Lincoln", "King Charles spaniel", "Aurora borealis", "White camera"),
    ],
)
def test_everyday_types(query):
    assert find(Query(query)) is None
