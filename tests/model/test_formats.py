"""Modes and formats: what lies behind transparency, deep greys, CMYK, animations, HEIC."""

from __future__ import annotations

import io
import sys
import time

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from edgeclip.errors import UnsupportedFormat
from edgeclip.model import images
from tests.pictures import (
    cosine,
    encoded,
    formats,
    grey,
    photo,
    pixels,
    refused,
    rgb_of,
    tiff,
)

WHITE = (255, 255, 255)


# --- modes ------------------------------------------------------------------------------------


def test_ordinary_modes_of_png():
    expected = rgb_of(grey())
    assert np.array_equal(pixels(encoded(photo().convert("L"), "PNG")), expected)
    black_white = photo().convert("1")
    assert np.array_equal(
        pixels(encoded(black_white, "PNG")), rgb_of(np.asarray(black_white) * 255)
    )
    palette = photo().quantize(16)
    assert np.array_equal(pixels(encoded(palette, "PNG")), np.asarray(palette.convert("RGB")))


def over_white(rgb, alpha):
    rgb, alpha = np.asarray(rgb, float), np.asarray(alpha, float)[..., None] / 255
    return rgb * alpha + 255 * (1 - alpha)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_transparency_is_laid_on_white(form):
    alpha = np.linspace(0, 255, 60).astype(np.uint8)[None].repeat(40, 0)
    picture = photo()
    picture.putalpha(Image.fromarray(alpha))
    options = {
        "WEBP": {"lossless": True, "exact": True},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    }
    found = pixels(encoded(picture, form, **options.get(form, {}))).astype(float)
    assert np.abs(found - over_white(photo(), alpha)).max() <= (10 if form == "AVIF" else 1)


def test_hidden_colour_stays_hidden():
    red = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    for data in (encoded(red, "PNG"), encoded(red, "WEBP", lossless=True, exact=True)):
        assert np.all(pixels(data) == WHITE)
    assert np.all(pixels(red) == WHITE)
    assert np.all(pixels(red.convert("RGBa")) == WHITE)
    assert np.all(pixels(Image.new("LA", (8, 8), (9, 0))) == WHITE)
    assert np.all(pixels(Image.new("La", (8, 8), (0, 0))) == WHITE)


def test_transparent_colours_of_palette_grey_and_rgb():
    palette = photo().quantize(8)
    data = encoded(palette, "PNG", transparency=3)
    hidden = np.asarray(palette) == 3
    expected = np.where(hidden[..., None], 255, np.asarray(palette.convert("RGB")))
    assert hidden.any() and np.array_equal(pixels(data), expected)
    levels = encoded(palette, "PNG", transparency=bytes(range(0, 256, 36)))
    alpha = np.array(range(0, 256, 36))[np.asarray(palette)]
    assert np.abs(pixels(levels) - over_white(palette.convert("RGB"), alpha)).max() <= 1
    for mode, colour, shown in (("L", 7, 8), ("RGB", (7, 7, 7), (8, 8, 8)), ("1", 0, 1)):
        picture = Image.new(mode, (4, 4), colour)
        picture.putpixel((1, 1), shown)
        found = pixels(encoded(picture, "PNG", transparency=colour))
        assert np.all(found[0] == WHITE)
        assert found[1, 1, 0] == (255 if mode == "1" else 8)


def test_16_bit_png_is_scaled_not_clipped():
    ramp = np.linspace(0, 65535, 60 * 40).astype(np.uint16).reshape(40, 60)
    found = pixels(encoded(Image.fromarray(ramp), "PNG"))
    assert np.array_equal(found, rgb_of(np.rint(ramp / 257)))
    deep = grey().astype(np.uint16) * 257
    assert np.array_equal(pixels(encoded(Image.fromarray(deep), "PNG")), rgb_of(grey()))
    dark = np.full((4, 4), 200, np.uint16)  # almost black, though it would fit in 8 bits
    assert np.all(pixels(encoded(Image.fromarray(dark), "PNG")) == 1)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_deflate"])
