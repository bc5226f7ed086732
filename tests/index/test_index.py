import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from edgeclip import errors
from edgeclip.index.index import Index
from tests.index.some import DIM, SPACE, opened, units, vector_of


def test_bad_item_costs_only_itself(tmp_path):
    with opened(tmp_path / "i") as index:
        items = [(f"{n}", vector_of(n)) for n in range(100)]
        items[80] = ("80", vector_of(80) * 2)
        with pytest.raises(errors.InvalidItem):
            index.add_many(items)
        assert len(index) == 80


def test_source_that_fails_costs_nothing_that_came_before(tmp_path):
    def source():
        yield from ((f"{n}", vector_of(n)) for n in range(70))
        raise KeyboardInterrupt

    with opened(tmp_path / "i") as index:
        with pytest.raises(KeyboardInterrupt):
            index.add_many(source())
        assert len(index) == 70


def test_vectors_of_another_dim_are_refused(tmp_path):
    with opened(tmp_path / "i") as index:
        assert index.dim is None and index.search(vector_of(0)) == []
        index.add("a", vector_of("a"))
        assert index.dim == DIM
        for call in (index.search, lambda vector: index.add("b", vector)):
            with pytest.raises(errors.InvalidItem):
                call(vector_of("b", 16))
    with opened(tmp_path / "i", None) as index:
        assert index.dim == DIM and list(index) == ["a"]


@pytest.mark.parametrize("vector", [[np.nan] * DIM, [np.inf] * DIM, [0.0] * DIM, [1.0] * DIM])
def test_vectors_that_cannot_be_compared_are_refused(vector, tmp_path):
    with opened(tmp_path / "i") as index:
        index.add("a", vector_of("a"))
        with pytest.raises(errors.InvalidItem):
            index.add("b", vector)
        with pytest.raises(errors.InvalidItem):
            index.search(vector)
        assert len(index) == 1


@pytest.mark.parametrize("option", [{"count": 0}, {"count": -1}, {"min_score": 2}])
@pytest.mark.parametrize("where", [None, {"n": 1}])
def test_searches_that_make_no_sense(option, where, tmp_path):
    with opened(tmp_path / "i") as index, pytest.raises(ValueError):
        index.search(vector_of(0), where=where, **option)


def test_counts_and_scores_at_their_limits(tmp_path):
    with opened(tmp_path / "i") as index:
        index.add_many((f"{n}", vector_of(n)) for n in range(5))
        assert len(index.search(vector_of(0), count=10**9)) == 5
        assert [m.key for m in index.search(vector_of(0), min_score=0.99)] == ["0"]
        assert index.search(-vector_of(0), min_score=1.0) == []
        with pytest.raises(ValueError):
            index.search(vector_of(0), min_score=float("nan"))


def test_metadata_comes_back_with_matches(tmp_path):
    known = {"at": datetime(2026, 5, 1), "big": 10**40, "x": np.float32(0.5), "in": {"a": [None]}}
    plain = {"at": "2026-05-01T00:00:00", "big": 10**40, "x": 0.5, "in": {"a": [None]}}
    with opened(tmp_path / "i") as index:
        index.add("a", vector_of("a"), known)
        assert index.search(vector_of("a"))[0].metadata == plain
        assert index.get("a").metadata == plain
        assert index.count({"at": datetime(2026, 5, 1), "big": {">": 10**39}, "in.a": "x"}) == 0
        assert index.count({"at": datetime(2026, 5, 1), "big": {">": 10**39}}) == 1


def test_closed_index_says_so(tmp_path):
    index = opened(tmp_path / "i")
    index.close()
    index.close()
    for call in (lambda: len(index), lambda: index.add("a", vector_of(0)), lambda: list(index)):
        with pytest.raises(errors.StoreError, match="is closed"):
            call()


def test_space_is_wanted_for_a_new_index(tmp_path):
    with pytest.raises(errors.StoreNotFound, match="Make one"):
        opened(tmp_path / "i", None)
    assert not (tmp_path / "i").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.StoreError):
        opened(tmp_path / "file")


OPENED_OFTEN = """
import gc, os, sys, tracemalloc
from pathlib import Path
from tests.index.some import opened, vector_of

def held():
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    resident = pages * os.sysconf("SC_PAGE_SIZE")
    return len(os.listdir("/proc/self/fd")), tracemalloc.get_traced_memory()[0], resident

tracemalloc.start()

folder = Path(sys.argv[1])
with opened(folder) as index:
    index.add_many((f"{n}", vector_of(n)) for n in range(100))
for cycle in range(300):
    with opened(folder, read_only=cycle % 2 == 0) as index:
        index.search(vector_of(cycle))
    if cycle == 50:
        before = held()
print(*(after - before for before, after in zip(before, held())))
"""


