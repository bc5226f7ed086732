"""Groups that pictures join and leave, against a list of their members."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeclip.index.centroids import Centroids, parts, total_of
from edgeclip.index.groups import cluster
from edgeclip.vectors import unit


class Members:
    """The same groups, each a list of vectors whose centroid is worked out every time."""

    def __init__(self, threshold):
        self.threshold, self.groups, self.next = threshold, {}, 0

    def assign(self, vector):
        cosines = {n: float(unit(np.sum(rows, 0)) @ vector) for n, rows in self.groups.items()}
        best = max(cosines, key=cosines.get, default=None)
        if best is None or cosines[best] < self.threshold:
            self.groups[self.next] = [vector]
            self.next += 1
            return self.next - 1, True
        self.groups[best].append(vector)
        return best, False

    def remove(self, number, place):
        vector = self.groups[number].pop(place)
        if not self.groups[number]:
            del self.groups[number]
        return vector


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32),
    st.lists(st.sampled_from(["assign", "assign", "remove", "restart"]), max_size=60),
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
            vector = plain.remove(number, int(rng.integers(len(plain.groups[number]))))
            ours.remove(number, vector)
        elif step == "restart":
            ours = Centroids.restored(*ours.state(), 0.7)
        assert ours.numbers.tolist() == sorted(plain.groups)
        for number, rows in plain.groups.items():
            assert ours.count(number) == len(rows)
            np.testing.assert_allclose(ours.centroid(number), unit(np.sum(rows, 0)), atol=1e-5)


def test_groups_of_cluster_are_taken_over():
    rng = np.random.default_rng(0)
    vectors = unit(rng.standard_normal((200, 8)))
    labels = cluster(vectors, 0.5)
    ours = Centroids.of(vectors, labels, 0.5)
    assert ours.numbers.tolist() == list(range(labels.max() + 1))
    for number in ours.numbers.tolist():
        rows = vectors[labels == number]
        assert ours.count(number) == len(rows)
        np.testing.assert_allclose(ours.centroid(number), unit(rows.sum(axis=0)), atol=1e-6)
    assert ours.assign(-ours.centroid(0))[0] in range(labels.max() + 2)
    assert len(Centroids.of(np.zeros((0, 8), np.float32), np.zeros(0, np.int64))) == 0


def test_the_state_is_the_same_after_a_restart():
    rng = np.random.default_rng(1)
    ours = Centroids(16, 0.4)
    for _ in range(300):
        ours.assign(unit(rng.standard_normal(16)))
    numbers, counts, sums = ours.state()
    assert (numbers.dtype, counts.dtype, sums.dtype) == (np.int64, np.int64, np.float32)
    assert counts.sum() == 300 and np.all(np.diff(numbers) > 0)
    again = Centroids.restored(numbers, counts, sums, 0.4).state()
    for before, after in zip((numbers, counts, sums), again, strict=True):
        np.testing.assert_array_equal(before, after)


def test_numbers_are_never_given_twice_not_even_after_a_restart():
    ours = Centroids(2)
    assert [ours.assign(row) for row in np.eye(2, dtype=np.float32)] == [(0, True), (1, True)]
    ours.remove(1, np.eye(2, dtype=np.float32)[1])
    assert [part.tolist() for part in ours.state()] == [[0, 1], [1, 0], [[1, 0], [0, 0]]]
    ours = Centroids.restored(*ours.state())
    assert (len(ours), ours.numbers.tolist(), ours.count(1)) == (1, [0], 0)
    assert ours.assign(np.array([0, 1], np.float32)) == (2, True)


def test_only_what_changed_is_handed_out():
    ours = Centroids(2)
    for row in np.eye(2, dtype=np.float32):
        ours.assign(row)
    ours.remove(0, np.array([1, 0], np.float32))
    numbers, counts, sums = ours.state(only=[0])
    assert (numbers.tolist(), counts.tolist(), sums.tolist()) == ([0], [0], [[0, 0]])


def test_a_vector_joins_from_the_threshold_on_and_the_lowest_of_equally_near_groups():
    ours = Centroids.restored(np.array([7, 3]), np.array([1, 1]), np.eye(2), 0.5)
    assert ours.nearest(unit([1, 1])) == (3, pytest.approx(0.5**0.5))
    assert ours.assign(unit([1, 1])) == (3, False)
    exact = Centroids.restored(np.array([0]), np.array([1]), np.array([[1.0, 0.0]]), 1.0)
    assert exact.assign(np.array([1, 0], np.float32)) == (0, False)
    assert exact.assign(np.array([1, 1e-3], np.float32)) == (1, True)


def test_a_great_group_that_shrinks_is_as_good_as_new():
    """Sums in float32 would keep the rounding of a hundred thousand comings and goings."""
    rng = np.random.default_rng(2)
    rows = unit(np.eye(8)[0] + rng.standard_normal((20_000, 8)) * 0.1)
    ours = Centroids(8, 0.0)
    for row in rows:
        ours.assign(row)
    for row in rows[2:]:
        ours.remove(0, row)
    np.testing.assert_allclose(ours.centroid(0), unit(rows[:2].sum(axis=0)), atol=1e-6)


def test_nothing_is_near_when_there_are_no_groups():
    ours = Centroids(3)
    assert ours.nearest(np.ones(3, np.float32)) is None
    assert ours.numbers.tolist() == []
    assert [len(part) for part in ours.state()] == [0, 0, 0]
    with pytest.raises(KeyError):
        ours.centroid(0)
    with pytest.raises(KeyError):
        ours.remove(0, np.ones(3, np.float32))


def test_vectors_of_another_shape_or_without_direction_are_refused():
    ours = Centroids(3)
    for shape in ((2,), (1, 3)):
        with pytest.raises(ValueError, match="the groups hold vectors"):
            ours.assign(np.ones(shape, np.float32))
    with pytest.raises(ValueError, match="no direction"):
        ours.assign(np.zeros(3, np.float32))
    assert len(ours) == 0


@pytest.mark.parametrize(
    ("numbers", "counts", "sums"),
    [
        ([0], [1, 1], [[1, 0]]),
        ([0], [1], [1]),
        ([0, 0], [1, 1], [[1, 0], [0, 1]]),
        ([-1], [1], [[1, 0]]),
        ([0], [-1], [[1, 0]]),
        ([0], [1], [[float("nan"), 0]]),
        ([0], [1], [[float("inf"), 0]]),
    ],
)
def test_an_impossible_state_is_refused(numbers, counts, sums):
    with pytest.raises(ValueError, match=r"do not fit|impossible"):
        Centroids.restored(np.array(numbers), np.array(counts), np.array(sums, np.float32))


def test_long_lists_are_cut_without_loss():
    rows = np.arange(10_000)
    assert np.concatenate(list(parts(rows))).tolist() == rows.tolist()
    vectors = np.random.default_rng(3).uniform(1, 2, (10_000, 3)).astype(np.float32)
    np.testing.assert_allclose(
        total_of(vectors, rows), unit(vectors).sum(0, dtype=float), rtol=1e-9
    )
