import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edgeclip.index import exact as module
from edgeclip.index.exact import Exact
from tests.index.some import stored, units


def ids_of(*numbers):
    return np.array(numbers, np.int64)


def brute(ids, vectors, query, count, among=None):
    """Ids and scores, best first, then by id; computed in float64."""
    keep = np.ones(len(ids), bool) if among is None else np.isin(ids, among)
    scores = vectors[keep].astype(np.float64) @ query
    order = np.lexsort((ids[keep], -scores))[:count]
    return ids[keep][order], scores[order]


def clustered(count, dim, seed=0):
    """As pictures are: near each other in groups."""
    random = np.random.default_rng(seed)
    centres = units(count // 20 + 1, dim, seed)
    found = centres[random.integers(len(centres), size=count)]
    found = found + random.normal(size=(count, dim)).astype(np.float32) * 0.5 / np.sqrt(dim)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def built(vectors, precision="fp32"):
    """An index of vectors with ids 10, 12, 14, …, which fetches what was given."""
    ids = np.arange(len(vectors), dtype=np.int64) * 2 + 10
    exact = Exact(vectors.shape[1], precision, lambda wanted: vectors[(wanted - 10) // 2])
    exact.add(ids, vectors)
    return exact, ids


@pytest.mark.parametrize("count", [1, 10, 200])
@pytest.mark.parametrize("size", [1, 9, 500, 20_000])
def test_fp32_finds_what_brute_force_finds(size, count):
    vectors, queries = clustered(size, 48), units(20, 48, 7)
    exact, ids = built(vectors)
    for query, (found, scores) in zip(queries, exact.search(queries, count), strict=True):
        wanted, right = brute(ids, vectors, query, count)
        assert np.allclose(scores, right, atol=1e-5) and len(found) == min(size, count)
        assert np.array_equal(np.sort(found), np.sort(wanted))


def test_one_query_and_many_agree():
    vectors, queries = units(3000, 64), units(130, 64, 5)
    exact, _ = built(vectors)
    together = exact.search(queries, 5)
    for query, (ids, scores) in zip(queries, together, strict=True):
        alone_ids, alone_scores = exact.search(query[None], 5)[0]
        assert np.array_equal(ids, alone_ids) and np.allclose(scores, alone_scores, atol=1e-6)
    assert exact.search(queries[:0], 5) == []


@pytest.mark.parametrize("make", [clustered, units])
def test_int8_ranked_again_finds_99_of_100(make):
    vectors, queries = stored(make(20_000, 128)), units(50, 128, 9)
    queries = np.concatenate([queries, clustered(50, 128, 0)])
    exact, ids = built(vectors, "int8")
    hits = 0
    for query, (found, scores) in zip(queries, exact.search(queries, 10), strict=True):
        wanted, _ = brute(ids, vectors, query, 10)
        hits += len(np.intersect1d(found, wanted))
        assert np.allclose(scores, vectors[(found - 10) // 2] @ query, atol=1e-6)
    assert hits / 1000 >= 0.99


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.05, 0.3, 1.0])
def test_only_some_ids_may_be_found(share, precision):
    vectors, queries = stored(clustered(4000, 32)), units(5, 32, 3)
    exact, ids = built(vectors, precision)
    among = ids[np.random.default_rng(1).random(len(ids)) < share]
    unknown = ids_of(*among.tolist(), 1, 11, 10**9)
    for query, (found, scores) in zip(queries, exact.search(queries, 10, among), strict=True):
        _, right = brute(ids, vectors, query, 10, among)
        assert np.isin(found, among).all() and np.allclose(scores, right, atol=0.02)
    if precision == "fp32":
        more = exact.search(queries, 10, np.sort(unknown))
        for one, other in zip(exact.search(queries, 10, among), more, strict=True):
            assert np.array_equal(one[0], other[0])


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_equal_scores_come_by_id(precision):
    vector = stored(units(1))
    exact, ids = built(np.repeat(vector, 300, axis=0), precision)
    found, scores = exact.search(vector, 20)[0]
    assert np.array_equal(found, ids[:20]) and np.allclose(scores, 1, atol=1e-3)


def test_count_beyond_all_and_below_one():
    exact, ids = built(units(5))
    assert len(exact.search(units(1), 10**9)[0][0]) == 5
    assert len(exact.search(units(1), 0)[0][0]) == 0
    assert len(exact.search(units(1), -1)[0][0]) == 0
    assert len(Exact(8).search(units(1, 8), 3)[0][0]) == 0
    assert exact.remove(ids) == 5 and len(exact) == 0
    assert len(exact.search(units(1), 3)[0][0]) == 0


def test_vectors_come_in_the_order_asked_for():
    vectors = units(50)
    exact, ids = built(vectors)
    order = np.random.default_rng(2).permutation(50)
    assert np.array_equal(exact.vectors(ids[order]), vectors[order])
    assert np.array_equal(exact.ids(), ids)
    parts = list(exact.all_vectors())
    assert np.array_equal(np.concatenate([part for _, part in parts]), vectors)
    int8, _ = built(vectors, "int8")
    assert np.array_equal(int8.vectors(ids[order]), vectors[order])


def test_what_was_deleted_behind_its_back_is_no_answer():
    vectors = stored(units(20))

    def fetch(ids):
        found = vectors[ids].copy()
        found[ids == 3] = 0  # this row has gone
        return found

    exact = Exact(32, "int8", fetch)
    exact.add(np.arange(20), vectors)
    assert 3 not in exact.search(vectors[3:4], 20)[0][0]


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_removal_frees_blocks_and_keeps_the_rest(precision, monkeypatch):
    monkeypatch.setattr(module, "ROWS", 64)
    monkeypatch.setattr("edgeclip.index.blocks.ROWS", 64)
    vectors = stored(clustered(1000, 32))
    exact, ids = built(vectors, precision)
    gone = ids[np.random.default_rng(0).permutation(1000)[:700]]
    assert exact.remove(np.concatenate([gone, ids_of(1, 11, 10**9)])) == 700
    assert exact.remove(gone) == 0 and len(exact) == 300
    left = np.setdiff1d(ids, gone)
    for _ in range(2):
        assert np.array_equal(exact.ids(), left)
        for query in units(5, 32, 4):
            found, scores = exact.search(query[None], 20)[0]
            _, right = brute(ids, vectors, query, 20, left)
            assert np.isin(found, left).all() and np.allclose(scores, right, atol=0.02)
        exact.compact()


class Model(RuleBasedStateMachine):
    """Exact against a dict, with small blocks."""

    @initialize(precision=st.sampled_from(["fp32", "int8"]))
    def make(self, precision):
        self.vectors, self.next = {}, 1
        self.exact = Exact(16, precision, self.fetch)

    def fetch(self, ids):
        return np.array([self.vectors[number] for number in ids.tolist()]).reshape(-1, 16)

    @rule(count=st.integers(1, 40), seed=st.integers(0, 10**6))
    def add(self, count, seed):
        ids = np.arange(self.next, self.next + count, dtype=np.int64)
        rows = stored(units(count, 16, seed))
        self.vectors |= dict(zip(ids.tolist(), rows, strict=True))
        self.next += count + seed % 3
        self.exact.add(ids, rows)

    @precondition(lambda self: self.vectors)
    @rule(data=st.data())
    def remove(self, data):
        known = sorted(self.vectors)
        gone = data.draw(st.sets(st.sampled_from(known), max_size=30))
        assert self.exact.remove(ids_of(*gone)) == len(gone)
        for number in gone:
            del self.vectors[number]

    @rule()
    def compact(self):
        self.exact.compact()

    @rule(count=st.integers(1, 12), seed=st.integers(0, 99), data=st.data())
    def search(self, count, seed, data):
        query = units(1, 16, seed)
        among = None
        if self.vectors and data.draw(st.booleans()):
            among = ids_of(*sorted(data.draw(st.sets(st.sampled_from(sorted(self.vectors))))))
        found, scores = self.exact.search(query, count, among)[0]
        ids = ids_of(*sorted(self.vectors))
        table = np.array([self.vectors[n] for n in ids.tolist()]).reshape(-1, 16)
        _, right = brute(ids, table, query[0], count, among)
        assert len(np.unique(found)) == len(found) == len(right)
        assert np.allclose(scores, right, atol=1e-5 if self.exact.precision == "fp32" else 0.02)

    @invariant()
    def ids(self):
        if hasattr(self, "exact"):
            assert self.exact.ids().tolist() == sorted(self.vectors)
            assert len(self.exact) == len(self.vectors)


class TestModel(Model.TestCase):
    settings = settings(max_examples=40, stateful_step_count=30, deadline=None)

    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch):
        monkeypatch.setattr(module, "ROWS", 32)
        monkeypatch.setattr("edgeclip.index.blocks.ROWS", 32)
