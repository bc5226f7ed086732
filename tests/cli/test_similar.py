"""``edgeclip similar``: queries on both sides."""

from __future__ import annotations

import pytest

from edgeclip.model.model import Model

QUERIES = [
    "a cat",
    "album/a.jpg",
    "album/a.jpg + snow",
    "2:album/b.png - 0.5:text:people",
    "text:album/a.jpg",
    "t-shirt",
]


@pytest.mark.parametrize("a", QUERIES)
@pytest.mark.parametrize("b", ["album/b.png", "horse + stripes"])
def test_the_cosine_of_two_queries(cli, album, tiny_model, a, b):
    model = Model.load(tiny_model)
    cosine = float(model.embed_query(a) @ model.embed_query(b))
    assert cli("similar", a, b, "--json").json == {"a": a, "b": b, "cosine": cosine}
    assert cli("similar", a, b).out == f"{cosine:.4f}\n"


def test_the_same_on_both_sides(cli, album):
    assert cli("similar", "album/a.jpg", "album/a.jpg").out == "1.0000\n"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("gone.jpg", "gone.jpg is no file. Give the path of a picture, or text:gone.jpg"),
        ("cat + ./gone.PNG", "./gone.PNG is no file"),
        ("cat +", "has an empty term"),
        ("", "has an empty term"),
        ("cat - cat", "cancel each other out"),
        ("0:cat", "is 0"),
        ("album/notes.txt", "album/notes.txt is no picture"),
        ("x" * 5000, "5,000 characters"),
        ("\udcff", "lone surrogate"),
    ],
)
def test_queries_that_cannot_be_used(cli, album, query, said):
    done = cli("similar", "dog", query)
    assert (done.code, done.out) == (1, "") and said in done.line


def test_words_that_look_like_a_missing_picture(cli, album):
    assert cli("similar", "text:gone.jpg", "dog").code == 0
    assert cli("similar", "cat + text: gone.jpg", "dog").code == 0
