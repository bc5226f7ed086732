"""The service without HTTP: what is asked at once is answered as if it were asked alone."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from edgeclip.errors import FilterError, InvalidText, StoreNotFound
from edgeclip.index.index import Index
from edgeclip.serve.decoding import Decoders, Preparing
from edgeclip.serve.limits import Limits
from edgeclip.serve.service import Asked, Service
from tests.patience import until


@pytest.fixture
def service(model, indexed, tmp_path):
    path = shutil.copytree(indexed, tmp_path / "photos.index")
    with Index.open(path) as index:
        made = Service(model, index, Decoders(Preparing.of(model)), Limits(waiting=1000))
        yield made
        made.close()


def test_searches_at_once_are_those_alone(service, model):
    words = [f"number {number}" for number in range(40)]
    wheres = [None, {"key": {"prefix": "more/"}}, {"width": {">": 500}}]
    asked = [
        Asked(model.embed_text(word), 1 + number % 3, wheres[number % 3])
        for number, word in enumerate(words)
    ]
    expected = [
        service.index.search(each.vector, count=each.count, where=each.where) for each in asked
    ]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda each: service.search(each).result(), asked))
    for ours, theirs in zip(found, expected, strict=True):
        assert [match.key for match in ours.matches] == [match.key for match in theirs]
        scores = [match.score for match in theirs]
        assert np.allclose([match.score for match in ours.matches], scores, atol=1e-6)


def test_a_bad_search_among_good_ones(service, model):
    vector = model.embed_text("a")
    good, bad = Asked(vector, 2), Asked(vector, 2, {"key": {"like": "%"}})

    def ask(each):
        try:
            return service.search(each).result()
        except FilterError:
            return None

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, [good, bad] * 20))
    assert all(len(each.matches) == 2 for each in found[::2]) and not any(found[1::2])


def test_what_unrelated_words_get_is_learned_once_it_is_missed(service, model):
    asked = Asked(model.embed_text("a"), 1, judged=True)
    assert service.search(asked).result().judgement is None
    judgement = until(lambda: service.search(asked).result().judgement)
    score = service.search(asked).result().matches[0].score
    assert judgement == service.index.judge(asked.vector, score)


def test_learning_ends_with_the_service(indexed, model, tmp_path):
    path = shutil.copytree(indexed, tmp_path / "photos.index")
    with Index.open(path) as index:
        made = Service(model, index, Decoders(Preparing.of(model)), Limits())
        asked = Asked(model.embed_text("a"), 1, judged=True)
        assert made.search(asked).result().judgement is None
        made.close()
        assert not [each for each in threading.enumerate() if each.name == "learning"]
        assert index.judge(asked.vector, 0.5) is None


def test_a_reader_leaves_learning_to_the_writer(indexed, model, tmp_path):
    path = shutil.copytree(indexed, tmp_path / "photos.index")
    with Index.open(path) as writer, Index.open(path, read_only=True) as index:
        made = Service(model, index, Decoders(Preparing.of(model)), Limits())
        asked = Asked(model.embed_text("a"), 1, judged=True)
        assert made.search(asked).result().judgement is None
        assert not [each for each in threading.enumerate() if each.name == "learning"]
        writer.learn(model.embed_texts)
        assert made.search(asked).result().judgement is not None
        made.close()


def test_texts_are_remembered(service, model):
    noted = []
    service.noted = lambda tower, count: noted.append((tower, count))
    first = service.text("a text that nobody asked")
    assert np.array_equal(service.text("a text that nobody asked"), first)
    assert noted == [("text", 1)]
    assert np.array_equal(first, model.embed_text("a text that nobody asked"))
    with pytest.raises(InvalidText):
        service.text("a" * 5000)


def test_sums(service, model):
    vector = model.embed_text("b")
    found = service.query("2:a - c", [(3.0, vector)])
    total = 2 * model.embed_text("a") - model.embed_text("c") + 3 * vector
    assert np.allclose(found, total / np.linalg.norm(total), atol=1e-6)
    assert np.allclose(service.query("", [(3.0, vector)]), vector, atol=1e-6)


def test_without_an_index(model):
    made = Service(model, None, Decoders(Preparing.of(model)), Limits())
    try:
        assert not made.has_index
        with pytest.raises(StoreNotFound, match="--index"):
            made.search(Asked(model.embed_text("a"), 1)).result()
    finally:
        made.close()