def test_opening_again_and_again_costs_nothing(tmp_path):
    # In a process of its own: what other tests have left to the allocator would be counted.  The C
    # library gives large pieces back at once when it is told their size; else it keeps some.
    command = [sys.executable, "-c", OPENED_OFTEN, str(tmp_path / "i")]
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "131072"}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    descriptors, allocated, resident = map(int, found.stdout.split())
    assert descriptors == 0
    assert allocated < 1 << 18
    assert resident < 16 << 20


def test_graph_is_built_on_demand_and_once(tmp_path, monkeypatch):
    monkeypatch.setattr("edgeclip.index.worth.SLOW_S", 0.0)
    monkeypatch.setattr("edgeclip.index.worth._LEAST_NUMBERS", 1)
    with opened(tmp_path / "i", hnsw=False) as index:
        assert not index.needs_graph()  # there is nothing to search in
        index.add_many((f"{n}", vector_of(n)) for n in range(1000))
        assert index.needs_graph()
        index.build_graph(lambda: True)  # who waits no longer has none
        assert index.needs_graph()
        index.build_graph()
        assert not index.needs_graph() and index.notes == []
        assert index.search_by == "exact"  # as it was opened
    saved = list((tmp_path / "i/cache").glob("hnsw-*.bin"))
    assert len(saved) == 1
    with opened(tmp_path / "i", hnsw=None) as index:
        assert not index.needs_graph()
        index.remove_many(f"{n}" for n in range(250))
        assert index.needs_graph()
        index.build_graph()
        assert not index.needs_graph() and index.search_by == "hnsw"
    assert list((tmp_path / "i/cache").glob("hnsw-*.bin")) != saved
    with opened(tmp_path / "i", None, read_only=True) as reader:
        assert not reader.needs_graph()


@pytest.fixture
def large(tmp_path, monkeypatch):
    """The folder of an index with a saved graph, on a board where exact search is slow."""
    monkeypatch.setattr("edgeclip.index.worth.SLOW_S", 0.0)
    monkeypatch.setattr("edgeclip.index.worth._LEAST_NUMBERS", 1)
    with opened(tmp_path / "i") as index:
        index.add_many((f"{n}", vector_of(n)) for n in range(1000))
        index.build_graph()
    return tmp_path / "i"


@pytest.mark.parametrize("damage", ["zeroed", "gone"])
def test_damaged_graph_is_built_again(large, damage):
    (graph,) = (large / "cache").glob("hnsw-*.bin")
    if damage == "gone":
        graph.unlink()
    else:
        data = graph.read_bytes()
        graph.write_bytes(data[:50_000] + bytes(4096) + data[54_096:])
    with opened(large, None) as index:
        assert index.needs_graph()
        index.build_graph()
        assert not index.needs_graph()
        assert len(index.notes) == 1 and "is not used" in index.notes[0]


def test_graph_of_another_version_is_not_good_enough(large, monkeypatch):
    with opened(large, None) as index:
        assert not index.needs_graph()
        monkeypatch.setattr("edgeclip.index.approximate.version", lambda: "9.9")
        assert index.needs_graph()


def test_no_graph_is_needed_where_none_can_be(large, monkeypatch):
    with opened(large, None) as index:
        index.add_many((f"more{n}", vector_of(f"more{n}")) for n in range(1000))
        assert index.needs_graph()
        with monkeypatch.context() as patch:
            patch.setattr("edgeclip.index.approximate.too_big", lambda *_: "it is too big")
            assert not index.needs_graph()
        with monkeypatch.context() as patch:
            patch.setattr("edgeclip.index.approximate.is_installed", lambda: False)
            assert not index.needs_graph()


def test_graph_is_built_while_others_write(large):
    stop = threading.Event()

    def write():
        number = 0
        while not stop.wait(0.001):
            index.add(f"more{number}", vector_of(f"more{number}"))
            number += 1

    with opened(large, None, hnsw=True) as index:
        writer = threading.Thread(target=write)
        writer.start()
        try:
            index.remove_many(f"{n}" for n in range(300))
            index.build_graph()
        finally:
            stop.set()
            writer.join()
        assert index.search_by == "hnsw"


WRITTEN = """
import sys
from pathlib import Path
from tests.index.some import opened, units

def written():
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])

with opened(Path(sys.argv[1])) as index:
    before = written()
    vectors = units(3000, 512)
    index.add_many((f"2026/05/{n:06}.jpg", v, {"n": n}) for n, v in enumerate(vectors))
print((written() - before) / 3000)
"""


def test_bytes_written_for_an_item(tmp_path_factory):
    if not Path("/proc/self/io").exists():
        pytest.skip("nobody counts what is written")
    command = [sys.executable, "-c", WRITTEN, str(tmp_path_factory.mktemp("disk") / "i")]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    if not float(found.stdout):
        pytest.skip("this file system counts nothing")
    assert 1024 < float(found.stdout) < 6 * 1024


