"""Pairs and components against the matrix of all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeclip.index import components as module
from edgeclip.index.components import components, numbered, pairs, rows_of, unite
from edgeclip.vectors import unit


def around(rng, centres, n, dim, cosine):
    """Make ``n`` rows that lie around some centres, rounded as an index keeps them."""
    middle = unit(rng.standard_normal((centres, dim)))[rng.integers(0, centres, n)]
    noise = unit(rng.standard_normal((n, dim)))
    rows = unit(middle * cosine**0.5 + noise * (1 - cosine) ** 0.5)
    return rows.astype(np.float16).astype(np.float32)


def exact_cosines(vectors):
    rows = vectors.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T


def searched(near):
    """Number the components by a search from each row in turn."""
    labels = np.full(len(near), -1)
    for row in range(len(near)):
        if labels[row] >= 0:
            continue
        number, front = labels.max() + 1, [row]
        while front:
            labels[front] = number
            front = np.flatnonzero(near[front].any(axis=0) & (labels < 0)).tolist()
    return labels


@pytest.fixture(params=[7, 64, 3072])
def block(request, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", request.param)
    return request.param


@pytest.mark.parametrize("most", [5, 1 << 19])
def test_components_are_those_of_the_whole_matrix(block, most, monkeypatch):
    monkeypatch.setattr(module, "_PAIRS", most)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        vectors = around(rng, int(rng.integers(1, 30)), int(rng.integers(1, 150)), 12, 0.8)
        threshold = float(rng.uniform(0.3, 0.99))
        expected = searched(exact_cosines(vectors) >= threshold)
        np.testing.assert_array_equal(components(vectors, threshold), expected)


@pytest.mark.parametrize("most", [5, 1 << 19])
def test_pairs_are_those_of_the_whole_matrix_each_once(block, most, monkeypatch):
    monkeypatch.setattr(module, "_PAIRS", most)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        vectors = around(rng, 5, int(rng.integers(1, 150)), 12, 0.8)
        cosines = exact_cosines(vectors)
        found = list(pairs(vectors, 0.7))
        # A whole row of a block is listed at once, at the least.
        assert all(len(i) <= max(most, block) for i, _, _ in found)
        triples = [(a, b, c) for i, j, k in found for a, b, c in zip(i, j, k, strict=True)]
        listed = {(int(a), int(b)): float(c) for a, b, c in triples}
        assert len(listed) == len(triples)
        expected = {(int(a), int(b)) for a, b in np.argwhere(np.triu(cosines >= 0.7, 1))}
        assert set(listed) == expected
        assert all(listed[pair] == pytest.approx(cosines[pair], abs=1e-6) for pair in expected)


def test_a_chain_of_neighbours_is_one_component(block):
    angles = np.arange(200) * 0.03
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    shuffled = np.random.default_rng(0).permutation(200)
    assert not components(vectors[shuffled], 0.9995).any()
    assert len(set(components(vectors[shuffled], 0.9996))) == 200


def test_the_length_of_a_vector_does_not_matter():
    vectors = around(np.random.default_rng(3), 4, 60, 8, 0.8)
    scale = np.random.default_rng(4).uniform(0.1, 9, (60, 1)).astype(np.float32)
    np.testing.assert_array_equal(components(vectors * scale, 0.7), components(vectors, 0.7))


def test_equal_vectors_reach_a_threshold_of_one():
    row = around(np.random.default_rng(5), 1, 1, 512, 0.9)
    assert components(np.repeat(row, 5, axis=0), 1.0).tolist() == [0] * 5
    assert sum(len(i) for i, _, _ in pairs(np.repeat(row, 5, axis=0), 1.0)) == 10


@pytest.mark.parametrize("n", [0, 1])
def test_none_and_one(n):
    vectors = np.ones((n, 3), np.float32)
    assert components(vectors, 0.5).tolist() == [0] * n
    assert list(pairs(vectors, 0.5)) == []


def test_blocks_that_are_connected_already_are_not_multiplied(monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", 10)
    vectors = around(np.random.default_rng(6), 1, 200, 64, 0.99)
    parent, seen = np.arange(200), 0
    for i, j, cosines in module._blocks(vectors, parent):
        module._join(parent, i, j, cosines >= 0.5)
        seen += 1
    assert seen == 20
    assert not parent.any()


@pytest.mark.parametrize("bad", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_a_vector_without_direction_is_refused(bad):
    vectors = np.array([[1, 0], bad], np.float32)
    with pytest.raises(ValueError, match="no direction"):
        components(vectors, 0.5)
    with pytest.raises(ValueError, match="no direction"):
        list(pairs(vectors, 0.5))


def test_wrong_shapes_and_thresholds_are_refused():
    with pytest.raises(ValueError, match="as rows"):
        components(np.ones(3, np.float32), 0.5)
    for threshold in (1.1, -1.1, float("nan")):
        with pytest.raises(ValueError, match="no cosine"):
            components(np.ones((2, 3), np.float32), threshold)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60))
def test_unite_against_sets(edges):
    groups = [{row} for row in range(31)]
    for a, b in edges:
        joined = groups[a] | groups[b]
        for row in joined:
            groups[row] = joined
    parent = np.arange(31)
    half = len(edges) // 2
    for part in (edges[:half], edges[half:]):
        ends = np.array(part, np.int64).reshape(-1, 2)
        unite(parent, ends[:, 0], ends[:, 1])
    assert parent.tolist() == [min(group) for group in groups]
    assert numbered(parent).tolist() == searched(parent[:, None] == parent).tolist()


def test_rows_of_each_label():
    found = rows_of(np.array([3, 1, 3, 2, 1]))
    assert [rows.tolist() for rows in found] == [[1, 4], [3], [0, 2]]
    assert rows_of(np.zeros(0, np.int64)) == []
