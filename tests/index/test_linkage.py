"""Average linkage within a component, on its less common ways."""

from __future__ import annotations

import numpy as np
import pytest

from edgeclip.index import linkage
from edgeclip.index.linkage import linked
from edgeclip.vectors import unit


def plain(vectors, threshold):
    """Merge the nearest pair of all, again and again, in the matrix of all pairs."""
    rows = vectors.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    means = rows @ rows.T
    np.fill_diagonal(means, -2)
    groups = {row: [row] for row in range(len(rows))}
    while means.max(initial=-2) > threshold:
        a, b = sorted(int(place) for place in np.unravel_index(means.argmax(), means.shape))
        share = len(groups[b]) / (len(groups[a]) + len(groups[b]))
        means[a] = means[:, a] = means[a] * (1 - share) + means[b] * share
        means[b] = means[:, b] = means[a, a] = -2
        groups[a] += groups.pop(b)
        gone = [row for row in range(len(rows)) if row not in groups]
        means[gone] = means[:, gone] = -2
    return first_rows(groups.values(), len(rows))


def first_rows(groups, n):
    found = np.zeros(n, np.int64)
    for group in groups:
        found[group] = min(group)
    return found


def vectors_of(seed, n=40, dim=8):
    rng = np.random.default_rng(seed)
    return unit(rng.standard_normal((n, dim)) + rng.uniform(0, 2))


@pytest.mark.parametrize("most", [1, 8, 1024])
@pytest.mark.parametrize("double", [0, 10, 16_384])
def test_against_merging_the_nearest_pair_of_all(most, double, monkeypatch):
    """However many chains grow, in float32, in float64, or changing over on the way."""
    monkeypatch.setattr(linkage, "_SMALL", 0)
    monkeypatch.setattr(linkage, "_MOST", most)
    monkeypatch.setattr(linkage, "_FEWEST", min(most, 8))
    monkeypatch.setattr(linkage, "_DOUBLE", double)
    monkeypatch.setattr(linkage, "_ROOM", 500)  # a row or two at once
    for seed in range(12):
        vectors = vectors_of(seed)
        for threshold in (0.0, 0.5, 0.8):
            np.testing.assert_array_equal(linked(vectors, threshold), plain(vectors, threshold))


def test_equal_rows_are_one_from_the_start():
    rng = np.random.default_rng(0)
    vectors = vectors_of(1, 20)[rng.integers(0, 20, 200)]
    equal = linkage._equal(vectors)
    expected = [np.flatnonzero((vectors == row).all(axis=1))[0] for row in vectors]
    assert equal.tolist() == expected
    np.testing.assert_array_equal(linked(vectors, 0.8), plain(vectors, 0.8))


def test_rows_with_one_hash_but_other_content_stay_apart(monkeypatch):
    class Zeros:
        def integers(self, low, high, size, dtype):
            return np.zeros(size, dtype)

    monkeypatch.setattr(linkage.np.random, "default_rng", lambda seed: Zeros())
    vectors = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], np.float32)
    assert linkage._equal(vectors).tolist() == [0, 1, 0, 3]


def test_all_near_is_never_said_wrongly(monkeypatch):
    said = 0
    for small in (0, 2048):
        monkeypatch.setattr(linkage, "_SMALL", small)
        for seed in range(200):
            rng = np.random.default_rng(seed)
            noise = rng.standard_normal((30, 16)) * rng.uniform(0.01, 0.3)
            rows = unit(np.eye(16)[0] + noise).astype(np.float64)
            threshold = rng.uniform(0.5, 0.99)
            if linkage._all_near(rows, threshold):
                said += 1
                assert (rows @ rows.T).min() > threshold - 1e-12
    assert said > 50


def test_a_ring_of_ties_comes_to_an_end():
    """Rows on a circle: each is as near to the one before as to the one behind."""
    for n in (3, 4, 6, 12, 64):
        angles = np.arange(n) * 2 * np.pi / n
        vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
        found = linked(vectors, 0.1)
        sizes = np.unique(found, return_counts=True)[1]
        assert sizes.sum() == n
        for first in np.unique(found):
            rows = vectors[found == first].astype(np.float64)
            assert len(rows) == 1 or (rows @ rows.T).mean() > 0.1


def test_a_ring_that_rounding_closes_is_broken():
    groups = linkage._Groups(np.eye(3), np.ones(3, np.int64), 0.0)
    groups._nearest[:] = [1, 2, 0]
    groups._cosine[:] = [0.5, 0.7, 0.6]
    a, b = groups._mutual(stuck=True)
    assert (a.tolist(), b.tolist()) == ([1], [2])


def test_a_hub_that_all_are_nearest_to_takes_few_chains():
    """Every row's nearest is the hub, so each merge undoes what is known of all the others."""
    rng = np.random.default_rng(2)
    spread = rng.uniform(0.3, 1.0, (300, 1))
    spokes = unit(rng.standard_normal((300, 400))) * spread
    vectors = unit(np.eye(401)[0] * 2 + np.concatenate([np.zeros((300, 1)), spokes], axis=1))
    vectors[0] = np.eye(401)[0]
    np.testing.assert_array_equal(linked(vectors[:60], 0.8), plain(vectors[:60], 0.8))
    groups = linkage._Groups(vectors.astype(np.float64), np.ones(300, np.int64), 0.5)
    least = groups._chains
    while groups.size:
        groups.step()
        least = min(least, groups._chains)
    assert least < linkage._MOST
