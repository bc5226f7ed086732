"""Groups that are kept with an index: joined as pictures arrive, the same after any stop."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from edgeclip.index import grouping
from edgeclip.index.centroids import THRESHOLD
from edgeclip.index.changes import Setting, Statement
from edgeclip.index.groups import cluster
from edgeclip.index.index import Index
from edgeclip.vectors import unit
from tests.index.some import opened, units
from tests.index.test_centroids import Members
from tests.patience import PATIENCE_S

CENTRES = units(12, seed=3)


def near(count: int, seed: int):
    """Vectors around the centres, and which centre each is near."""
    random = np.random.default_rng(seed)
    chosen = random.integers(0, len(CENTRES), count)
    return unit(CENTRES[chosen] + 0.3 * units(count, seed=seed + 100)), chosen


def partition(index: Index, threshold: float | None = None):
    return {group.number: frozenset(group.keys) for group in index.groups(threshold)}


def fill(index: Index, vectors, start: int = 0) -> None:
    index.add_many((f"{start + i:04}", vector) for i, vector in enumerate(vectors))


def test_groups_are_those_of_the_plain_function(tmp_path):
    vectors, _ = near(150, 1)
    with opened(tmp_path / "i") as index:
        fill(index, vectors)
        keys, kept = index.vectors()
        labels = cluster(kept, 0.8)
        expected = {
            frozenset(key for key, label in zip(keys, labels, strict=True) if label == one)
            for one in set(labels)
        }
        assert set(partition(index, 0.8).values()) == expected
        sizes = [len(group.keys) for group in index.groups()]
        assert sizes == sorted(sizes, reverse=True) and sum(sizes) == 150


def test_the_representative_is_the_nearest_to_the_centroid(tmp_path):
    with opened(tmp_path / "i") as index:
        fill(index, near(60, 2)[0])
        for group in index.groups():
            assert list(group.cosines) == sorted(group.cosines, reverse=True)
            vector = unit(index.get(group.keys[0]).vector)
            assert group.cosines[0] == pytest.approx(float(vector @ group.centroid), abs=1e-5)


def test_new_pictures_join_as_centroids_assign_them(tmp_path):
    first, _ = near(80, 3)
    later, _ = near(40, 4)
    with opened(tmp_path / "i") as index:
        fill(index, first)
        before = partition(index)
        oracle = Members(THRESHOLD, max(before))
        oracle.groups = {n: [index.get(key).vector for key in keys] for n, keys in before.items()}
        fill(index, later, start=80)
        expected = {n: set(members) for n, members in before.items()}
        for i in range(80, 120):
            joined = oracle.assign(index.get(f"{i:04}").vector)
            expected.setdefault(joined, set()).add(f"{i:04}")
        assert partition(index) == {n: frozenset(m) for n, m in expected.items()}


@pytest.mark.parametrize("clean", [True, False])
def test_they_are_the_same_after_a_stop(tmp_path, clean):
    with opened(tmp_path / "i") as index:
        fill(index, near(80, 5)[0])
        index.groups(0.75)
    index = opened(tmp_path / "i")
    fill(index, near(30, 6)[0], start=80)
    index.remove_many(["0003", "0085"])
    last = index.groups()[0].keys
    index.remove_many(last[1:])
    before = partition(index)
    if clean:
        index.close()
    else:  # as after a kill: nothing more is written, the lock is free
        index._contents._derived = type(index._contents._derived)(
            index._contents.store(), index._contents.memory()
        )
        index.close()
    with opened(tmp_path / "i") as index:
        assert partition(index) == before
    with opened(tmp_path / "i", read_only=True) as reader:
        assert partition(reader) == before


def test_a_group_ends_with_its_last_picture_and_its_number_is_not_used_again(tmp_path):
    with opened(tmp_path / "i") as index:
        fill(index, CENTRES)
        numbers = set(partition(index))
        assert numbers == set(range(len(CENTRES)))
        index.remove("0011")
        assert 11 not in partition(index)
    with opened(tmp_path / "i") as index:
        index.add("again", CENTRES[11])
        assert partition(index)[12] == {"again"}
        assert min(partition(index, 0.5)) > 12
        assert min(n for n in partition(index, 0.6)) > 24


def test_a_changed_picture_moves(tmp_path):
    with opened(tmp_path / "i") as index:
        fill(index, np.repeat(CENTRES[:2], 3, axis=0))
        a, b = (frozenset(f"{i:04}" for i in some) for some in (range(3), range(3, 6)))
        assert set(partition(index).values()) == {a, b}
        index.add("0000", CENTRES[1])
        assert set(partition(index).values()) == {a - {"0000"}, b | {"0000"}}


def test_a_reader_keeps_nothing(tmp_path):
    with opened(tmp_path / "i") as index:
        fill(index, near(40, 7)[0])
        with opened(tmp_path / "i", read_only=True) as reader:
            assert len(reader.groups(0.7)) == len(reader.groups(0.7))
            assert reader._contents.store().select("SELECT count(*) FROM member") == [(0,)]


def test_an_empty_index(tmp_path):
    with opened(tmp_path / "i") as index:
        assert index.groups() == [] and index.duplicates() == []
        index.add("a", CENTRES[0])
        assert [group.keys for group in index.groups()] == [("a",)]


@pytest.mark.parametrize("rotted", ["text", b"bytes", 7, -1e300, float("inf")])
def test_a_rotted_threshold_is_none(tmp_path, rotted):
    with opened(tmp_path / "i") as index:
        fill(index, near(60, 8)[0])
        before = partition(index)
        index.write([Setting("groups_threshold", rotted), Setting("groups_highest", "text")])
        index.write([Statement("UPDATE member SET cluster = 'text' WHERE id = 7")])
    with opened(tmp_path / "i") as index:
        fill(index, CENTRES, start=60)
        assert sum(map(len, partition(index).values())) == 72
        assert min(partition(index)) > max(before)


@pytest.mark.parametrize("read_only", [False, True])
def test_others_search_and_write_while_groups_are_made(tmp_path, monkeypatch, read_only):
    inside, go_on = threading.Event(), threading.Event()

    def slowly(vectors, threshold):
        inside.set()
        assert go_on.wait(PATIENCE_S)
        return cluster(vectors, threshold)

    monkeypatch.setattr(grouping, "cluster", slowly)
    with opened(tmp_path / "i") as writer, ThreadPoolExecutor() as pool:
        fill(writer, near(60, 9)[0])
        with opened(tmp_path / "i", read_only=True) as reader:
            index = reader if read_only else writer
            found = pool.submit(index.groups, 0.7)
            try:
                assert inside.wait(PATIENCE_S)
                writer.remove("0007")
                writer.add("0008", CENTRES[3])
                writer.add("new", CENTRES[0])
                assert index.search(CENTRES[0], count=1)[0].key == "new"
            finally:
                go_on.set()
            keys = [key for group in found.result(PATIENCE_S) for key in group.keys]
        expected = [f"{i:04}" for i in range(60) if i not in (7, 8)]
        assert sorted(keys) == (expected if read_only else sorted([*expected, "0008", "new"]))
        if not read_only:
            assert {g.number: frozenset(g.keys) for g in found.result()} == partition(writer)


def test_opening_and_asking_sums_nothing_up_and_writes_nothing(tmp_path):
    with opened(tmp_path / "i") as index:
        fill(index, near(60, 10)[0])
        index.groups()
    before = (tmp_path / "i" / "store.db").read_bytes()
    with opened(tmp_path / "i") as index:
        index.groups()
        index.search(CENTRES[0])
        assert index._contents._derived._grouping._centroids is None
    assert (tmp_path / "i" / "store.db").read_bytes() == before


def test_after_a_salvage_groups_are_made_anew_with_the_same_threshold(tmp_path):
    """Not by putting thousands of pictures into groups one by one; and with other numbers."""
    with opened(tmp_path / "i") as index:
        fill(index, near(500, 11)[0])
        before = partition(index, 0.7)
    damaged = bytearray((tmp_path / "i" / "store.db").read_bytes())
    damaged[7 * 4096 : 8 * 4096] = bytes(4096)
    (tmp_path / "i" / "store.db").write_bytes(damaged)
    with opened(tmp_path / "i") as index:
        assert "salvaged" in index.notes[0]
        fill(index, near(20, 12)[0], start=500)
        assert index._contents._derived._grouping is None
        labels = cluster(index.vectors()[1], 0.7)
        after = partition(index)
        assert len(after) == labels.max() + 1 and min(after) > max(before)


def test_groups_of_an_index_that_was_emptied_go_on(tmp_path):
    with opened(tmp_path / "i") as index:
        fill(index, CENTRES)
        index.groups()
        index.remove_many(list(index))
        fill(index, CENTRES)
        assert sorted(partition(index)) == list(range(12, 24))
        assert partition(index) == partition(index)


def test_duplicates_by_hash_and_by_cosine(tmp_path):
    vectors = units(5, seed=9)
    with opened(tmp_path / "i") as index:
        index.add("small.jpg", vectors[0], {"width": 10, "height": 10}, content_hash=b"a" * 32)
        index.add("large.jpg", vectors[0], {"width": 99, "height": 99}, content_hash=b"b" * 32)
        index.add("copy.jpg", vectors[1], content_hash=b"c" * 32)
        index.add("other.jpg", vectors[2], content_hash=b"c" * 32)
        index.add("alone.jpg", vectors[3])
        found = index.duplicates(0.99)
        assert [group.keys for group in found] == [
            ("copy.jpg", "other.jpg"),
            ("large.jpg", "small.jpg"),
        ]
        assert found[0].exact == {"other.jpg"} and not found[1].exact
