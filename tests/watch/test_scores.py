"""Scores, compared with the formula in plain numpy."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeclip.model import nothing
from edgeclip.model.pack import PromptPack
from edgeclip.model.packed import PackedLabel
from edgeclip.watch.rules import WHOLE
from edgeclip.watch.scores import Scorer, crop

SCALE = 40.0


def units(seed: int, count: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def pack_of(prompts: int, own: int, shared: int, background: int) -> PromptPack:
    """A pack of one label with so many vectors of each kind."""
    words = tuple(str(number) for number in range(100))
    label = PackedLabel(
        "cat", words[:prompts], units(1, prompts), words[:own], units(2, own).reshape(own, 16)
    )
    vectors = units(3, shared).reshape(shared, 16)
    general = units(4, background).reshape(background, 16)
    return PromptPack("m", "0" * 64, SCALE, (label,), words[:shared], vectors, "none", general)


def expected(pack: PromptPack, vector: np.ndarray) -> float:
    """log(e^own / Σ e^rival), with the mean of the background's best tenth as one rival."""
    label = pack.labels[0]
    own = max(float(vector @ prompt) for prompt in label.vectors)
    rivals = [float(vector @ each) for each in [*label.negative_vectors, *pack.negative_vectors]]
    background = nothing.rivals(label.vectors, pack.background_vectors)
    general = sorted((float(vector @ each) for each in background), reverse=True)
    if general:
        best = general[: max(1, round(len(general) / 10))]
        rivals.append(sum(best) / len(best))
    if not rivals:
        return SCALE * own
    return math.log(math.exp(SCALE * own) / sum(math.exp(SCALE * rival) for rival in rivals))


@pytest.mark.parametrize(
    "shape",
    [(1, 0, 0, 48), (3, 2, 0, 48), (2, 0, 3, 20), (1, 1, 1, 5), (2, 2, 0, 0), (1, 0, 0, 0)],
)
def test_the_score_is_the_log_odds(shape):
    pack = pack_of(*shape)
    scorer = Scorer(pack.labels[0], pack)
    for vector in units(5, 50):
        assert scorer(vector) == pytest.approx(expected(pack, vector), abs=1e-3)


def test_another_label_beside_it_changes_nothing():
    pack = pack_of(2, 1, 2, 48)
    other = PackedLabel("wall", ("wall",), pack.background_vectors[:3], (), units(6, 1)[:0])
    both = replace(pack, labels=(*pack.labels, other))
    alone, beside = (Scorer(each.labels[0], each) for each in (pack, both))
    assert all(alone(vector) == beside(vector) for vector in units(5, 20))
    # What means the other label does not compete with that one.
    assert Scorer(other, both)(other.vectors[0]) > 0


def test_at_zero_both_are_as_likely():
    pack = pack_of(1, 1, 0, 0)
    label = pack.labels[0]
    between = label.vectors[0] + label.negative_vectors[0]
    between /= np.linalg.norm(between)
    assert Scorer(label, pack)(between) == pytest.approx(0, abs=1e-4)


def test_a_large_scale_overflows_nothing():
    pack = pack_of(1, 3, 0, 48)
    large = PromptPack(
        *(getattr(pack, name) for name in ("model", "space")),
        1e5,
        pack.labels,
        (),
        pack.negative_vectors,
        "none",
        pack.background_vectors,
    )
    with np.errstate(all="raise", under="ignore"):
        found = [Scorer(pack.labels[0], large)(vector) for vector in units(5, 20)]
    assert np.isfinite(found).all()


edge = st.floats(0, 1)


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    across=st.tuples(edge, edge).filter(lambda ends: ends[0] < ends[1]),
    down=st.tuples(edge, edge).filter(lambda ends: ends[0] < ends[1]),
)
def test_a_part_is_never_empty_and_lies_within(size, across, down):
    height, width = size
    places = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), -1)
    picture = np.concatenate([places, places[..., :1]], -1).astype(np.uint8)
    part = crop(picture, (across[0], down[0], across[1], down[1]))
    assert part.size and part.base is not None  # a view: nothing is copied
    # Within half a pixel of what was asked for, where that is a pixel at all.
    top, left = part[0, 0, :2]
    bottom, right = part[-1, -1, :2] + 1.0
    for found, asked, length in (
        (top, down[0], height),
        (left, across[0], width),
        (bottom, down[1], height),
        (right, across[1], width),
    ):
        assert abs(found - asked * length) <= 1


def test_the_whole_is_the_whole():
    picture = np.zeros((7, 9, 3), np.uint8)
    assert crop(picture, WHOLE).shape == picture.shape


def test_tiles_cover_all_of_a_region():
    picture = np.arange(48 * 64 * 3, dtype=np.uint32).reshape(48, 64, 3)
    halves = [crop(picture, (0, 0, 0.5, 1)), crop(picture, (0.5, 0, 1, 1))]
    assert np.array_equal(np.concatenate(halves, 1), picture)
