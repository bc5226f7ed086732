"""Parts and turns of a picture, as the model sees them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from edgeclip.advice.diagnosis import framing
from edgeclip.advice.diagnosis.rank import Background
from edgeclip.model.model import Model
from tests.pictures import photo


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.asarray(photo(150, 90))


@pytest.fixture(scope="module")
def seen(model, pixels):
    return framing.look(pixels, model.manifest.image, model.embed_image)


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_one_open_model_answers_for_both_fits(tiny_model, pixels, fit):
    opened = Model.load(tiny_model, fit=fit)
    found = framing.look(pixels, opened.manifest.image, opened.embed_image)
    for name in ("crop", "pad"):
        fresh = Model.load(tiny_model, fit=name).embed_image(pixels)
        np.testing.assert_array_equal(found[name].vectors[0], fresh)


def test_turns(model, pixels, seen):
    left = photo(150, 90).rotate(90, expand=True)  # Pillow turns against the clock
    np.testing.assert_array_equal(seen["turned_left"].vectors[0], model.embed_image(left))
    over = pixels[::-1, ::-1]
    np.testing.assert_array_equal(seen["turned_over"].vectors[0], model.embed_image(over))


def test_tiles_are_parts_of_the_picture(model, pixels, seen):
    for name, count in framing.TILES.items():
        assert len(seen[name].boxes) == len(seen[name].vectors) == count**2
        x, y, width, height = seen[name].boxes[-1]
        assert (x + width, y + height) == (150, 90)
        part = model.embed_image(pixels[y : y + height, x : x + width])
        np.testing.assert_array_equal(seen[name].vectors[-1], part)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("size", [(600, 400), (400, 600), (1000, 1000), (97, 31), (7, 5), (3, 297)])
def test_tiles_cover_the_picture_and_overlap(size, count):
    width, height = size
    boxes = list(framing.tiles(width, height, count))
    covered = np.zeros((height, width), int)
    for x, y, w, h in boxes:
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
        covered[y : y + h, x : x + w] += 1
    assert covered.min() >= 1 and covered.max() >= 2 and len(boxes) == count**2
    assert all(max(w, h) <= 100 * min(w, h) for *_, w, h in boxes)


@pytest.mark.parametrize("count", [2, 3])
def test_the_squares_of_tiles_of_3_to_2_leave_no_gap(count):
    covered = np.zeros(600, int)
    for x, _, w, h in framing.tiles(600, 400, count):
        middle = x + w // 2
        covered[max(0, middle - h // 2 - 2) : middle + h // 2 + 2] = 1
    inside = covered[100:500]  # the outer tiles lose their outer sides
    assert inside.all()


def test_one_pixel_has_tiles_too(model):
    found = framing.look(np.zeros((1, 1, 3), np.uint8), model.manifest.image, model.embed_image)
    assert set(found["tiles_3x3"].boxes) == {(0, 0, 1, 1)}


@pytest.mark.parametrize(
    ("size", "share"), [((100, 100), 0), ((150, 100), 1 / 3), ((100, 400), 0.75)]
)
def test_what_the_centre_crop_cuts_off(model, size, share):
    tower = model.manifest.image
    assert framing.cut_off(*size, tower) == pytest.approx(share)
    assert framing.cut_off(*size, dataclasses.replace(tower, resize="squash")) == 0
    assert framing.cut_off(*size, dataclasses.replace(tower, crop="none")) == 0


def test_the_best_tile_is_named_by_its_box():
    rows = np.array([[1, 0], [0, 1]], np.float32)
    tiled = framing.Seen(rows, ((0, 0, 5, 5), (5, 0, 5, 5)))
    seen = {"crop": framing.Seen(rows[:1]), "tiles_2x2": tiled}
    texts = Background(("x",), np.array([[0.6, 0.8]], np.float32))
    found = framing.compare(seen, rows[1], texts, cut_off=0.25)
    best = found.way("tiles_2x2")
    assert (best.box, best.standing.cosine) == ((5, 0, 5, 5), 1)
    assert (found.way("crop").box, found.way("crop").standing.cosine) == (None, 0)
    assert found.cut_off == 0.25


def test_all_ways_are_there(seen):
    assert set(seen) == {"crop", "pad", *framing.TILES, *framing.TURNS}
