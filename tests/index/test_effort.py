"""How hard a graph must search: the measurement tells a good graph from one with holes."""

from __future__ import annotations

import numpy as np
import pytest

from edgeclip.index import effort
from edgeclip.index.effort import Evidence, Tier, likely_queries, recalls, tenth, tiers
from tests.index.saved_graphs import clustered, exact_of


def pair(ids, scores):
    return np.array(ids), np.array(scores, np.float32)


def test_recall_counts_by_score():
    truth = [pair([1, 2], [0.9, 0.8]), pair([3], [0.5]), pair([], [])]
    assert recalls(truth, truth).tolist() == [1.0, 1.0, 1.0]
    equal = [pair([1, 9], [0.9, 0.8]), *truth[1:]]  # of equal vectors any may be found
    assert recalls(truth, equal).tolist() == [1.0, 1.0, 1.0]
    less = [pair([1, 9], [0.9, 0.7]), pair([], []), pair([4], [0.1])]
    assert recalls(truth, less).tolist() == [0.5, 0.0, 1.0]


def test_what_counts_is_the_tenth_answer():
    scores = np.linspace(0.9, 0.1, 20)
    assert tenth(pair(range(20), scores)) == pytest.approx(scores[9])
    assert tenth(pair([1, 2], [0.9, 0.8])) == pytest.approx(0.8)
    assert tenth(pair([], [])) == -1


def missing(exact, lost, *, least, most=1.1):
    """A search that misses so many of the best answers to queries whose tenth is in that range."""

    def search(queries, count):
        found = exact.search(queries, count + lost)
        return [
            (ids[lost:], scores[lost:])
            if lost and least <= scores[count - 1] < most
            else (ids[:count], scores[:count])
            for ids, scores in found
        ]

    return search


@pytest.fixture(scope="module")
def table():
    """Vectors, exact search, and queries from near to far by the score of the tenth."""
    vectors = clustered(500)[0]
    exact = exact_of(vectors)
    queries = likely_queries(vectors[::5])
    return exact, queries, np.array([tenth(each) for each in exact.search(queries, 10)])


def test_it_searches_as_hard_as_low_scores_need(table):
    exact, queries, scores = table
    middle, tried = float(np.median(scores)), []

    def graph(ef):
        tried.append(ef)
        return missing(exact, 0 if ef >= 300 else 3, least=-1, most=middle)

    near, far = tiers(queries, exact.search, graph)
    assert near.ef == 100 and far.ef == 300 and set(tried) == {100, 150, 200, 300}
    assert scores.min() <= far.least < np.percentile(scores, 10)
    assert near.least >= middle - 1e-4
    (all_,) = tiers(queries, exact.search, lambda ef: exact.search)
    assert all_ == Tier(far.least, 100)
    assert tiers(queries[:0], exact.search, graph) == []


def test_what_is_not_found_is_left_out_with_all_that_is_lower(table):
    exact, queries, scores = table
    low, middle, high = np.percentile(scores, (25, 50, 75))
    (tier,) = tiers(queries, exact.search, lambda ef: missing(exact, 3, least=-1, most=low))
    assert tier.least >= low - 1e-4
    third = float(np.percentile(scores, 35))
    (tier,) = tiers(queries, exact.search, lambda ef: missing(exact, 3, least=low, most=third))
    assert tier.least >= third - 1e-4
    # What answers less than half of the queries is no good.
    assert tiers(queries, exact.search, lambda ef: missing(exact, 3, least=middle, most=high)) == []


def test_easy_queries_do_not_carry_hard_ones(table):
    """One of 200 that finds nothing is within the mean, and yet too bad."""
    exact, queries, scores = table
    worst = queries[np.argsort(-scores)[100]]

    def graph(ef):
        def search(some, count):
            found = exact.search(some, count)
            # It has as high scores as it should: it did not just lose its way.
            bad = (some @ worst > 0.9999) & (ef < 400)
            return [
                (ids, np.repeat(each[9] - 2e-5, 10)) if bad[i] else (ids, each)
                for i, (ids, each) in enumerate(found)
            ]

        return search

    assert tiers(queries, exact.search, graph)[-1].ef == 400


def test_a_search_that_loses_its_way_is_measured_again_below(table):
    exact, queries, scores = table
    middle = float(np.median(scores))
    stray = queries[np.argsort(-scores)[40]]
    tried = []

    def graph(ef):
        def search(some, count):
            found = exact.search(some, count)
            lost = (some @ stray > 0.9999) & (ef < 300)
            tried.extend([ef] * np.count_nonzero(some @ stray > 0.9999))
            return [
                (ids, each - 2) if lost[i] else (ids, each) for i, (ids, each) in enumerate(found)
            ]

        return search

    found = tiers(queries, exact.search, graph)
    assert found[0].ef == 100 and found[0].least < middle and len(tried) > 3


def test_likely_queries_are_like_the_vectors():
    vectors = clustered(64, dim=512)[0]
    queries = likely_queries(vectors)
    assert queries.dtype == np.float32 and queries.shape == (128, 512)
    assert np.allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-5)
    own = np.concatenate([vectors, vectors[::2], vectors[::2]])
    cosines = np.einsum("nd,nd->n", queries, own)
    for part, cosine in zip(np.split(cosines, [64, 96]), (0.86, 0.64, 0.38), strict=True):
        assert abs(part.mean() - cosine) < 0.03
    assert likely_queries(vectors[:0]).shape == (0, 512)


def test_evidence_is_new_once():
    vectors = clustered(500)[0]
    evidence = Evidence()
    assert not any(evidence.asked(query[None]) for query in vectors[: effort.SEEDS - 1])
    assert not evidence.is_new(1000)
    assert evidence.queries(16).shape == (0, 16)
    assert evidence.asked(vectors[99:101]) and evidence.is_new(1000)
    asked = evidence.queries(16)
    assert asked.shape == (64, 16) and not evidence.is_new(1000)
    assert (asked[-1] == vectors[100]).all()
    told = [evidence.asked(query[None]) for query in vectors[:128]]  # twice as many as before
    assert told == [False] * 127 + [True] and evidence.is_new(1000)
    evidence.queries(16)
    evidence.lost(60, vectors[:8])
    assert not evidence.is_new(1000)
    evidence.lost(60, vectors[8:16])
    assert evidence.is_new(1000) and not evidence.is_new(100_000)
    assert evidence.queries(16).shape == (64 + 16, 16)
