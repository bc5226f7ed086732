"""Which frames are worth an inference."""

from __future__ import annotations

import numpy as np
import pytest

from edgeclip.watch.frame import Frame
from edgeclip.watch.gate import ChangeGate, luminance
from tests.pictures import photo

SCENE = np.array(photo(640, 360)).astype(np.float32) * 0.7 + 20
RANDOM = np.random.default_rng(0)
NOISE = RANDOM.normal(0, 1, (8, 360, 640, 3)).astype(np.float32)


def noisy(picture, level):
    """A sensor's picture; no two have the same noise."""
    noise = np.roll(NOISE[RANDOM.integers(8)], tuple(RANDOM.integers(0, 360, 2)), (0, 1))
    return np.clip(picture + level * noise, 0, 255).astype(np.uint8)


def passed(pictures, step_s=0.2, **options):
    """Ask a new gate about each picture; return the numbers of those that pass."""
    gate = ChangeGate(**options)
    found = [n for n, picture in enumerate(pictures) if gate(Frame(n * step_s, picture))]
    assert gate.seen == len(pictures) and gate.passed == len(found)
    return found


@pytest.mark.parametrize(
    "shape", [(1080, 1920), (360, 640), (100, 333), (640, 360), (7, 5), (1, 1)]
)
def test_blocks_are_the_mean_of_their_pixels(shape):
    height, width = shape
    picture = np.array(photo(width, height))
    blocks = luminance(picture)
    rows, columns = blocks.shape
    assert columns == min(32, width) and rows <= height
    assert width / columns / (height / rows) == pytest.approx(1, abs=0.5)
    edges = [np.arange(n + 1) * size // n for n, size in zip((rows, columns), shape, strict=True)]
    for row, column in [(0, 0), (rows // 2, columns // 2), (rows - 1, columns - 1)]:
        part = picture[slice(*edges[0][row : row + 2]), slice(*edges[1][column : column + 2])]
        assert blocks[row, column] == pytest.approx(part.mean(), abs=8)
    assert blocks.mean() == pytest.approx(picture.mean(), abs=2)


def test_a_picture_that_does_not_change_passes_once_in_floor_s():
    still = [SCENE.astype(np.uint8)] * 101
    assert passed(still) == [0, 50, 100]
    assert passed(still, floor_s=4) == [0, 20, 40, 60, 80, 100]


@pytest.mark.parametrize("level", [2, 8, 25])
@pytest.mark.parametrize("light", [1.0, 0.15])
def test_noise_does_not_pass(level, light):
    found = passed([noisy(SCENE * light, level) for _ in range(150)])
    floor = 3
    # Where it is strong, a few frames pass until it is known.
    assert len(found) <= floor + 4 and all(number < 8 for number in found[: -floor + 1])


@pytest.mark.parametrize("level", [2, 8, 25])
@pytest.mark.parametrize("contrast", [12, -40])
def test_something_small_passes_when_it_comes_and_when_it_goes(level, contrast):
    pictures = []
    for number in range(90):
        picture = SCENE.copy()
        if 30 <= number < 60:  # 3 % of the area
            picture[100:183, 200:283] += contrast
        pictures.append(noisy(picture, level))
    found = passed(pictures)
    assert 30 in found and 60 in found and len(found) < 12


def test_something_that_moves_passes_again_and_again():
    pictures = []
    for number in range(80):
        picture = SCENE.copy()
        if number >= 40:
            left = (number - 40) * 12
            picture[100:200, left : left + 80] += 50
        pictures.append(noisy(picture, 4))
    found = passed(pictures)
    assert len([number for number in found if number >= 40]) >= 30


def test_slow_light_adds_up_until_it_passes():
    found = passed([noisy(SCENE * (0.5 + number / 600), 4) for number in range(300)], floor_s=1e9)
    assert 10 <= len(found) <= 60
    assert max(np.diff([*found, 300])) < 60  # no long stretch is missed


def test_a_tree_in_the_wind_is_learnt():
    def swaying(number):
        picture = SCENE.copy()
        picture[:, :200] = np.roll(picture[:, :200], int(RANDOM.integers(-9, 10)), 1)
        return noisy(picture, 4)

    found = passed([swaying(number) for number in range(200)], floor_s=1e9)
    assert len([number for number in found if number >= 100]) <= 10


def test_another_size_passes():
    gate = ChangeGate()
    assert gate(Frame(0, SCENE.astype(np.uint8)))
    assert not gate(Frame(1, SCENE.astype(np.uint8)))
    assert gate(Frame(2, SCENE[:200].astype(np.uint8)))
    assert not gate(Frame(3, SCENE[:200].astype(np.uint8)))


def test_a_time_that_goes_back_passes():
    gate = ChangeGate()
    still = SCENE.astype(np.uint8)
    assert [gate(Frame(time, still)) for time in (50, 51, 3, 4)] == [True, False, True, False]


def test_after_the_camera_was_away_a_frame_passes():
    gate = ChangeGate()
    still = np.full((90, 160, 3), 120, np.uint8)
    assert [gate(Frame(float(i), still)) for i in range(4)] == [True, False, False, False]
    gate.forget()
    assert gate(Frame(4.0, still))
    assert not gate(Frame(5.0, still))
