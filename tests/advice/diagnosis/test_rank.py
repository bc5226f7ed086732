"""How a cosine stands among those of texts about everything."""

from __future__ import annotations

import numpy as np
import pytest

from edgeclip.advice.diagnosis.rank import Background, background, score, spread
from edgeclip.model.background_texts import TEXTS
from edgeclip.vectors import unit


def made(*cosines: float) -> Background:
    """Texts with these cosines to the picture (1, 0)."""
    rows = [(c, np.sqrt(1 - c * c)) for c in cosines]
    return Background(tuple(f"{c:g}" for c in cosines), np.array(rows, np.float32))


PICTURE = np.array([1, 0], np.float32)


def at(cosine: float) -> np.ndarray:
    return made(cosine).vectors[0]


def test_the_spread_is_a_hundred_texts_from_all_over_the_list():
    texts = spread("a query of its own")
    assert len(texts) == len(set(texts)) == 100
    places = [TEXTS.index(text) for text in texts]
    assert places == sorted(places)
    assert max(np.diff(places)) <= 6 and places[0] == 0 and places[-1] > len(TEXTS) - 7
    assert texts == spread("another")


def test_a_query_is_not_compared_with_itself():
    text = spread("")[3]
    assert text not in spread(f" {text.upper()} ") and len(spread(text)) == 99


@pytest.mark.parametrize("query", ["cat", "A cat.", "the cat", "text:a cat", " text: cat"])
def test_neither_is_it_with_its_own_words(query):
    assert spread(query, ("a cat", "cats", "a cat on a sofa"), 3) == ("cats", "a cat on a sofa")


def test_standing():
    found = made(0.1, 0.2, 0.3, 0.4).standing(at(0.35), PICTURE)
    assert found.cosine == pytest.approx(0.35)
    assert (found.better_than, found.of, found.share) == (3, 4, 0.75)
    assert found.lead == pytest.approx(0.1 / np.std([0.1, 0.2, 0.3, 0.4]), abs=1e-4)


def test_of_several_pictures_each_text_has_its_best():
    other = np.array([0, 1], np.float32)
    texts = Background(("here", "there"), np.array([[0.6, 0.8], [0.28, 0.96]], np.float32))
    wanted = unit([0.9, 0.1])
    assert texts.standing(wanted, PICTURE).better_than == 2
    both = texts.standing(wanted, np.stack([PICTURE, other]))
    assert both.cosine == pytest.approx(float(wanted[0])) and both.better_than == 2
    middling = texts.standing(unit([0.7, 0.7]), np.stack([PICTURE, other]))
    assert middling.better_than == 0  # with one picture it would beat both


def test_a_picture_that_tells_no_texts_apart_gives_no_lead():
    assert made(0.5, 0.5).standing(at(0.5), PICTURE).lead == pytest.approx(0, abs=0.1)


def test_an_equal_score_is_not_better():
    assert made(0.25, 0.5, 0.75).standing(at(0.5), PICTURE).better_than == 1


@pytest.mark.parametrize(
    ("above", "verdict"),
    [(20, "match"), (19, "doubtful"), (18, "doubtful"), (17, "no match"), (0, "no match")],
)
def test_the_verdict_counts_ranks_only(above, verdict):
    texts = made(*(0.01 * i for i in range(20)))
    found = score(at(0.01 * above - 0.005), PICTURE, texts)
    assert (found.verdict, found.scale, found.threshold) == (verdict, "texts", None)


def test_what_the_model_sees():
    best = made(0.1, 0.9, 0.3, 0.2, 0.8, 0.7, 0.6).best(PICTURE)
    assert [each.text for each in best] == ["0.9", "0.8", "0.7", "0.6", "0.3"]
    assert best[0].cosine == pytest.approx(0.9)


def test_the_background_is_embedded_in_one_go(model):
    calls = []

    def embed(texts):
        calls.append(texts)
        return model.embed_texts(texts)

    made_of = background("a cat", embed)
    assert len(calls) == 1 and made_of.vectors.shape == (100, model.dim)
    np.testing.assert_allclose(made_of.vectors[7], model.embed_text(made_of.texts[7]), atol=1e-6)
