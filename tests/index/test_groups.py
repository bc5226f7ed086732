"""Groups against scikit-learn."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.cluster import AgglomerativeClustering

from edgeclip.index import groups as module
from edgeclip.index import linkage
from edgeclip.index.centroids import Centroids
from edgeclip.index.components import numbered
from edgeclip.index.groups import THRESHOLD, cluster, groups, label
from edgeclip.vectors import unit


def theirs(vectors, threshold):
    """Return scikit-learn's groups, numbered by their first members."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = AgglomerativeClustering(
            n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - threshold
        ).fit(vectors.astype(np.float64))
    _, first = np.unique(found.labels_, return_index=True)
    return numbered(first[found.labels_])


def kept(vectors):
    """Round rows as an index keeps them: their lengths are 1 within a thousandth."""
    return unit(vectors).astype(np.float16).astype(np.float32)


def some_vectors(rng, n, dim):
    """Make rows that are spread evenly, or around centres, or partly equal."""
    kind = rng.integers(0, 3)
    rows = rng.standard_normal((n, dim)) + rng.uniform(0, 2)
    if kind == 1:
        centres = rng.standard_normal((max(1, n // 8), dim))
        rows = centres[rng.integers(0, len(centres), n)] + rows * rng.uniform(0.05, 0.5)
    if kind == 2:
        rows[rng.integers(0, n, n // 3)] = rows[rng.integers(0, n, n // 3)]
    return kept(rows)


@pytest.mark.parametrize("small", [0, 2048])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.6, THRESHOLD, 0.9, 0.97])
def test_cluster_is_scikit_learns(threshold, small, monkeypatch):
    monkeypatch.setattr(linkage, "_SMALL", small)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        vectors = some_vectors(rng, int(rng.integers(2, 150)), int(rng.integers(2, 40)))
        np.testing.assert_array_equal(cluster(vectors, threshold), theirs(vectors, threshold))


@pytest.mark.parametrize("dim", [3, 16, 512])
def test_cluster_of_many_is_scikit_learns(dim):
    rng = np.random.default_rng(dim)
    centres = unit(rng.standard_normal((40, dim)))
    spread = rng.uniform(0.2, 0.7, (40, 1)) / dim**0.5
    which = rng.integers(0, 40, 1500)
    vectors = kept(centres[which] + rng.standard_normal((1500, dim)) * spread[which])
    for threshold in (0.5, THRESHOLD, 0.9):
        np.testing.assert_array_equal(cluster(vectors, threshold), theirs(vectors, threshold))


def test_one_long_component_is_scikit_learns():
    """Frames of a slow pan: each is near the next, the first far from the last."""
    rng = np.random.default_rng(0)
    path = np.cumsum(rng.standard_normal((800, 32)) * 0.15, axis=0)
    vectors = kept(path + rng.standard_normal(32))
    np.testing.assert_array_equal(cluster(vectors), theirs(vectors, THRESHOLD))


def test_cluster_does_not_depend_on_the_order_of_the_rows():
    rng = np.random.default_rng(1)
    vectors = some_vectors(rng, 300, 12)
    labels = cluster(vectors, 0.7)
    for _ in range(5):
        order = rng.permutation(300)
        np.testing.assert_array_equal(cluster(vectors[order], 0.7), numbered_as_met(labels[order]))


def numbered_as_met(labels):
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return numbered(first[inverse])


def test_none_one_and_two():
    assert cluster(np.zeros((0, 4), np.float32)).tolist() == []
    assert cluster(kept(np.ones((1, 4)))).tolist() == [0]
    two = kept([[1, 0], [1, 0.2]])
    cosine = float(unit(two[0]) @ unit(two[1]))
    assert cluster(two, cosine - 1e-5).tolist() == [0, 0]
    assert cluster(two, cosine + 1e-5).tolist() == [0, 1]


def test_at_a_threshold_of_one_nothing_merges_as_in_scikit_learn():
    vectors = kept(np.ones((3, 4)))
    assert cluster(vectors, 1.0).tolist() == theirs(vectors, 1.0).tolist() == [0, 1, 2]


def test_equal_vectors_are_one_group():
    vectors = kept(np.random.default_rng(2).standard_normal((3, 64)))[[0, 1, 0, 2, 1, 0]]
    assert cluster(vectors, 0.999).tolist() == [0, 1, 0, 2, 1, 0]


def test_cluster_leaves_its_input_alone():
    vectors = some_vectors(np.random.default_rng(3), 50, 8)
    before = vectors.copy()
    vectors.flags.writeable = False
    groups(vectors, cluster(vectors, 0.5))
    np.testing.assert_array_equal(vectors, before)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_that_makes_no_groups_is_refused(threshold):
    with pytest.raises(ValueError, match="makes no groups"):
        cluster(np.ones((2, 2), np.float32), threshold)
    with pytest.raises(ValueError, match="makes no groups"):
        Centroids(2, threshold)


def test_groups_are_described_the_largest_first(monkeypatch):
    monkeypatch.setattr(module, "parts", lambda n: (slice(i, i + 3) for i in range(0, n, 3)))
    rng = np.random.default_rng(4)
    vectors = some_vectors(rng, 200, 16)
    labels = cluster(vectors, 0.5)
    found = groups(vectors, labels)
    sizes = [len(group.members) for group in found]
    assert sizes == sorted(sizes, reverse=True) and sum(sizes) == 200
    for group in found:
        assert set(group.members.tolist()) == set(np.flatnonzero(labels == group.number).tolist())
        rows = unit(vectors[group.members]).astype(np.float64)
        expected = rows.sum(axis=0) / np.linalg.norm(rows.sum(axis=0))
        assert group.centroid.dtype == np.float32
        np.testing.assert_allclose(group.centroid, expected, atol=1e-6)
        cosines = rows @ expected
        assert cosines[0] >= cosines.max() - 1e-6
        assert np.all(np.diff(cosines) <= 1e-6)
        np.testing.assert_allclose(group.cosines, cosines, atol=1e-6)
    equal = [(-len(group.members), group.number) for group in found]
    assert equal == sorted(equal)


def test_groups_of_opposites_still_have_a_centroid():
    vectors = np.array([[1, 0], [-1, 0]], np.float32)
    (group,) = groups(vectors, np.zeros(2, np.int64))
    assert group.centroid.tolist() == [1, 0] and group.cosines.tolist() == [1, -1]


def test_groups_of_nothing_and_of_too_few_labels():
    assert groups(np.zeros((0, 3), np.float32), np.zeros(0, np.int64)) == []
    with pytest.raises(ValueError, match="give one each"):
        groups(np.ones((2, 3), np.float32), np.zeros(1, np.int64))


def test_label_takes_the_nearest_word():
    words = ["cat", "dog", "tree"]
    centroids = unit([[0.1, 0.9, 0.2], [1, 0, 0], [0, 0.5, 0.5]])
    found = label(centroids, np.eye(3, dtype=np.float32), words)
    assert [word for word, _ in found] == ["dog", "cat", "dog"]
    assert [cosine for _, cosine in found] == pytest.approx(centroids.max(axis=1).tolist())
    assert label(np.zeros((0, 3), np.float32), np.eye(3, dtype=np.float32), words) == []
    for few in ([], ["cat"]):
        with pytest.raises(ValueError, match="give one each"):
            label(centroids, np.eye(3, dtype=np.float32), few)
