"""EXIF orientation: eight ways to store one photograph, and broken ways to say which."""

from __future__ import annotations

import struct

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from edgeclip.model import images
from tests.pictures import encoded

# How the upright picture has to be stored so that the orientation turns it back.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
LOSSLESS = {
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "TIFF-lzw": {"compression": "tiff_lzw"},
    "TIFF-deflate": {"compression": "tiff_deflate"},
}


def stored(picture, orientation):
    method = STORED[orientation]
    return picture if method is None else picture.transpose(method)


def written(picture, form, orientation, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    if form == "HEIF":  # turned by a box of its own, which pillow_heif writes for raw EXIF only
        exif = exif.tobytes()
    return encoded(stored(picture, orientation), form.partition("-")[0], exif=exif, **options)


@pytest.fixture(scope="module")
def upright(photos):
    """A photograph that is no square and has no symmetry."""
    with Image.open(photos / "chelsea.png") as opened:
        return opened.convert("RGB").resize((150, 100))


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("form", LOSSLESS)
def test_all_orientations_give_the_same_pixels(upright, form, orientation):
    data = written(upright, form, orientation, **LOSSLESS[form])
    assert np.array_equal(np.asarray(images.read(data)), np.asarray(upright))


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("form", ["JPEG", "AVIF", "HEIF"])
def test_all_orientations_give_the_same_vector(model, upright, form, orientation):
    pillow_heif.register_heif_opener()
    options = {"quality": 95} | ({} if form == "HEIF" else {"subsampling": "4:4:4"})
    vector = model.embed_image(written(upright, form, orientation, **options))
    assert vector @ model.embed_image(upright) >= 0.999


def test_a_multi_picture_jpeg_is_turned(upright):
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = [stored(upright, 6)] * 2
    data = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:], exif=exif, quality=95)
    found = np.asarray(images.read(data), float)
    assert found.shape == (100, 150, 3) and np.abs(found - np.asarray(upright)).mean() < 4


@pytest.mark.parametrize("orientation", STORED)
def test_a_pil_picture_is_turned_too(upright, orientation, tmp_path):
    (tmp_path / "a.png").write_bytes(written(upright, "PNG", orientation))
    with Image.open(tmp_path / "a.png") as opened:
        assert np.array_equal(np.asarray(images.read(opened)), np.asarray(upright))


@pytest.mark.parametrize("orientation", STORED)
def test_a_draft_is_turned_too(upright, orientation):
    large = upright.resize((1500, 1000))
    found = images.read(written(large, "JPEG", orientation, quality=95), draft_size=100)
    assert found.size == (188, 125)
    expected = np.asarray(large.resize(found.size), float)
    assert np.abs(np.asarray(found) - expected).mean() < 4


def test_other_orientations_would_differ(model, upright):
    vector = model.embed_image(upright)
    for orientation in range(2, 9):
        assert vector @ model.embed_image(stored(upright, orientation)) < 0.999


@pytest.mark.parametrize("value", [0, 9, 255, 65535])
def test_orientations_out_of_range_are_none(upright, value):
    exif = Image.Exif()
    exif[0x0112] = value
    for form in ("PNG", "TIFF", "JPEG"):
        plain = np.asarray(images.read(encoded(upright, form)))
        assert np.array_equal(np.asarray(images.read(encoded(upright, form, exif=exif))), plain)


def ifd(*entries, following=0):
    """A little-endian EXIF block with raw entries of (tag, kind, count, value)."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries))
    return head + body + struct.pack("<I", following)


BROKEN = {
    "empty": b"",
    "header only": b"Exif\0\0",
    "no byte order": b"Exif\0\0XX*\0\x08\0\0\0",
    "cut": ifd((0x0112, 3, 1, 6))[:18],
    "offset beyond": b"Exif\0\0II*\0" + struct.pack("<I", 1 << 30),
    "cyclic": ifd((0x0112, 3, 1, 1), following=8),
    "cyclic exif": ifd((0x8769, 4, 1, 8)),
    "many entries": b"Exif\0\0II*\0" + struct.pack("<IH", 8, 65535) + bytes(200),
    "as text": ifd((0x0112, 2, 4, 0x00363636)),
    "as fraction": ifd((0x0112, 5, 1, 1 << 20)),
    "as float": ifd((0x0112, 11, 1, 0x40C00000)),
    "two values": ifd((0x0112, 3, 2, 6 | 6 << 16)),
    "no values": ifd((0x0112, 3, 0, 6)),
    "immense count": ifd((0x0112, 3, 0xFFFFFFFF, 6)),
    "64 kB": b"Exif\0\0" + bytes(65_000),
    "random": b"Exif\0\0" + np.random.default_rng(3).bytes(500),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_exif_block_says_nothing(upright, name):
    """The pixels are whole, so the picture is read, as it is stored or as a number says."""
    for form in ("JPEG", "PNG", "WEBP"):
        options = {"lossless": True} if form == "WEBP" else {}
        data = encoded(upright, form, exif=BROKEN[name], **options)
        found = images.read(data)
        plain = images.read(encoded(upright, form, **options))
        turned = plain.transpose(Image.Transpose.ROTATE_270)
        allowed = {plain.tobytes()}
        if name in ("as fraction", "as float", "two values"):
            allowed.add(turned.tobytes())
        assert found.tobytes() in allowed, form


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_broken_block_of_a_tiff_is_answered(upright):
    entry = struct.pack("<HHI", 0x0112, 3, 1)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = bytearray(encoded(upright, "TIFF", exif=exif))
    at = data.index(entry)
    for kind, count, value in [(2, 4, 7), (3, 1 << 31, 6), (5, 1, 9), (99, 1, 6), (3, 0, 0)]:
        data[at + 2 : at + 12] = struct.pack("<HII", kind, count, value)
        try:
            images.read(bytes(data))
        except ValueError as error:
            assert "\n" not in str(error)
