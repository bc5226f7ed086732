"""Picture → tensor: torchvision is the oracle, bit for bit; then the options and the sources."""

from __future__ import annotations

import dataclasses
import io
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

from edgeclip.model import headers, images, towers
from tests import folders
from tests.pictures import (
    encoded,
    photo,
    pixels,
    refused,
)

TOWER = towers.image_tower(folders.image_record())


def tower(size=32, resize="shortest", resample="bilinear"):
    crop = "center" if resize == "shortest" else "none"
    return dataclasses.replace(TOWER, size=size, resize=resize, filter=resample, crop=crop)


def reference(picture, chosen):
    """The pipeline that the models were trained with, from torchvision."""
    filters = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}
    sides = chosen.size if chosen.resize == "shortest" else (chosen.size, chosen.size)
    squared = transforms.Compose(
        [
            transforms.Resize(sides, interpolation=filters[chosen.filter]),
            transforms.CenterCrop(chosen.size),
        ]
    )(picture)
    scaled = transforms.ToTensor()(squared)
    return squared, transforms.Normalize(chosen.mean, chosen.std)(scaled).numpy()


def assert_equals_reference(picture, chosen):
    squared, tensor = reference(picture, chosen)
    found = images.squared(picture, chosen)
    assert found.size == squared.size == (chosen.size, chosen.size)
    assert np.array_equal(np.asarray(found), np.asarray(squared))
    prepared = images.prepare(picture, chosen)
    assert prepared.dtype == tensor.dtype == np.float32 and prepared.flags.c_contiguous
    assert np.array_equal(prepared, tensor)  # bit for bit, no tolerance


# --- the reference, bit for bit ---------------------------------------------------------------

SHAPES = [(1, 1), (3, 2), (1, 9), (9, 1), (1, 100), (100, 1), (640, 480), (480, 640), (333, 37)]
SHAPES += [(31, 3000), (3000, 31), (32, 32), (224, 224), (256, 256), (257, 256), (500, 499)]


@pytest.mark.parametrize("size", [32, 224, 256])
@pytest.mark.parametrize("resize", ["shortest", "squash"])
@pytest.mark.parametrize("resample", ["bilinear", "bicubic"])
def test_the_tensor_equals_torchvisions(size, resize, resample):
    for width, height in SHAPES:
        assert_equals_reference(photo(width, height), tower(size, resize, resample))


@settings(max_examples=150)
@given(
    st.integers(1, 400),
    st.integers(1, 400),
    st.sampled_from([7, 32, 33, 224, 256]),
    st.sampled_from(["shortest", "squash"]),
    st.sampled_from(["bilinear", "bicubic"]),
)
@example(4, 400, 256, "shortest", "bicubic")
def test_any_size_equals_torchvisions(width, height, size, resize, resample):
    if max(width, height) <= headers.MAX_ASPECT * min(width, height):
        assert_equals_reference(photo(width, height), tower(size, resize, resample))


@pytest.mark.parametrize(
    "name", ["astronaut.png", "coffee.png", "rocket.jpg", "chelsea.png", "motorcycle_left.png"]
)
def test_photographs_equal_torchvisions(photos, name):
    with Image.open(photos / name) as opened:
        picture = opened.convert("RGB")
    chosen = tower(256)
    assert np.array_equal(images.prepare(photos / name, chosen), reference(picture, chosen)[1])


