"""What is wrong with a picture, on pictures that are made wrong here."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from edgeclip.advice.diagnosis import flaws
from edgeclip.model import images

PHOTOGRAPHS = (
    *("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png"),
    *("grass.png", "gravel.png", "hubble_deep_field.jpg", "moon.png", "motorcycle_left.png"),
    *("motorcycle_right.png", "retina.jpg", "rocket.jpg"),
)
SIZE = 256


@pytest.fixture(scope="module")
def tower(model):
    """The size that most models have."""
    return dataclasses.replace(model.manifest.image, size=SIZE)


@pytest.fixture(scope="module")
def cat(photos) -> np.ndarray:
    return np.asarray(images.read(photos / "chelsea.png"))


def kinds(pixels, tower) -> list[str]:
    return [remark.kind for remark in flaws.remarks(pixels, tower)]


def brightened(pixels, factor: float) -> np.ndarray:
    return np.clip(pixels * factor, 0, 255).astype(np.uint8)


def smoothed(pixels, radius: int) -> np.ndarray:
    """A box blur along both axes, twice."""
    kernel = np.ones(2 * radius + 1) / (2 * radius + 1)
    found = pixels.astype(float)
    for axis in (0, 1, 0, 1):
        found = np.apply_along_axis(np.convolve, axis, found, kernel, mode="same")
    return found[2 * radius : -2 * radius, 2 * radius : -2 * radius].astype(np.uint8)


def framed(pixels, top: int, side: int, colour=(0, 0, 0)) -> np.ndarray:
    height, width = pixels.shape[:2]
    canvas = np.empty((height + 2 * top, width + 2 * side, 3), np.uint8)
    canvas[:] = colour
    canvas[top : top + height, side : side + width] = pixels
    return canvas


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_nothing_is_said_of_ordinary_photographs(photos, tower, name):
    assert kinds(np.asarray(images.read(photos / name)), tower) == []


def test_dark(cat, tower):
    dim = brightened(cat, 0.3)
    (remark,) = flaws.remarks(dim, tower)
    assert remark.kind == "dark" and remark.value < remark.threshold == flaws.DARK
    assert remark.value == pytest.approx(0.3 * 172, abs=3)
    assert f"no brighter than {remark.value:.0f} of 255" in remark.message


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_tenth_of_the_brightness_is_dark_and_not_blank(photos, tower, name):
    dim = brightened(np.asarray(images.read(photos / name)), 0.1)
    found = kinds(dim, tower)
    assert "dark" in found and "blank" not in found and "border" not in found


def test_nothing_but_noise_is_blank_in_the_dark(tower):
    noise = np.abs(np.random.default_rng(0).normal(0, 2, (300, 400, 3))).astype(np.uint8)
    (remark,) = flaws.remarks(noise, tower)
    assert (remark.kind, remark.threshold) == ("blank", flaws.DARK_CONTRAST)
    assert kinds(np.full((300, 400, 3), 20, np.uint8), tower) == ["blank"]


def test_overexposed(cat, tower):
    (remark,) = flaws.remarks(brightened(cat, 3.5), tower)
    assert remark.kind == "overexposed" and "is white, and nothing is dark" in remark.message


def test_a_thing_before_a_white_wall_is_not_overexposed(cat):
    page = framed(cat, 150, 150, (255, 255, 255))
    assert flaws.overexposed(page) is None


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 30, 30)])
def test_blank_says_it_all(tower, colour):
    noise = np.random.default_rng(0).integers(-3, 4, (300, 400, 3))
    pixels = np.clip(np.full((300, 400, 3), colour) + noise, 0, 255).astype(np.uint8)
    assert kinds(pixels, tower) == ["blank"]


def test_two_colours_of_one_brightness_are_not_blank(tower):
    pixels = np.zeros((300, 300, 3), np.uint8)
    pixels[:, :150, 0] = 100
    pixels[:, 150:, 2] = 100
    assert "blank" not in kinds(pixels, tower)


def test_blurred(cat, tower):
    (remark,) = flaws.remarks(smoothed(cat, 4), tower)
    assert remark.kind == "blurred" and "variance of its Laplacian at 256 pixels" in remark.message


def test_a_picture_of_low_contrast_is_not_called_blurred(cat, tower):
    faint = (100 + cat * 0.2).astype(np.uint8)
    assert kinds(faint, tower) == []


def test_sharpness_is_that_at_the_size_of_the_model(cat, tower):
    # Each pixel four times as large in each direction: soft at its own size, sharp at the model's.
    large = cat[:100, :100].repeat(8, axis=0).repeat(8, axis=1)
    tower = dataclasses.replace(tower, size=100)
    assert flaws.blurred(smoothed(large, 3), tower) is None
    assert flaws.blurred(smoothed(large, 3), dataclasses.replace(tower, size=700)) is not None


def test_the_laplacian():
    grey = np.zeros((5, 5), np.float32)
    grey[2, 2] = 1
    assert flaws.laplacian(grey).tolist() == [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
    slope = np.arange(25, dtype=np.float32).reshape(5, 5)
    assert not flaws.laplacian(slope).any()


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (90, 120, 30)])
def test_border(cat, tower, colour):
    height, width = cat.shape[:2]
    (remark,) = flaws.remarks(framed(cat, 80, 20, colour), tower)
    assert remark.kind == "border" and remark.box == (20, 80, width, height)
    assert remark.value == pytest.approx(1 - height * width / ((height + 160) * (width + 40)))
    assert f"{width} × {height} at 20, 80" in remark.message


def test_a_border_that_jpeg_has_touched(cat, tower):
    noise = np.random.default_rng(0).integers(0, 6, (460, 451, 3), dtype=np.uint8)
    canvas = framed(cat, 80, 0)
    canvas[:80], canvas[-80:] = noise[:80], noise[-80:]
    assert kinds(canvas, tower) == ["border"]


def test_a_thin_border_is_left_alone(cat, tower):
    assert kinds(framed(cat, 10, 10), tower) == []


def test_bars_of_two_colours(cat):
    height, width = cat.shape[:2]
    canvas = framed(cat, 60, 0)
    canvas[-60:] = 255
    assert flaws.inner(canvas) == (0, 60, width, height)


@pytest.mark.parametrize("levels", [(0, 255), (200, 20, 120), (10, 90, 170, 250), range(96)])
def test_what_is_between_two_bars_is_never_less_than_nothing(levels):
    stripes = np.repeat(np.array(levels, np.uint8), 24)
    flag = np.ascontiguousarray(np.broadcast_to(stripes[None, :, None], (48, stripes.size, 3)))
    for pixels in (flag, np.ascontiguousarray(flag.swapaxes(0, 1))):
        x, y, width, height = flaws.inner(pixels)
        assert width > 0 and height > 0
        assert x + width <= pixels.shape[1] and y + height <= pixels.shape[0]
    assert flaws.inner(flag[:, :48]) == (0, 0, 48, 48) or len(levels) > 2


def test_one_colour_has_no_border():
    assert flaws.inner(np.full((20, 30, 3), 7, np.uint8)) == (0, 0, 30, 20)


def test_tiny(cat, tower):
    small = np.ascontiguousarray(cat[:200, :300])
    (remark,) = flaws.remarks(small, tower)
    assert (remark.kind, remark.value, remark.threshold) == ("tiny", 200, 256)
    assert "300 × 200 pixels are blown up to 256" in remark.message
    assert flaws.tiny(cat[:256, :256], SIZE) is None


def test_what_is_blown_up_is_not_called_blurred_too(tower, cat):
    assert kinds(cat[:40, 100:140], tower) == ["tiny"]


def test_aspect(cat):
    assert flaws.aspect(cat) is None
    remark = flaws.aspect(cat[:100])
    assert (
        remark is not None and remark.value == pytest.approx(4.51) and "4.5 to 1" in remark.message
    )
    assert flaws.aspect(cat[:, :100]) is not None
    assert flaws.aspect(np.zeros((9, 21, 3), np.uint8)) is None  # a film of 21:9


def test_several_at_once(cat, tower):
    assert kinds(brightened(cat[:100], 0.3), tower) == ["tiny", "dark", "aspect"]


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (2, 3), (5000, 2)])
def test_any_size_is_answered(tower, size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert "tiny" in kinds(pixels, tower)