def test_index_can_be_opened_by_its_documented_call(tmp_path):
    with Index.open(
        str(tmp_path / "i"), SPACE, model="tiny", hnsw=False, precision="int8"
    ) as index:
        index.add("a.jpg", vector_of(1), metadata={"camera": "door"}, content_hash=b"h" * 32)
        assert index.model == "tiny" and index.space == SPACE and not index.read_only
        assert index.get("a.jpg").content_hash == b"h" * 32
        assert index.search(vector_of(1), count=5, where={"camera": "door"})[0].key == "a.jpg"
    with pytest.raises(ValueError, match="precision"):
        opened(tmp_path / "i", precision="fp16")


def test_folder_may_be_given_in_many_ways(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with opened(Path("i%20 ?#x")) as index:
        index.add("a", vector_of("a"))
    with opened(tmp_path / "i%20 ?#x", None, read_only=True) as index:
        assert "a" in index


def test_a_key_whose_vector_changes_is_there_at_every_moment(tmp_path):
    with opened(tmp_path / "i") as index:
        index.add_many((f"{n}", vector_of(n)) for n in range(50))
        done, missed = threading.Event(), Counter()

        def look() -> None:
            while not done.is_set():
                missed["get"] += index.get("7") is None
                missed["in"] += "7" not in index
                missed["len"] += len(index) != 50
                found = [match.key for match in index.search(vector_of("7"), count=60)]
                missed["search"] += len(found) != 50
                missed["twice"] += len(set(found)) != len(found)
                missed["similar"] += not index.similar("7", count=1)

        reader = threading.Thread(target=look)
        reader.start()
        for n in range(300):
            index.add("7", vector_of(f"7 {n}"))
        done.set()
        reader.join()
        assert not +missed


def test_a_deleted_folder_is_noticed_at_the_next_write(tmp_path):
    index = opened(tmp_path / "i")
    index.add("a", vector_of("a"))
    shutil.rmtree(tmp_path / "i")
    with pytest.raises(errors.StoreError, match="deleted or replaced"):
        index.add("b", vector_of("b"))
    index.close()


def test_a_reader_never_answers_from_another_space(tmp_path):
    with opened(tmp_path / "i") as index:
        index.add("a", vector_of("a"))
    with opened(tmp_path / "other", "6" * 64) as index:
        index.add("b", vector_of("b"))
    with opened(tmp_path / "i", None, read_only=True) as reader:
        assert len(reader.search(vector_of("a"))) == 1
        shutil.rmtree(tmp_path / "i")
        (tmp_path / "other").rename(tmp_path / "i")
        with pytest.raises(errors.SpaceMismatch):
            reader.search(vector_of("a"))


def test_one_and_many_are_not_mixed_up(tmp_path):
    with opened(tmp_path / "i") as index:
        index.add("a", vector_of("a"))
        assert index.search_many([]) == []
        with pytest.raises(TypeError, match="many keys"):
            index.remove_many("a")
        with pytest.raises(TypeError):
            index.search(vector_of("a"), count=2.5)
        with pytest.raises(TypeError, match="space id"):
            Index.open(tmp_path / "j", "")
        assert not (tmp_path / "j").exists()


@pytest.mark.parametrize("texts", [16, "short", "nan"])
def test_only_vectors_of_this_space_are_learned(texts, tmp_path):
    def embedded(asked):
        vectors = units(len(asked), texts if texts == 16 else DIM)
        if texts == "nan":
            vectors[3] = np.nan
        return vectors[:-1] if texts == "short" else vectors

    with opened(tmp_path / "i") as index:
        index.add("a", vector_of("a"))
        with pytest.raises(errors.InvalidItem):
            index.learn(embedded)
        assert index.judge(vector_of("a"), 0.5) is None
        assert index.learn(lambda asked: units(len(asked)))
        assert index.judge(vector_of("a"), 0.5) is not None
    with opened(tmp_path / "i") as index:
        assert index.judge(vector_of("a"), 0.5) is not None


def test_what_cannot_be_derived_does_not_keep_it_from_closing(tmp_path, monkeypatch):
    index = opened(tmp_path / "i")
    index.add("a", vector_of("a"))

    def broken() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(index._contents._derived, "last", broken)
        with pytest.raises(KeyboardInterrupt):
            index.close()
    with opened(tmp_path / "i") as index:  # the lock is free
        assert "a" in index


def test_a_long_log_of_changes_is_forgotten_and_readers_follow_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("edgeclip.index.store._MOST_CHANGES", 10)
    with opened(tmp_path / "i") as index:
        index.add("a", vector_of("a"))
        with opened(tmp_path / "i", read_only=True) as reader:
            for n in range(20):
                index.update("a", {"n": n})
            index.close()
            with opened(tmp_path / "i") as again:
                assert again._contents.store().select("SELECT count(*) FROM change") == [(0,)]
                again.add("b", vector_of("b"))
                assert reader.get("a").metadata == {"n": 19} and set(reader) == {"a", "b"}
                assert reader.count({"n": 19}) == 1
