"""Approximate: equal to exact search whatever happens to the index, its cache and its graph."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
import time

import numpy as np
import pytest

from edgeclip.index import build, cache, effort, keeper, worth
from edgeclip.index.approximate import Approximate
from edgeclip.index.changes import Put, Remove
from edgeclip.index.hnsw import Graph, GraphError
from edgeclip.index.items import Item
from edgeclip.index.rows import row_of
from edgeclip.index.store import Store
from edgeclip.vectors import unit
from tests.index.saved_graphs import clustered, exact_of, key, made_index, recall
from tests.patience import until

pytest.importorskip("hnswlib")

COUNT, DIM = 2000, 16


@pytest.fixture(scope="module")
def table():
    return clustered(COUNT, DIM)


@pytest.fixture(scope="module")
def vectors(table):
    return table[0]


@pytest.fixture(scope="module")
def original(tmp_path_factory, vectors):
    """An index with a saved graph: do not change it."""
    folder = made_index(tmp_path_factory.mktemp("original") / "index", vectors)
    build.build(folder)
    return folder


@pytest.fixture
def folder(tmp_path, original):
    return shutil.copytree(original, tmp_path / "index")


def identity(folder):
    with contextlib.closing(Store.open(folder / "store.db", read_only=True)) as store:
        return store.identity


@contextlib.contextmanager
def near(folder, exact, *, when=True, may_build=True):
    """Yield an open `Approximate`, and what it noted."""
    notes = []
    who = identity(folder)
    opened = Approximate(folder, who, exact, when=when, may_build=may_build, note=notes.append)
    opened.notes = notes
    try:
        yield opened
    finally:
        opened.close()


def ready(opened):
    until(lambda: opened.state == "hnsw")


class Truth:
    """The database of an index and exact search over it, changed together."""

    def __init__(self, folder, vectors):
        self.store = Store.open(folder / "store.db", read_only=False)
        self.exact = exact_of(vectors)
        self.count = len(vectors)

    def add(self, vectors):
        first, self.count = self.count + 1, self.count + len(vectors)
        names = range(first - 1, self.count)
        items = [Item(key(name), vector) for name, vector in zip(names, vectors, strict=True)]
        self.store.write([Put(row_of(item, DIM)) for item in items])
        ids = np.arange(first, self.count + 1)
        self.exact.add(ids, vectors)
        return ids

    def remove(self, ids):
        self.store.write([Remove(key(id_ - 1)) for id_ in ids])
        self.exact.remove(ids)
        return ids


@pytest.fixture
def truth(folder, vectors):
    truth = Truth(folder, vectors)
    yield truth
    truth.store.close()


def some_queries(vectors, count=100, seed=1):
    noise = 0.05 * np.random.default_rng(seed).standard_normal((count, vectors.shape[1]))
    return unit(vectors[:count] + noise)


def assert_equal(opened, exact, queries, *, by_graph=True):
    """What a user gets is what exact search finds, with the same scores."""
    found = opened.search(queries, 10)
    assert found is not None or not by_graph
    found, truth = found or exact.search(queries, 10), exact.search(queries, 10)
    assert recall(truth, found) >= 0.99
    for (ids, scores), (own_ids, own_scores) in zip(truth, found, strict=True):
        known = dict(zip(ids.tolist(), scores.tolist(), strict=True))
        for id_, score in zip(own_ids.tolist(), own_scores.tolist(), strict=True):
            assert id_ not in known or abs(known[id_] - score) < 1e-5
        assert (np.diff(own_scores) <= 0).all()


def test_a_saved_graph_is_loaded_and_answers(folder, vectors):
    exact = exact_of(vectors)
    with near(folder, exact) as opened:
        ready(opened)
        assert_equal(opened, exact, some_queries(vectors))
        assert opened.search(vectors[:1], 1000) is None  # exact search is as fast
        assert opened.notes == []
    assert opened.state == "exact" and opened.search(vectors[:1], 10) is None
    assert [path.stem for path in cache.manifests(folder)] == ["hnsw-1-1"]


def test_a_missing_one_is_built_meanwhile_exact_search_serves(folder, vectors):
    shutil.rmtree(folder / "cache")
    (folder / "cache").mkdir()
    exact = exact_of(vectors)
    with near(folder, exact) as opened:
        assert opened.search(vectors[:1], 10) is None
        until(lambda: opened.state == "building")
        ready(opened)
        assert_equal(opened, exact, some_queries(vectors))
    assert cache.manifests(folder)


def test_it_is_used_where_exact_search_is_slow(folder, vectors, monkeypatch):
    exact = exact_of(vectors)
    with near(folder, exact, when=None) as opened:
        time.sleep(0.1)
        assert opened.state == "exact"
    with near(folder, exact, when=False) as opened:
        assert opened.state == "exact" and opened.search(vectors[:1], 10) is None
        opened.added(np.array([1]))
    monkeypatch.setattr(worth, "_LEAST_NUMBERS", 1)
    monkeypatch.setattr(worth, "SLOW_S", 0.0)
    with near(folder, exact, when=None) as opened:
        ready(opened)
    assert worth.seconds(exact) > 0


def test_what_changed_since_is_brought_in(folder, vectors):
    """The saved graph holds 2,000; 150 of them have gone, and 150 have come."""
    exact = exact_of(np.concatenate([vectors, clustered(150, DIM, seed=8)[0]]))
    exact.remove(np.arange(1, 151))
    with near(folder, exact) as opened:
        ready(opened)
        assert_equal(opened, exact, some_queries(vectors))  # at once
        until(lambda: not len(opened._slot.served.pending))
        graph = opened._slot.served.graph
        assert sorted(graph.ids().tolist()) == exact.ids().tolist()
        assert_equal(opened, exact, some_queries(clustered(150, DIM, seed=8)[0]))


def test_additions_and_removals_count_at_once(folder, vectors):
    exact = exact_of(vectors)
    more = clustered(100, DIM, seed=4)[0]
    with near(folder, exact) as opened:
        ready(opened)
        for step, vector in enumerate(more):
            new, old = np.array([COUNT + 1 + step]), np.array([1 + step])
            exact.add(new, vector[None])
            opened.added(new)
            found = opened.search(vector[None], 1) or exact.search(vector[None], 1)
            assert found[0][0][0] == new[0]
            exact.remove(old)
            opened.removed(old)
            found = opened.search(vectors[step][None], 10) or exact.search(vectors[step][None], 10)
            assert old[0] not in found[0][0]
        assert_equal(opened, exact, some_queries(vectors))
        assert opened.notes == []


def test_after_a_bulk_erasure_exact_search_serves_until_another_is_built(folder, truth, table):
    vectors, which = table
    gone = 1 + np.flatnonzero(which == which[0])
    with near(folder, truth.exact) as opened:
        ready(opened)
        for start in range(0, len(gone), 64):
            opened.removed(truth.remove(gone[start : start + 64]))
            opened.removed(np.empty(0, np.int64), bulk=True)
            assert opened.search(vectors[:1], 10) is None and opened.state != "hnsw"
        ready(opened)
        assert_equal(opened, truth.exact, vectors[gone[:50] - 1], by_graph=False)
        assert_equal(opened, truth.exact, vectors[truth.exact.ids()[:50] - 1])
        assert opened._slot.served.graph.deleted == 0
    assert [path.stem for path in cache.manifests(folder)] == ["hnsw-1-2"]


def test_an_erasure_before_the_start_is_no_hole(folder, table):
    vectors, which = table
    exact = exact_of(vectors)
    gone = 1 + np.flatnonzero(which == which[0])
    exact.remove(gone)
    with near(folder, exact) as opened:
        ready(opened)
        for place in gone[:50] - 1:  # a query in the hole may be answered exactly
            assert_equal(opened, exact, vectors[place : place + 1], by_graph=False)
        assert_equal(opened, exact, vectors[exact.ids()[:50] - 1])


def test_many_removals_and_much_growth_renew_the_graph(folder, truth):
    more = clustered(1500, DIM, seed=6)[0]
    with near(folder, truth.exact) as opened:
        ready(opened)
        for start in range(1, 501, 50):
            opened.removed(truth.remove(np.arange(start, start + 50)))
        until(lambda: cache.manifests(folder)[0].stem == "hnsw-1-2")
        until(lambda: opened._slot.served and opened._slot.served.graph.deleted == 0)
        opened.added(truth.add(more))
        until(lambda: cache.manifests(folder)[0].stem == "hnsw-1-3")
        assert_equal_soon(opened, truth.exact, some_queries(more))
        assert opened.notes == []


def assert_equal_soon(opened, exact, queries):
    until(lambda: opened.search(queries, 10) is not None, lambda: (opened.state, opened.notes))
    assert_equal(opened, exact, queries)


DAMAGE = {
    "cut": lambda path: os.truncate(path.with_suffix(".bin"), 5000),
    "flipped": lambda path: flip(path.with_suffix(".bin"), 200_000),
    "no file": lambda path: path.with_suffix(".bin").unlink(),
    "no manifest": lambda path: path.write_bytes(b""),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


def flip(path, place):
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 4]))


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_cache_is_set_aside_and_built_anew(folder, vectors, kind):
    DAMAGE[kind](cache.manifests(folder)[0])
    exact = exact_of(vectors)
    with near(folder, exact) as opened:
        ready(opened)
        assert_equal(opened, exact, some_queries(vectors))
        assert "is not used" in opened.notes[0] and len(opened.notes) == 1
    assert any((folder / "quarantine").iterdir())


def test_a_reader_loads_and_touches_nothing(folder, vectors):
    exact = exact_of(vectors)
    with near(folder, exact, may_build=False) as opened:
        ready(opened)
        assert_equal(opened, exact, some_queries(vectors))
    flip(folder / "cache/hnsw-1-1.bin", 200_000)
    before = sorted(path.name for path in folder.rglob("*"))
    with near(folder, exact, may_build=False) as opened:
        until(lambda: opened.notes)
        assert "is not used" in opened.notes[0]
        time.sleep(0.05)
        assert opened.search(vectors[:1], 10) is None and opened.state == "exact"
    assert sorted(path.name for path in folder.rglob("*")) == before


def test_a_graph_of_other_vectors_is_refused(folder):
    """Ids are used twice when an old database is brought back."""
    exact = exact_of(clustered(COUNT, DIM, seed=77)[0])
    with near(folder, exact, may_build=False) as opened:
        until(lambda: opened.notes)
        assert "other vectors" in opened.notes[0]


def test_one_of_another_version_of_hnswlib_is_refused(folder, vectors, monkeypatch):
    monkeypatch.setattr("edgeclip.index.served.version", lambda: "9.9")
    with near(folder, exact_of(vectors), may_build=False) as opened:
        until(lambda: opened.notes)
        assert "hnswlib 0.8.0 made it" in opened.notes[0]


def test_an_error_of_the_graph_is_told_once_and_exact_search_serves(folder, vectors, monkeypatch):
    exact = exact_of(vectors)
    with near(folder, exact) as opened:
        ready(opened)

        def fail(*args, **more):
            raise GraphError("hnswlib failed (it is ill)")

        monkeypatch.setattr(Graph, "search", fail)
        assert opened.search(vectors[:1], 10) is None
        assert opened.search(vectors[:1], 10) is None
        assert opened.state == "exact"
        assert len(opened.notes) == 1 and "it is ill" in opened.notes[0]


def test_without_hnswlib_it_says_so_once(folder, vectors, monkeypatch):
    monkeypatch.setitem(sys.modules, "hnswlib", None)
    with near(folder, exact_of(vectors)) as opened:
        until(lambda: opened.notes)
        assert "pip install 'edgeclip[hnsw]'" in opened.notes[0] and len(opened.notes) == 1
        assert opened.search(vectors[:1], 10) is None and opened.state == "exact"


def test_a_graph_that_finds_too_little_is_not_served(folder, vectors, monkeypatch):
    monkeypatch.setattr("edgeclip.index.served.tiers", lambda *given: [])
    with near(folder, exact_of(vectors)) as opened:
        until(lambda: opened.notes)
        assert "finds too little" in opened.notes[0]
        assert opened.search(vectors[:1], 10) is None
        assert opened._keeper._patience.left_s > 30  # it is not built again and again


def test_how_hard_a_graph_must_search_is_measured_once(folder, vectors, monkeypatch):
    exact = exact_of(vectors)
    measured = []
    monkeypatch.setattr(
        "edgeclip.index.served.tiers",
        lambda *given: measured.append(len(given[0])) or effort.tiers(*given),
    )
    with near(folder, exact, may_build=False) as opened:  # a reader keeps nothing
        ready(opened)
        first = opened._slot.served.measured
    assert len(measured) == 1 and not list(folder.glob("cache/*.tiers"))
    for _ in range(2):
        with near(folder, exact) as opened:
            ready(opened)
            assert opened._slot.served.measured == first
            assert_equal(opened, exact, some_queries(vectors))
    assert len(measured) == 2 and [path.stem for path in folder.glob("cache/*.tiers")] == [
        "hnsw-1-1"
    ]
    with near(folder, exact, may_build=False) as opened:
        ready(opened)
        assert opened._slot.served.measured == first
    assert len(measured) == 2
    fewer = exact_of(vectors)
    fewer.remove(exact.ids()[::20])
    with near(folder, fewer) as opened:
        ready(opened)
    assert len(measured) == 3


def kinds_of_queries(vectors, count=320):
    """Return queries like pictures, like words that fit some, and like words that fit nothing."""
    random = np.random.default_rng(3)
    noise = unit(random.standard_normal((count, vectors.shape[1])))
    near = unit(vectors[:count] + 0.5 * noise)
    away = unit(random.standard_normal((2, vectors.shape[1])))
    words = unit(0.35 * near + 0.8 * away[0] + 0.3 * noise)
    return near, words, unit(0.15 * near + 0.8 * away[1] + 0.4 * noise[::-1])


def test_queries_of_every_kind_find_enough_before_and_after_they_were_measured(tmp_path):
    vectors = clustered(4000, 64, clusters=100)[0]
    vectors[::5] = unit(np.random.default_rng(4).standard_normal((800, 64)))  # that stand alone
    vectors = vectors.astype(np.float16).astype(np.float32)
    folder, exact = made_index(tmp_path / "index", vectors), exact_of(vectors)
    build.build(folder)
    by_graph = 0
    with near(folder, exact) as opened:
        ready(opened)
        kinds = kinds_of_queries(vectors)
        # So many are asked until it measures again.
        for kind, more in zip(kinds, (64, 128, 256), strict=True):
            before = opened._slot.served.measured
            by_graph += assert_each_finds_enough(opened, exact, kind[:more])
            until(lambda before=before: opened._slot.served.measured is not before)
            opened._keeper.evidence._new_asked = -1000
            for again in kinds:
                by_graph += assert_each_finds_enough(opened, exact, again[256:])
            opened._keeper.evidence._new_asked = 0
    assert by_graph > 400


def assert_each_finds_enough(opened, exact, queries):
    """Ask one by one, and return how many the graph has answered."""
    found = [opened.search(query[None], 10) for query in queries]
    truth = exact.search(queries, 10)
    answers = [each[0] if each else own for each, own in zip(found, truth, strict=True)]
    shares = effort.recalls(truth, answers)
    assert shares.mean() >= 0.99 and shares.min() >= 0.7
    return sum(each is not None for each in found)


def test_a_graph_that_has_grown_is_measured_again(folder, truth, vectors):
    more = clustered(300, DIM, seed=6)[0]
    with near(folder, truth.exact) as opened:
        ready(opened)
        assert opened._slot.served.measured.size == COUNT
        opened.added(truth.add(more))
        until(lambda: opened._slot.served.measured.size > 1.1 * COUNT)
        until(lambda: not len(opened._slot.served.pending))
        assert not opened._slot.served.outgrown
        assert_equal(opened, truth.exact, some_queries(more))


def test_a_build_that_fails_is_told(folder, vectors):
    shutil.rmtree(folder / "cache")
    (folder / "cache").write_text("in the way")
    with near(folder, exact_of(vectors)) as opened:
        until(lambda: opened.notes)
        assert "cannot be written" in opened.notes[0]
        until(lambda: opened.state == "exact")


def test_too_little_memory_is_told(folder, vectors, monkeypatch):
    monkeypatch.setattr(keeper, "too_big", lambda count, dim: "it takes 9 MB of memory")
    with near(folder, exact_of(vectors)) as opened:
        until(lambda: opened.notes)
        assert "9 MB" in opened.notes[0] and opened.search(vectors[:1], 10) is None


def test_filters_are_obeyed(folder, vectors):
    exact = exact_of(vectors)
    among = np.arange(2, COUNT + 1, 2)
    with near(folder, exact) as opened:
        ready(opened)
        exact.add(np.array([COUNT + 1, COUNT + 2]), vectors[:2])
        opened.added(np.array([COUNT + 1, COUNT + 2]))
        found = opened.search(vectors[:50], 10, lambda id_: id_ % 2 == 0)
        assert all((ids % 2 == 0).all() for ids, _ in found)
        truth = exact.search(vectors[:50], 10, np.append(among, COUNT + 2))
        assert recall(truth, found) >= 0.99
        assert opened.search(vectors[:1], 10, {5}.__contains__) is None


def test_another_truth_takes_over(folder, vectors):
    with near(folder, exact_of(vectors[:0])) as opened:
        time.sleep(0.05)
        assert opened.state == "exact"
        exact = exact_of(vectors)
        opened.replaced(identity(folder), exact)
        ready(opened)
        assert_equal(opened, exact, some_queries(vectors))


def test_it_closes_at_once_while_a_child_builds(tmp_path):
    folder = made_index(tmp_path / "index", clustered(8000, 64)[0])
    with near(folder, exact_of(clustered(8000, 64)[0])) as opened:
        until(lambda: list((folder / "cache").glob("lock")))
        since = time.monotonic()
        opened.close()
        assert time.monotonic() - since < 5
    assert not opened._keeper._thread.is_alive()


def test_four_threads_change_and_search_while_it_is_renewed(folder, truth, vectors):
    exact = truth.exact
    more = clustered(3000, DIM, seed=12)[0]
    failures, done, writing = [], threading.Event(), threading.Lock()
    answered = [0]

    def add():
        for start in range(0, 3000, 20):
            with writing:
                opened.added(truth.add(more[start : start + 20]))
            if done.wait(0.02):
                return

    def remove():
        for start in range(1, COUNT, 5):
            with writing:
                opened.removed(truth.remove(np.arange(start, start + 5)), bulk=start == 501)
            if done.wait(0.02):
                return

    def search():
        random = np.random.default_rng(threading.get_ident())
        while not done.is_set():
            queries = vectors[random.integers(0, COUNT, 5)]
            with writing:  # the truth stands still
                found, truth = opened.search(queries, 10), exact.search(queries, 10)
            if found is not None:
                answered[0] += 1
                if recall(truth, found) < 0.9:
                    failures.append(recall(truth, found))
            opened.search(queries, 10)  # and while it does not

    with near(folder, exact) as opened:
        ready(opened)
        threads = [threading.Thread(target=work) for work in (add, remove, search, search)]
        for thread in threads:
            thread.start()
        time.sleep(3)
        done.set()
        for thread in threads:
            thread.join()
        assert not failures and answered[0] > 50
        assert_equal_soon(opened, exact, some_queries(more))
        assert opened.notes == []