def test_deep_tiffs_equal_their_8_bit_version(compression):
    expected = rgb_of(grey())
    deep = {
        "8": grey(),
        "16": grey().astype(np.uint16) * 257,
        "32 in 16": grey().astype(np.int32) * 257,
        "float": grey().astype(np.float32) / 255,
        "float 255": grey().astype(np.float32),
    }
    for name, values in deep.items():
        data = encoded(Image.fromarray(values), "TIFF", compression=compression)
        assert np.abs(pixels(data).astype(int) - expected).max() <= 1, name


def test_deep_greys_out_of_range_are_stretched():
    values = np.linspace(-3.0, 5.0, 256, dtype=np.float32).reshape(16, 16)
    found = pixels(encoded(Image.fromarray(values), "TIFF"))
    assert found.min() == 0 and found.max() == 255
    assert np.abs(found[..., 0].ravel().astype(int) - np.arange(256)).max() <= 1
    many = (np.arange(256, dtype=np.int32) * 1_000_000).reshape(16, 16)
    assert (
        np.abs(pixels(Image.fromarray(many))[..., 0].ravel().astype(int) - np.arange(256)).max()
        <= 1
    )
    flat = np.full((4, 4), -7.0, np.float32)
    assert np.all(pixels(Image.fromarray(flat)) == 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_floats_that_are_no_numbers_are_refused(bad):
    values = np.full((8, 8), bad, np.float32)
    assert "no numbers" in refused(encoded(Image.fromarray(values), "TIFF"), "the picture")


def test_12_bit_tiffs_are_scaled_by_their_own_range():
    values = np.linspace(0, 4095, 60 * 40).astype(np.uint16)
    pairs = values.reshape(-1, 2).astype(np.uint32)
    packed = (pairs[:, 0] << 12 | pairs[:, 1]).astype(">u4").view(np.uint8).reshape(-1, 4)[:, 1:]
    found = pixels(tiff(60, 40, 12, packed.tobytes()))
    expected = rgb_of(np.rint(values / 4095 * 255).reshape(40, 60))
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("bits", "dtype", "sample"), [(8, "u1", 1), (16, "<u2", 1), (32, "<f4", 3)]
)
def test_white_is_zero_is_no_negative(bits, dtype, sample):
    top = {8: 255, 16: 65535, 32: 1.0}[bits]
    values = (grey() / 255 * top).astype(dtype)
    plain = pixels(tiff(60, 40, bits, values.tobytes(), sample=sample))
    inverted = (top - values).astype(dtype)
    turned = pixels(tiff(60, 40, bits, inverted.tobytes(), photometric=0, sample=sample))
    assert np.abs(plain.astype(int) - rgb_of(grey())).max() <= 1
    assert np.abs(turned.astype(int) - plain).max() <= 1


@pytest.mark.parametrize(("top", "step"), [(255, 1), (65535, 257), (1023, 4)])
def test_portable_maps_of_every_depth(top, step):
    values = grey().astype(np.uint32) * step
    head = f"P5 60 40 {top}\n".encode()
    body = values.astype("u1" if top < 256 else ">u2").tobytes()
    expected = np.rint(values * (255 / top)).clip(0, 255)
    assert np.abs(pixels(head + body).astype(int) - rgb_of(expected)).max() <= 1
    black_white = b"P4 16 2\n" + bytes([0xF0, 0x0F, 0xFF, 0x00])
    assert pixels(black_white)[0, :, 0].tolist() == [0] * 4 + [255] * 8 + [0] * 4


def test_cmyk_equals_the_rgb_version():
    smooth = photo().resize((240, 160), Image.Resampling.BICUBIC)
    cmyk = smooth.convert("CMYK")
    for data in (
        encoded(cmyk, "JPEG", quality=95),  # Pillow writes Adobe's marker and inverts
        encoded(cmyk, "TIFF"),
        encoded(cmyk, "TIFF", compression="tiff_lzw"),
    ):
        assert cosine(pixels(data), smooth) > 0.99


