"""Groups that pictures join and leave, against a list of their members."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeclip.index.centroids import Centroids, add_to
from edgeclip.index.groups import cluster
from edgeclip.vectors import unit


class Members:
    """The same groups, each a list of vectors whose centroid is worked out every time."""

    def __init__(self, threshold, highest=-1):
        self.threshold, self.groups, self.highest = threshold, {}, highest

    def assign(self, vector):
        cosines = {n: float(unit(np.sum(rows, 0)) @ vector) for n, rows in self.groups.items()}
        best = max(sorted(cosines), key=cosines.get, default=None)
        if best is None or cosines[best] < self.threshold:
            self.highest += 1
            best = self.highest
        self.groups.setdefault(best, []).append(vector)
        return best

    def remove(self, number, place):
        self.groups[number].pop(place)
        left = np.array(self.groups[number], np.float32)
        if not len(left):
            del self.groups[number]
        return left

    def again(self):
        """Return the same groups, summed up anew from their members in another order."""
        ours = Centroids(8, self.threshold, self.highest)
        pairs = [(number, row) for number, rows in self.groups.items() for row in rows]
        pieces = [pairs[0::2], pairs[1::2]]
        ours.fill(
            np.array(sorted(self.groups), np.int64),
            [(np.array([n for n, _ in p]), np.array([v for _, v in p])) for p in pieces if p],
        )
        return ours


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32),
    st.lists(st.sampled_from(["assign", "assign", "remove", "again"]), max_size=60),
)
def test_against_lists_of_members(seed, steps):
    rng = np.random.default_rng(seed)
    ours, plain = Centroids(8, 0.7), Members(0.7)
    for step in steps:
        if step == "assign":
            vector = unit(rng.standard_normal(8) + np.eye(8)[rng.integers(0, 3)] * 3)
            assert ours.assign(vector) == plain.assign(vector)
        elif step == "remove" and plain.groups:
            number = int(rng.choice(list(plain.groups)))
            ours.remake(number, plain.remove(number, int(rng.integers(len(plain.groups[number])))))
        elif step == "again":
            ours = plain.again()
        assert ours.highest == plain.highest


def test_groups_of_cluster_are_taken_over():
    rng = np.random.default_rng(0)
    vectors = unit(rng.standard_normal((200, 8)))
    labels = cluster(vectors, 0.5)
    ours, plain = Centroids(8, 0.5), Members(0.5, int(labels.max()))
    ours.fill(np.arange(labels.max() + 1), [(labels, vectors)])
    plain.groups = {n: list(vectors[labels == n]) for n in range(labels.max() + 1)}
    for vector in unit(rng.standard_normal((200, 8))):
        assert ours.assign(vector) == plain.assign(vector)


def test_numbers_are_never_given_twice():
    ours = Centroids(2)
    assert [ours.assign(row) for row in np.eye(2, dtype=np.float32)] == [0, 1]
    ours.remake(1, np.empty((0, 2), np.float32))
    assert ours.assign(np.array([0, 1], np.float32)) == 2
    ours = Centroids(2, highest=7)
    ours.fill(np.array([4]), [(np.array([4]), np.eye(1, 2, dtype=np.float32))])
    assert ours.assign(np.array([0, 1], np.float32)) == 8


def test_a_vector_joins_from_the_threshold_on_and_the_lowest_of_equally_near_groups():
    ours = Centroids(2, 0.5)
    ours.fill(np.array([3, 7]), [(np.array([7, 3]), np.eye(2, dtype=np.float32))])
    assert ours.assign(unit([1, 1])) == 3
    exact = Centroids(2, 1.0)
    assert exact.assign(np.array([1, 0], np.float32)) == 0
    assert exact.assign(np.array([1, 0], np.float32)) == 0
    assert exact.assign(np.array([1, 1e-3], np.float32)) == 1


def test_a_great_group_that_grows_and_shrinks_is_as_good_as_new():
    rng = np.random.default_rng(2)
    rows = unit(np.eye(8)[0] + rng.standard_normal((20_000, 8)) * 0.1)
    ours = Centroids(8, 0.0)
    for row in rows:
        ours.assign(row)
    expected = unit(rows.sum(axis=0, dtype=np.float64))
    np.testing.assert_allclose(unit(ours._sums[0]), expected, atol=1e-6)
    ours.remake(0, rows[:2])
    np.testing.assert_array_equal(unit(ours._sums[0]), unit(rows[:2].sum(axis=0)))


def test_many_groups_come_and_go_in_one_place():
    rng = np.random.default_rng(3)
    vectors = unit(rng.standard_normal((400, 64)))
    ours = Centroids(64, 0.9)
    assert [ours.assign(vector) for vector in vectors] == list(range(400))
    for number in range(0, 400, 2):
        ours.remake(number, vectors[:0])
    assert [ours.assign(vector) for vector in vectors[1::2]] == list(range(1, 400, 2))
    assert ours.assign(vectors[0]) == 400
    with pytest.raises(KeyError):
        ours.remake(0, vectors[:0])


def test_vectors_of_another_shape_or_without_direction_are_refused():
    ours = Centroids(3)
    for shape in ((2,), (1, 3)):
        with pytest.raises(ValueError, match="the groups hold vectors"):
            ours.assign(np.ones(shape, np.float32))
    with pytest.raises(ValueError, match="no direction"):
        ours.assign(np.zeros(3, np.float32))
    assert ours.highest == -1


def test_sums_of_more_rows_than_are_taken_at_once():
    rng = np.random.default_rng(3)
    vectors = rng.uniform(1, 2, (5_000, 3)).astype(np.float32)
    places = rng.integers(0, 4, 5_000)
    sums = np.zeros((4, 3), np.float32)
    add_to(sums, places, vectors)
    for place in range(4):
        expected = unit(vectors[places == place]).sum(0, dtype=float)
        np.testing.assert_allclose(sums[place], expected, rtol=1e-6)
