"""The query grammar, and sums by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeclip.errors import InvalidText, QueryError
from edgeclip.model.query import Term, embed, parse
from tests.pictures import encoded, photo


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A working folder with cat.png in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.png").write_bytes(encoded(photo(), "PNG"))
    return tmp_path


def words(weight, value):
    return Term(weight, value, False)


def picture(weight, value):
    return Term(weight, value, True)


QUERIES = {
    "horse": [words(1, "horse")],
    "horse + stripes": [words(1, "horse"), words(1, "stripes")],
    "2:beach - people": [words(2, "beach"), words(-1, "people")],
    "./cat.png + snow": [picture(1, "./cat.png"), words(1, "snow")],
    "cat.png": [picture(1, "cat.png")],
    "0.5:cat.png - 3:snow": [picture(0.5, "cat.png"), words(-3, "snow")],
    "text:cat.png": [words(1, "cat.png")],
    "text: cat.png": [words(1, "cat.png")],
    "2:text:cat.png": [words(2, "cat.png")],
    "t-shirt": [words(1, "t-shirt")],
    "t-shirt - logo": [words(1, "t-shirt"), words(-1, "logo")],
    "C++ code": [words(1, "C++ code")],
    "rock+roll": [words(1, "rock+roll")],
    "a +b": [words(1, "a +b")],
    "a+ b": [words(1, "a+ b")],
    "-5:rain + sun": [words(-5, "rain"), words(1, "sun")],
    "sun - -1:rain": [words(1, "sun"), words(1, "rain")],
    ".5:a": [words(0.5, "a")],
    "5.:a": [words(5, "a")],
    "+2:a": [words(2, "a")],
    "1:2:a": [words(1, "2:a")],
    "a: b": [words(1, "a: b")],
    "ratio 16:9": [words(1, "ratio 16:9")],
    "  a   +   b  ": [words(1, "a"), words(1, "b")],
    "a\t+\nb": [words(1, "a"), words(1, "b")],
    "a — b": [words(1, "a — b")],
    "cat\0": [words(1, "cat\0")],
    "x" * 5000: [words(1, "x" * 5000)],
}


@pytest.mark.parametrize("query", list(QUERIES), ids=lambda q: q[:20])
def test_the_grammar(work, query):
    assert parse(query) == QUERIES[query]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "  ",
        "+",
        "a +",
        "+ a",
        "- a",
        "a + + b",
        "a + - b",
        "2:",
        "a + 2:",
        "text:",
        "a - text: ",
    ],
)
def test_empty_terms(query):
    with pytest.raises(QueryError, match="empty term") as caught:
        parse(query)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("query", ["0:a", "a + 0.0:b", "-0:a", f"{'9' * 400}:a"])
def test_weights_that_are_refused(query):
    with pytest.raises(QueryError, match="weight"):
        parse(query)


@pytest.mark.parametrize("query", [None, 3, b"cat", ["cat"]])
def test_what_is_no_query(query):
    with pytest.raises(QueryError, match=type(query).__name__):
        parse(query)
    with pytest.raises(InvalidText):
        parse(query)


def test_a_server_reads_no_pictures(work):
    assert parse("cat.png - ./cat.png", pictures=False) == [
        words(1, "cat.png"),
        words(-1, "./cat.png"),
    ]


def test_a_folder_is_no_picture(work):
    (work / "album").mkdir()
    assert parse("album") == [words(1, "album")]


def axes(names="abc"):
    """Words are the axes of a small space, pictures their opposites."""
    table = {name: np.eye(4, dtype=np.float32)[i] for i, name in enumerate(names)}
    return table.__getitem__, lambda name: -table[name]


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ([words(1, "a")], [1, 0, 0, 0]),
        ([words(7, "a")], [1, 0, 0, 0]),
        ([words(-7, "a")], [-1, 0, 0, 0]),
        ([words(3, "a"), words(4, "b")], [0.6, 0.8, 0, 0]),
        ([words(3, "a"), words(-4, "b")], [0.6, -0.8, 0, 0]),
        ([picture(3, "a"), words(4, "b")], [-0.6, 0.8, 0, 0]),
        ([words(1, "a"), words(1, "b"), words(1, "c")], [3**-0.5] * 3 + [0]),
        ([words(1, "a"), words(2, "a"), words(4, "b")], [0.6, 0.8, 0, 0]),
        ([words(1e300, "a"), words(1e300, "b")], [0.5**0.5, 0.5**0.5, 0, 0]),
        ([words(1e308, "a"), words(-1e308, "b")], [0.5**0.5, -(0.5**0.5), 0, 0]),
        ([words(1e-300, "a")], [1, 0, 0, 0]),
    ],
)
def test_sums_by_hand(terms, expected):
    found = embed(terms, *axes())
    assert found.dtype == np.float32 and found.tolist() == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(
    "terms",
    [
        [words(1, "a"), words(-1, "a")],
        [words(1, "a"), picture(1, "a")],
        [words(2, "a"), words(-1.9999, "a")],
        [words(1e200, "a"), words(-1e200, "a")],
    ],
)
def test_terms_that_cancel_each_other(terms):
    with pytest.raises(QueryError, match="cancel"):
        embed(terms, *axes())


@given(
    st.lists(
        st.tuples(
            st.floats(0.01, 100),
            st.sampled_from(["a", "b", "c"]),
            st.booleans(),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_parse_and_embed_against_plain_sums(parts):
    text = " + ".join(
        f"{weight:.4f}:{'text:' * (not minus)}{name}" for weight, name, minus in parts
    )
    terms = parse(text, pictures=False)
    sums = {"a": 0.0, "b": 0.0, "c": 0.0}
    for weight, name, _ in parts:
        sums[name] += float(f"{weight:.4f}")
    length = math.sqrt(sum(value * value for value in sums.values()))
    expected = [value / length for value in sums.values()] + [0]
    assert embed(terms, *axes()).tolist() == pytest.approx(expected, abs=1e-6)


def test_a_model_answers_queries(model, work):
    vector = model.embed_query("2:cat.png - text:cat.png")
    expected = 2 * model.embed_image(work / "cat.png") - model.embed_text("cat.png")
    assert vector @ expected / np.linalg.norm(expected) > 0.999999
    assert np.array_equal(model.embed_query("a"), model.embed_query("5:a"))
    plain = model.embed_query("cat.png", pictures=False)
    assert plain @ model.embed_text("cat.png") > 0.999999
    with pytest.raises(QueryError, match="cancel"):
        model.embed_query("a - a")


def test_a_lost_picture_is_not_read_as_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cats").mkdir()
    with pytest.raises(QueryError, match=r"^\./gone\.JPG is no file.*text:\./gone\.JPG"):
        parse("./gone.JPG + snow")
    with pytest.raises(QueryError, match=r"\./cats is a folder"):
        parse("2:./cats")
    assert parse("text:gone.jpg") == [words(1, "gone.jpg")]
    assert parse("gone.jpg", pictures=False) == [words(1, "gone.jpg")]
    assert parse("cats") == [words(1, "cats")]  # a word, although a folder is called so
