"""Whether a best match is better than what unrelated words get."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeclip import Model
from edgeclip.index.background import Background
from edgeclip.model.background_texts import IDENTITY, TEXTS
from edgeclip.vectors import unit
from tests.index.captions import ABSENT, RIGHT

STARTER = Path(__file__).parent.parent.parent / "models" / "starter"

OTHERS = ("astronaut.png", "brick.png", "coins.png", "grass.png", "page.png", "moon.png")


def random_texts(count=200, dim=64, seed=0):
    """Unit vectors with a common direction, as texts of one model have."""
    rng = np.random.default_rng(seed)
    return unit(rng.normal(size=(count, dim)) + 1.5 * np.eye(dim)[0])


def random_pictures(count=50, dim=64, seed=1):
    return unit(np.random.default_rng(seed).normal(size=(count, dim)))


def judged(background, pictures, query):
    return background.judge(query, float((pictures @ query).max()))


def line_by_hand(texts, pictures):
    """Compute threshold over nearness once more, the slow way."""
    scores = pictures @ texts.T
    best = scores.max(axis=0)
    unrelated = [i for i in range(len(texts)) if i not in set(scores.argmax(axis=1))]
    count = round(len(texts) / 10)
    near = [np.sort(texts @ text)[::-1][1 : count + 1].mean() for text in texts]
    slope = max(0.0, np.polyfit(np.take(near, unrelated), best[unrelated], 1)[0])
    return slope, np.quantile(best[unrelated] - slope * np.take(near, unrelated), 0.92)


@pytest.fixture(scope="module")
def starter():
    return Model.load(STARTER)


@pytest.fixture(scope="module")
def words(starter):
    return np.stack(list(starter.embed_texts(TEXTS)))


def test_flags_absent_things_and_not_the_right_captions(starter, words, photos):
    pictures = np.stack(list(starter.embed_images([photos / n for n in (*RIGHT, *OTHERS)])))
    background = Background(words)
    background.add(pictures)

    def good(text):
        return judged(background, pictures, starter.embed_text(text)).good

    assert sum(map(good, ABSENT)) <= 0.1 * len(ABSENT)
    missed = {c for captions in RIGHT.values() for c in captions if not good(c)}
    # The starter does not recognise the silhouette, so "no good match" is the truth about it.
    assert len(missed - set(RIGHT["horse.png"])) <= 1, missed
    assert judged(background, pictures, starter.embed_query("cat + fur")).good
    assert not judged(background, pictures, starter.embed_query("elephant + giraffe")).good


def test_texts_are_many_and_each_once():
    plain = [text.lower() for text in TEXTS]
    assert len(TEXTS) == 544 and len(set(plain)) == 544
    assert all(text and text == text.strip() for text in TEXTS)
    assert len(IDENTITY) == 16


@pytest.mark.parametrize("count", [1, 8, 50])
def test_threshold_equals_the_one_computed_by_hand(count):
    texts, pictures = random_texts(), random_pictures(count)
    background = Background(texts)
    background.add(pictures)
    slope, offset = line_by_hand(texts, pictures)
    query = random_texts(1, seed=9)[0]
    near = np.sort(texts @ query)[::-1][1:21].mean()
    found = judged(background, pictures, query)
    assert found.threshold == pytest.approx(offset + slope * near, abs=1e-5)
    assert found.score == pytest.approx(float((pictures @ query).max()))
    assert found.good == (found.score > found.threshold)


def test_a_picture_of_the_query_is_a_good_match():
    texts, pictures = random_texts(), random_pictures()
    query = random_texts(1, seed=9)[0]
    background = Background(texts)
    background.add(pictures)
    assert not judged(background, pictures, unit(-query)).good
    found = unit(query + 0.5 * pictures[0])
    background.add(found[None])
    assert judged(background, np.vstack([pictures, found]), query).good


def test_does_not_depend_on_a_models_scale():
    """Another model has other cosines; a gap between texts and pictures changes no verdict."""
    texts, pictures, queries = random_texts(), random_pictures(), random_texts(100, seed=5)

    def apart(vectors, share, last):
        end = np.full((len(vectors), 1), last)
        return unit(np.hstack([share * vectors, np.sqrt(1 - share**2) * end]))

    plain, moved = Background(texts), Background(apart(texts, 0.6, 1.0))
    plain.add(pictures)
    other = apart(pictures, 0.3, -1.0)
    moved.add(other)
    far = apart(queries, 0.6, 1.0)
    before = [judged(plain, pictures, query).good for query in queries]
    after = [judged(moved, other, query).good for query in far]
    assert before == after and 0 < sum(before) < 100


def test_order_and_portions_do_not_matter():
    texts, pictures = random_texts(), random_pictures(2500)
    whole, single = Background(texts), Background(texts)
    whole.add(pictures)
    for portion in np.array_split(pictures[::-1], 7):
        single.add(portion)
    single.add(pictures[:0])
    assert single.pictures == whole.pictures == 2500
    assert judged(single, pictures, texts[0]).threshold == pytest.approx(
        judged(whole, pictures, texts[0]).threshold, abs=1e-6
    )


def test_a_third_of_the_texts_stays_unrelated_when_every_text_fits_a_picture():
    texts = random_texts()
    background = Background(texts)
    background.add(texts)  # a picture of each
    found = background.judge(texts[0], 1.0)
    assert np.isfinite(found.threshold) and found.good


def test_kept_arrays_give_the_same_verdicts():
    texts, pictures = random_texts(), random_pictures()
    first = Background(texts)
    first.add(pictures)
    first.remove(3)
    second = Background(texts, first.arrays())
    assert (second.pictures, second.removed, second.stale) == (50, 3, False)
    assert judged(first, pictures, texts[7]) == judged(second, pictures, texts[7])
    second.add(pictures[:1])
    assert first.pictures == 50  # the arrays are copies
    with pytest.raises(ValueError, match="another list of texts"):
        Background(texts[:100], first.arrays())


def test_many_removals_make_it_stale():
    background = Background(random_texts())
    background.add(random_pictures(20))
    background.remove(2)
    assert not background.stale
    background.remove()
    assert background.stale


def test_refuses_too_few_texts_and_no_pictures():
    with pytest.raises(ValueError, match="at least 20 texts"):
        Background(random_texts(19))
    with pytest.raises(ValueError, match="no pictures"):
        Background(random_texts()).judge(random_texts()[0], 0.5)


def test_says_it_in_one_line():
    texts, pictures = random_texts(), random_pictures()
    background = Background(texts)
    background.add(pictures)
    bad, good = background.judge(texts[0], -0.2), background.judge(texts[0], 0.99)
    assert str(bad) == (
        "no good match: the best score -0.20 is not above what unrelated words get here "
        f"({bad.threshold:.2f})"
    )
    assert str(good) == f"the best score 0.99 is above {good.threshold:.2f}"
