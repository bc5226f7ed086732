"""Graph: the answers of hnswlib against brute force, and what it must never be given."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest

from edgeclip.errors import ExtraMissing
from edgeclip.index.hnsw import Graph, GraphError, TooFew, version
from edgeclip.vectors import unit
from tests.index.saved_graphs import clustered, graph_of

pytest.importorskip("hnswlib")


def best(queries, ids, vectors, count):
    order = np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :count]
    return ids[order]


def share(found, wanted):
    pairs = zip(found.tolist(), wanted.tolist(), strict=True)
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in pairs])


@pytest.fixture(scope="module")
def vectors():
    return clustered(2000, 32)[0]


def test_it_finds_what_brute_force_finds(vectors):
    graph, ids = graph_of(vectors, first=1000), np.arange(1000, 3000)
    queries = unit(vectors[:200] + 0.02 * np.random.default_rng(1).standard_normal((200, 32)))
    found, scores = graph.search(queries, 10)
    assert found.dtype == np.int64 and scores.dtype == np.float32
    assert share(found, best(queries, ids, vectors, 10)) >= 0.99
    cosines = np.einsum("qd,qkd->qk", queries, vectors[found - 1000])
    assert np.allclose(scores, cosines, atol=1e-5)
    assert (np.diff(scores, axis=1) <= 1e-6).all()


def test_it_returns_no_more_than_there_is():
    graph = graph_of(clustered(5)[0])
    found, scores = graph.search(clustered(2)[0], 50)
    assert found.shape == scores.shape == (2, 5)
    assert sorted(found[0].tolist()) == [1, 2, 3, 4, 5]


def test_an_empty_graph_and_no_queries():
    graph = Graph.empty(16, 10)
    assert graph.search(clustered(3)[0], 10)[0].shape == (3, 0)
    assert graph_of(clustered(5)[0]).search(np.empty((0, 16), np.float32), 3)[0].shape == (0, 0)
    assert len(graph) == 0 and graph.deleted == 0 and not graph.full(10) and graph.full(11)


def test_what_was_removed_is_not_found(vectors):
    graph, ids = graph_of(vectors), np.arange(1, 2001)
    kept = graph.remove(ids[::2], keep=5)
    assert kept.shape == (5, 32)
    assert len(graph) == 1000 and graph.deleted == 1000
    assert sorted(graph.ids().tolist()) == ids[1::2].tolist()
    found, _ = graph.search(vectors[:100], 10)
    assert share(found, best(vectors[:100], ids[1::2], vectors[1::2], 10)) >= 0.99
    graph.remove(ids)  # half of them for the second time
    assert len(graph) == 0 and graph.search(vectors[:3], 5)[0].shape == (3, 0)


def test_an_id_is_taken_only_once():
    vectors = clustered(20)[0]
    graph = graph_of(vectors)
    graph.remove(np.array([3]))
    graph.add(np.array([3, 4, 21]), vectors[[5, 6, 7]])
    assert len(graph) == 20 and 3 not in graph.ids()
    assert np.allclose(graph.vectors(np.array([4])), vectors[[3]])  # not the one given later


def test_a_full_graph_refuses_and_still_answers():
    vectors = clustered(20)[0]
    graph = graph_of(vectors[:10], capacity=12)
    with pytest.raises(GraphError, match="full"):
        graph.add(np.arange(11, 21), vectors[10:])
    assert len(graph) == 10
    graph.add(np.array([11, 12]), vectors[10:12])
    assert graph.full() and graph.search(vectors[:1], 1)[0][0, 0] == 1


def test_a_filter_is_obeyed_and_too_few_are_told(vectors):
    graph, ids = graph_of(vectors), np.arange(1, 2001)
    allowed = ids[ids % 3 == 0]
    found, _ = graph.search(vectors[:50], 10, lambda id_: id_ % 3 == 0)
    assert share(found, best(vectors[:50], allowed, vectors[allowed - 1], 10)) >= 0.99
    with pytest.raises(TooFew):
        graph.search(vectors[:1], 10, {5, 6}.__contains__)
    with pytest.raises(ZeroDivisionError):
        graph.search(vectors[:1], 10, lambda id_: 1 // 0)
    assert graph.search(vectors[:1], 1)[0][0, 0] == 1  # and it still works


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_never_reaches_hnswlib(bad):
    vectors = clustered(20)[0]
    graph = graph_of(vectors)
    spoilt = vectors[:2].copy()
    spoilt[1, 3] = bad
    with pytest.raises(ValueError, match="finite"):
        graph.add(np.array([30, 31]), spoilt)
    with pytest.raises(ValueError, match="finite"):
        graph.search(spoilt, 3)
    assert len(graph) == 20


def test_other_shapes_are_refused():
    # hnswlib itself would read beyond the end of a shorter query.
    graph = graph_of(clustered(20)[0])
    for bad in (np.ones((2, 8), np.float32), np.ones(16, np.float32), np.ones((1, 17), np.float32)):
        with pytest.raises(ValueError, match=r"\(n, 16\)"):
            graph.search(bad, 3)
    with pytest.raises(ValueError, match="3 ids"):
        graph.add(np.arange(50, 53), clustered(2)[0])


def test_a_saved_graph_answers_the_same(tmp_path, vectors):
    graph = graph_of(vectors)
    path = tmp_path / "ü \udcff.bin"  # a folder's name need not be UTF-8
    assert graph.save(path) == path.stat().st_size
    again = Graph.load(path, 32, 5000)
    assert again.capacity == 5000 and len(again) == 2000
    both = zip(graph.search(vectors[:50], 10), again.search(vectors[:50], 10), strict=True)
    assert all((own == other).all() for own, other in both)
    again.add(np.array([2001]), clustered(1, 32, seed=5)[0])
    assert len(again) == 2001


def test_a_file_that_hnswlib_refuses_is_an_error(tmp_path):
    (tmp_path / "short").write_bytes(b"\0" * 50)
    for name in ("short", "missing"):
        with pytest.raises(GraphError, match="hnswlib failed"):
            Graph.load(tmp_path / name, 16, 10)


def test_searching_beside_adding_and_removing(vectors):
    graph = Graph.empty(32, 4000)
    graph.add(np.arange(1, 501), vectors[:500])
    failures, done = [], threading.Event()

    def search():
        while not done.is_set():
            found, scores = graph.search(vectors[:3], 10)
            if found.shape != (3, 10) or not np.isfinite(scores).all():
                failures.append(found)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for start in range(500, 2000, 20):
            graph.add(np.arange(start + 1, start + 21), vectors[start : start + 20])
            graph.remove(np.arange(start - 100, start - 95))
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not failures
    gone = 5 * len(range(500, 2000, 20))
    assert len(graph) == 2000 - gone and graph.deleted == gone


def test_without_hnswlib_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "hnswlib", None)
    for call in (version, lambda: Graph.empty(16, 10)):
        with pytest.raises(ExtraMissing, match=r"pip install 'edgeclip\[hnsw\]'"):
            call()