def test_rotated_photographs_equal_torchvisions_on_the_upright_one(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = photo(90, 50)
    (tmp_path / "a.png").write_bytes(encoded(stored, "PNG", exif=exif))
    upright = stored.transpose(Image.Transpose.ROTATE_270)
    chosen = tower(32)
    assert np.array_equal(images.prepare(tmp_path / "a.png", chosen), reference(upright, chosen)[1])


def test_other_statistics_equal_torchvisions():
    chosen = dataclasses.replace(tower(64), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    assert_equals_reference(photo(), chosen)
    chosen = dataclasses.replace(chosen, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    assert_equals_reference(photo(), chosen)


# --- fit="pad" and draft=True -----------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(60, 40), (40, 60), (32, 32), (100, 1), (1, 100)])
def test_pad_keeps_the_whole_picture_between_borders(width, height):
    found = np.asarray(images.squared(photo(width, height), tower(32), "pad"))
    inner_width = max(1, round(width * 32 / max(width, height)))
    inner_height = max(1, round(height * 32 / max(width, height)))
    left, top = (32 - inner_width) // 2, (32 - inner_height) // 2
    inner = found[top : top + inner_height, left : left + inner_width]
    resized = photo(width, height).resize((inner_width, inner_height), Image.Resampling.BILINEAR)
    assert np.array_equal(inner, np.asarray(resized))
    border = np.ones((32, 32), bool)
    border[top : top + inner_height, left : left + inner_width] = False
    assert np.all(found[border] == images.PADDING)


def test_the_padding_is_clips_mean_colour():
    assert np.abs(np.array(images.PADDING) - np.array(TOWER.mean) * 255).max() < 1


def test_draft_decodes_large_jpegs_smaller_and_others_as_ever():
    large = encoded(photo(1600, 1200), "JPEG", quality=90)
    assert images.read(large).size == (1600, 1200)
    assert images.read(large, draft_size=64).size == (200, 150)
    assert images.read(large, draft_size=700).size == (1600, 1200)
    assert images.read(large, draft_size=400).size == (800, 600)
    small = encoded(photo(), "PNG")
    assert np.array_equal(pixels(small), np.asarray(images.read(small, draft_size=8)))
    full, draft = images.prepare(large, tower(64)), images.prepare(large, tower(64), draft=True)
    assert not np.array_equal(full, draft)
    assert np.abs(full - draft).max() < 0.5


def test_draft_limits_count_before_decoding():
    large = encoded(photo(1600, 1200), "JPEG")
    refused(large, "1600x1200", draft_size=32, max_pixels=1_000_000)


# --- sources ----------------------------------------------------------------------------------


def test_every_source_gives_the_same_pixels(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(photo(), "PNG"))
    expected = np.asarray(photo())
    data = path.read_bytes()
    sources = [path, str(path), data, bytearray(data), memoryview(data), photo(), expected]
    sources += [SimpleNamespace(picture=expected), Image.open(path), next(iter(_entries(tmp_path)))]
    sources += [next(iter(_entries(os.fsencode(tmp_path)))), np.asfortranarray(expected)]
    sources += [np.ascontiguousarray(expected[..., ::-1])[..., ::-1]]  # a view of BGR
    for source in sources:
        assert np.array_equal(pixels(source), expected), source


def _entries(folder):
    with os.scandir(folder) as entries:
        yield from list(entries)


@pytest.mark.parametrize(
    "source",
    [
        None,
        3,
        object(),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 0, 3), np.uint8),
        np.zeros((1, 101, 3), np.uint8),
        [[0]],
    ],
    ids=lambda source: type(source).__name__ + str(getattr(source, "shape", "")),
)
def test_what_is_no_picture(source):
    refused(source, "")


def test_a_pil_picture_is_left_as_it_was():
    picture = photo().convert("RGBA")
    before = picture.tobytes()
    images.prepare(picture, TOWER, draft=True)
    assert picture.mode == "RGBA" and picture.tobytes() == before
    lazy = Image.open(io.BytesIO(encoded(photo(800, 600), "JPEG")))
    images.prepare(lazy, TOWER, draft=True)
    assert lazy.size == (800, 600)


def test_a_pil_picture_whose_file_is_closed(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(photo(), "PNG"))
    with Image.open(tmp_path / "a.png") as picture:
        pass
    refused(picture, "the picture")


def test_the_name_says_nothing_the_content_all(tmp_path):
    for name in ("a.jpg", "a.gif", "a", "a.txt", "-a.png", "ü.png", "\u202e.png"):
        (tmp_path / name).write_bytes(encoded(photo(), "PNG"))
        assert np.array_equal(pixels(tmp_path / name), np.asarray(photo()))
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.png")
    Path(odd).write_bytes(encoded(photo(), "PNG"))
    assert pixels(odd).shape == (40, 60, 3)


def test_a_jpeg_is_the_picture_without_a_word_about_it():
    for source in (np.asarray(photo()), encoded(photo(), "PNG"), photo()):
        found = Image.open(io.BytesIO(images.jpeg(source)))
        assert (found.format, found.size, found.mode) == ("JPEG", (60, 40), "RGB")
        assert not found.getexif() and "icc_profile" not in found.info
    near = np.asarray(Image.open(io.BytesIO(images.jpeg(photo(), quality=95))), np.int16)
    assert np.abs(near - np.asarray(photo(), np.int16)).mean() < 8
    assert len(images.jpeg(photo(), quality=30)) < len(images.jpeg(photo()))
    with pytest.raises(images.ImageRejected):
        images.jpeg(b"no picture")