def test_adobe_ycck_equals_the_rgb_version():
    """Turn Pillow's inverted CMYK into YCCK: other components, and transform 2 in the marker."""
    smooth = photo().resize((240, 160), Image.Resampling.BICUBIC)
    # libjpeg turns YCC into RGB and answers 255 minus it; Adobe stores CMYK inverted, so that
    # answer must be RGB again, and black ink is 255 for none.
    ycc = np.asarray(Image.fromarray(255 - np.asarray(smooth)).convert("YCbCr"))
    stored = np.dstack([ycc, np.full(ycc.shape[:2], 255, np.uint8)])
    as_saved = Image.frombytes("CMYK", smooth.size, (255 - stored).tobytes())
    data = bytearray(encoded(as_saved, "JPEG", quality=95, subsampling=0))
    at = data.index(b"Adobe")
    assert data[at + 11] == 0
    data[at + 11] = 2
    assert cosine(pixels(bytes(data)), smooth) > 0.99


# --- formats ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", formats())
def test_every_allowed_format_is_read(form):
    assert set(formats()) == set(images.FORMATS)
    lossless = form in ("PNG", "BMP", "TIFF", "PPM")
    found = pixels(formats()[form])
    assert found.shape == (40, 60, 3)
    assert np.array_equal(found, photo()) if lossless else cosine(found, photo()) > 0.97


def test_jpegs_of_all_kinds():
    smooth = photo().resize((240, 160), Image.Resampling.BICUBIC)
    assert cosine(pixels(encoded(smooth, "JPEG", quality=95, progressive=True)), smooth) > 0.998
    grey_jpeg = pixels(encoded(smooth.convert("L"), "JPEG", quality=95))
    assert cosine(grey_jpeg, rgb_of(np.asarray(smooth.convert("L")))) > 0.998
    for subsampling in (0, 1, 2):
        data = encoded(smooth, "JPEG", quality=95, subsampling=subsampling)
        assert cosine(pixels(data), smooth) > 0.99


def test_the_first_picture_of_a_multi_picture_jpeg():
    first, second = (photo(seed=seed).resize((240, 160)) for seed in (1, 2))
    data = encoded(first, "MPO", save_all=True, append_images=[second], quality=95)
    assert Image.open(io.BytesIO(data)).n_frames == 2
    assert cosine(pixels(data), first) > 0.99


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_the_first_frame_of_an_animation(form):
    colours = [(250, 10, 10), (10, 250, 10), (10, 10, 250)]
    frames = [Image.new("RGB", (16, 12), colour) for colour in colours]
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:])
    assert np.abs(pixels(data).astype(int) - colours[0]).max() < 30


def test_ten_thousand_frames_take_no_time():
    frames = [Image.new("P", (16, 16), i % 7) for i in range(1000)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:] * 2, duration=10)
    started = time.process_time()
    assert pixels(data).shape == (16, 16, 3)
    assert time.process_time() - started < 2


def test_heic_is_read_with_the_extra():
    pillow_heif.register_heif_opener()
    smooth = photo().resize((240, 160), Image.Resampling.BICUBIC)
    found = pixels(encoded(smooth, "HEIF", quality=95))
    assert cosine(found, smooth) > 0.99


@pytest.mark.parametrize("cut", [16, 40, 200, 0.5, 0.9])
def test_cut_heics_are_refused(cut, tmp_path):
    pillow_heif.register_heif_opener()
    data = encoded(photo(), "HEIF", quality=95)
    (tmp_path / "a.heic").write_bytes(data[: cut if cut > 1 else int(cut * len(data))])
    refused(tmp_path / "a.heic", "a.heic")


def test_heic_without_the_extra_names_the_command(monkeypatch, tmp_path):
    pillow_heif.register_heif_opener()
    (tmp_path / "a.jpg").write_bytes(encoded(photo(), "HEIF"))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    message = refused(tmp_path / "a.jpg", "a.jpg", UnsupportedFormat)
    assert "HEIC" in message and "pip install 'edgeclip[heif]'" in message


def test_colour_profiles_wide_or_broken_change_nothing():
    for profile in (b"junk", b"\0" * 3000):
        for form in ("JPEG", "PNG", "WEBP", "TIFF"):
            options = {"lossless": True} if form == "WEBP" else {}
            plain = pixels(encoded(photo(), form, **options))
            assert np.array_equal(
                pixels(encoded(photo(), form, icc_profile=profile, **options)), plain
            )
