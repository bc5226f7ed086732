"""Near and exact duplicates, and which one is best kept."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from edgeclip.index.duplicates import HIGHEST, THRESHOLD, duplicates, equal_files, fitting
from edgeclip.index.items import Item
from edgeclip.vectors import unit


def near(cosine):
    """Return two unit vectors with this cosine."""
    return np.array([[1, 0, 0], [cosine, (1 - cosine**2) ** 0.5, 0]], np.float32)


def best_of(*metadata, keys="abcdefg"):
    """Return the keeper among equal vectors with this metadata."""
    n = len(metadata)
    vectors = np.tile(np.array([1, 0], np.float32), (n, 1))
    (found,) = duplicates(keys[:n], vectors, metadata, [None] * n)
    return found.keeper


def test_pictures_from_the_threshold_on_are_duplicates():
    for cosine, expected in ((THRESHOLD + 0.001, 1), (THRESHOLD - 0.001, 0)):
        found = duplicates("ab", near(cosine), [None] * 2, [None] * 2)
        assert len(found) == expected
    assert len(duplicates("ab", near(0.5), [None] * 2, [None] * 2, threshold=0.4)) == 1


def test_a_group_says_how_alike_and_what_is_the_same_file():
    vectors = np.concatenate([near(0.98), near(0.97), [[0, 0, 1]]]).astype(np.float32)
    hashes = [b"x" * 16, b"y" * 16, b"x" * 16, None, b"z" * 16]
    (found,) = duplicates(["a", "b", "c", "d", "e"], vectors, [None] * 5, hashes)
    assert found.keys == ("a", "c", "b", "d") and found.keeper == "a"
    assert list(found.cosines) == ["c", "b", "d"]
    assert list(found.cosines.values()) == pytest.approx([1.0, 0.98, 0.97], abs=1e-6)
    assert found.exact == {"c"}


def test_equal_files_are_duplicates_whatever_their_vectors():
    hashes = [b"1" * 16, b"2" * 16, b"1" * 16, None, None]
    vectors = np.eye(5, dtype=np.float32)
    (found,) = duplicates("abcde", vectors, [None] * 5, hashes)
    assert (found.keys, found.exact) == (("a", "c"), frozenset({"c"}))
    assert found.cosines["c"] == pytest.approx(0.0)


def test_equal_files_are_found_whatever_their_vectors():
    vectors = np.eye(4, 8, dtype=np.float32)
    (found,) = duplicates("abcd", vectors, [None] * 4, [None, b"s" * 32, b"s" * 32, None])
    assert set(found.keys) == set("bc") and found.exact == {"c"}


def test_pictures_without_a_hash_are_not_equal():
    assert duplicates("ab", np.eye(2, dtype=np.float32), [None] * 2, [None] * 2) == []


def test_a_chain_makes_groups_of_what_is_like_its_keeper():
    angles = np.arange(20) * 0.2
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = duplicates([f"{n:02}" for n in range(20)], vectors, [None] * 20, [None] * 20)
    assert len(found) > 5
    for group in found:
        values = list(group.cosines.values())
        assert values == sorted(values, reverse=True) and min(values) >= THRESHOLD


def test_the_keeper_has_the_most_pixels():
    assert best_of({"width": 10, "height": 10, "bytes": 999}, {"width": 20, "height": 10}) == "b"
    assert best_of(None, {"width": 1, "height": 1}) == "b"


def test_then_the_most_bytes_then_the_earliest_time_then_the_shortest_then_the_first_key():
    size = {"width": 10, "height": 10}
    assert best_of(size | {"bytes": 5}, size | {"bytes": 6}) == "b"
    assert best_of(size | {"time": "2026-02-01"}, size | {"time": "2026-01-01T12:00:00"}) == "b"
    assert best_of(size, size | {"time": "2026-01-01"}) == "b"
    assert best_of(size, size, keys=["long/a.jpg", "b.jpg"]) == "b.jpg"
    assert best_of(size, size, keys=["b", "a"]) == "a"


def test_times_are_compared_as_moments_not_as_text():
    east = {"time": "2026-01-01T12:00:00+05:00"}
    assert best_of({"time": "2026-01-01T08:00:00+00:00"}, east) == "b"
    assert best_of({"time": "2026-01-01T08:00:00"}, east) == "b"
    assert best_of(east, {"time": datetime(2026, 1, 1, 6, tzinfo=UTC)}) == "b"


@pytest.mark.parametrize(
    "strange",
    [
        {"width": "10", "height": None},
        {"width": float("nan"), "height": 5},
        {"width": float("inf"), "height": 0},
        {"width": -4, "height": -4},
        {"width": True, "height": True},
        {"time": "yesterday"},
        {"time": 20260101},
        {"time": ["2026-01-01"]},
        {"bytes": {"n": 1}},
    ],
)
def test_metadata_that_makes_no_sense_counts_as_none(strange):
    assert best_of(strange, {"width": 2, "height": 2, "time": "2026-01-01"}) == "b"


def test_a_size_beyond_all_floats_is_only_very_large():
    assert best_of({"width": 10**400, "height": 10**400}, {"width": 9, "height": 9}) == "a"


def test_the_largest_group_comes_first_and_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(0)
    middle = unit(rng.standard_normal((60, 32)))
    vectors = unit(np.repeat(middle, 3, axis=0)[:170] + rng.standard_normal((170, 32)) * 0.02)
    keys = [f"{n:03}.jpg" for n in range(170)]
    sizes = rng.integers(1, 4, 170).tolist()
    metadata = [{"width": size, "height": 10} for size in sizes]
    hashes = [bytes([n // 7]) * 16 if n % 7 < 2 else None for n in range(170)]
    expected = duplicates(keys, vectors, metadata, hashes)
    assert [(-len(group.keys), group.keeper) for group in expected] == sorted(
        (-len(group.keys), group.keeper) for group in expected
    )
    for group in expected:
        widths = [sizes[keys.index(key)] for key in group.keys]
        assert widths[0] == max(widths) and set(group.cosines) == set(group.keys[1:])
    order = rng.permutation(170)
    again = duplicates(
        [keys[n] for n in order],
        vectors[order],
        [metadata[n] for n in order],
        [hashes[n] for n in order],
    )
    assert [(group.keeper, set(group.keys), group.exact) for group in again] == [
        (group.keeper, set(group.keys), group.exact) for group in expected
    ]


def test_nothing_and_one():
    assert duplicates([], np.zeros((0, 3), np.float32), [], []) == []
    assert duplicates(["a"], near(0.5)[:1], [None], [b"h" * 16]) == []


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="one of each"):
        duplicates("ab", near(0.5), [None], [None] * 2)


def around(centres, each, cosine, dim=64, seed=0):
    """Return vectors around centres; two around one have about this cosine."""
    rng = np.random.default_rng(seed)
    noise = unit(rng.standard_normal((centres * each, dim)))
    middles = np.repeat(unit(rng.standard_normal((centres, dim))), each, axis=0)
    return unit(middles * cosine**0.5 + noise * (1 - cosine) ** 0.5).astype(np.float32)


def fitted(vectors):
    return fitting(vectors, [None] * len(vectors))


def test_the_threshold_stays_low_where_pictures_are_different():
    assert fitted(around(200, 1, 0.5)) == THRESHOLD
    assert fitted(around(60, 3, 0.99)) == THRESHOLD  # copies do not raise it
    assert fitted(np.zeros((0, 8), np.float32)) == fitted(around(5, 1, 0.9)) == THRESHOLD


def test_the_threshold_rises_where_pictures_crowd():
    crowd = around(4, 80, 0.96)
    chosen = fitted(crowd)
    cosines = np.sort(crowd @ crowd.T, axis=1)
    assert 0.96 < chosen < HIGHEST
    assert (cosines[:, -6] >= chosen).mean() == pytest.approx(0.05, abs=0.02)
    assert fitted(around(1, 50, 0.9999)) == HIGHEST
    keys, none = [f"{n}" for n in range(320)], [None] * 320
    assert max(len(group.keys) for group in duplicates(keys, crowd, none, none)) < 20
    assert max(len(g.keys) for g in duplicates(keys, crowd, none, none, THRESHOLD)) > 60


def test_the_threshold_needs_no_exact_lengths_and_no_order():
    crowd = around(4, 80, 0.96)
    assert fitted(crowd * np.float32(1.001)) == fitted(crowd[::-1]) == fitted(crowd)


def test_a_sample_is_enough():
    crowd = around(40, 80, 0.96)
    assert fitted(crowd) == pytest.approx(fitted(crowd[::2]), abs=0.005)


def test_many_copies_of_each_picture_are_no_crowd():
    assert fitted(around(40, 12, 0.99)) == THRESHOLD
    assert fitted(around(30, 13, 0.99)) > 0.98


def test_few_pictures_tell_nothing_of_the_threshold():
    assert fitted(around(1, 49, 0.99)) == THRESHOLD
    assert fitted(around(1, 50, 0.99)) > 0.98


def test_equal_files_do_not_raise_the_threshold():
    vectors = np.concatenate([around(60, 1, 0.5), np.repeat(around(1, 1, 0.5, seed=1), 30, axis=0)])
    hashes = [None] * 30 + [f"{n}".encode() for n in range(30)] + [b"same"] * 30
    assert fitting(vectors, hashes) == THRESHOLD < fitted(vectors)
    copy = np.concatenate([vectors, near_of(vectors[0], 0.96)[None]]).astype(np.float32)
    found = duplicates([f"{n}" for n in range(91)], copy, [None] * 91, [*hashes, None])
    assert sorted(len(group.keys) for group in found) == [2, 30]


def near_of(vector, cosine):
    """Return a unit vector with this cosine to another."""
    other = np.eye(len(vector))[0] - vector[0] * vector
    return cosine * vector + (1 - cosine**2) ** 0.5 * other / np.linalg.norm(other)


def test_equal_files_alone():
    def item(key, content, **metadata):
        return Item(key, np.array([1, 0], np.float32), metadata, content)

    small, large = {"width": 1, "height": 1}, {"width": 2, "height": 2}
    items = [
        item("a", b"1" * 16, **small),
        item("b", b"2" * 16),
        item("c", b"1" * 16, **large),
        item("d", None),
        item("e", None),
        item("f", b"3" * 16),
        item("g", b"3" * 16),
        item("h", b"1" * 16, **small),
    ]
    first, second = equal_files(iter(items))
    assert (first.keeper, first.keys) == ("c", ("c", "a", "h"))
    assert first.cosines == {"a": 1.0, "h": 1.0} and first.exact == {"a", "h"}
    assert second.keys == ("f", "g")
    assert equal_files([]) == []
