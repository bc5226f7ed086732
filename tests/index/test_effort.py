"""How hard a graph must search: the measurement tells a good graph from one with holes."""

from __future__ import annotations

import numpy as np
import pytest

from edgeclip.index import effort
from edgeclip.index.effort import Evidence, likely_queries, recall, tiers
from edgeclip.vectors import unit
from tests.index.saved_graphs import clustered, exact_of


def pair(ids, scores):
    return np.array(ids), np.array(scores, np.float32)


def test_recall_counts_by_score():
    truth = [pair([1, 2], [0.9, 0.8]), pair([3], [0.5])]
    assert recall(truth, truth) == 1.0
    assert recall(truth, [pair([1, 9], [0.9, 0.8]), pair([3], [0.5])]) == 1.0  # an equal vector
    assert recall(truth, [pair([1, 9], [0.9, 0.7]), pair([], [])]) == pytest.approx(1 / 3)
    assert recall([pair([], [])], [pair([], [])]) == 1.0


def test_each_kind_has_the_least_step_that_is_good_enough():
    vectors = clustered(500)[0]
    exact, tried = exact_of(vectors), []

    def graph(ef):
        tried.append(ef)
        return lambda queries, count: exact.search(queries, 10 if ef >= 300 else 8)

    none = vectors[:0]
    (tier,) = tiers([(vectors[:20], none)], exact.search, graph)
    assert tier.ef == 300 and set(tried) == {100, 150, 200, 300}
    assert tier.least == pytest.approx(1, abs=1e-2)
    assert tiers([(none, none)], exact.search, graph) == []


def test_a_kind_that_is_not_found_is_left_out():
    vectors = clustered(500)[0]
    exact, away = exact_of(vectors), unit(np.ones(16))

    def graph(ef):
        def search(queries, count):
            return exact.search(queries, 9 if queries[0] @ away > 0.99 else count)

        return search

    none, far = vectors[:0], np.repeat(away[None], 8, axis=0)
    both = tiers([(far, none), (vectors[:8], none)], exact.search, graph)
    assert [tier.ef for tier in both] == [100]
    assert tiers([(vectors[:8], far)], exact.search, graph) == []  # what was lost counts as much
    good = tiers([(far, none), (vectors[:8], none)], exact.search, lambda ef: exact.search)
    assert good[0].least > good[1].least


def test_likely_queries_are_like_the_vectors():
    vectors = clustered(64, dim=512)[0]
    kinds = likely_queries(vectors)
    for queries, cosine in zip(kinds, (0.86, 0.64, 0.38), strict=True):
        own = vectors if cosine > 0.8 else vectors[::2]
        assert queries.dtype == np.float32 and queries.shape == own.shape
        assert np.allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-5)
        assert abs(np.einsum("nd,nd->n", queries, own).mean() - cosine) < 0.03
    assert likely_queries(vectors[:0]) == []


def test_evidence_is_new_once():
    vectors = clustered(500)[0]
    evidence = Evidence()
    assert not any(evidence.asked(query[None]) for query in vectors[: effort.SEEDS - 1])
    assert not evidence.is_new(1000)
    assert [kind.shape for kind in evidence.queries(16)] == [(0, 16), (0, 16)]
    assert evidence.asked(vectors[99:101]) and evidence.is_new(1000)
    asked, lost = evidence.queries(16)
    assert asked.shape == (64, 16) and lost.shape == (0, 16) and not evidence.is_new(1000)
    assert (asked[-1] == vectors[100]).all()
    told = [evidence.asked(query[None]) for query in vectors[:128]]  # twice as many as before
    assert told == [False] * 127 + [True] and evidence.is_new(1000)
    evidence.queries(16)
    evidence.lost(60, vectors[:8])
    assert not evidence.is_new(1000)
    evidence.lost(60, vectors[8:16])
    assert evidence.is_new(1000) and not evidence.is_new(100_000)
    assert evidence.queries(16)[1].shape == (16, 16)
