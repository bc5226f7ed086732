"""The first bytes of a file."""

from __future__ import annotations

import struct

import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeclip.model.headers import is_heic, webp_canvas
from tests.pictures import encoded, formats, photo


def heic() -> bytes:
    pillow_heif.register_heif_opener()
    return encoded(photo(), "HEIF")


def ftyp(brand: bytes, *compatible: bytes) -> bytes:
    return (b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0" + b"".join(compatible)).ljust(32, b"\0")


def test_heic_is_told_from_avif_and_all_others():
    assert is_heic(heic()[:32])
    assert not any(is_heic(data[:32]) for data in formats().values())


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (ftyp(b"heic", b"mif1"), True),
        (ftyp(b"heix"), True),
        (ftyp(b"mif1", b"heic"), True),
        (ftyp(b"msf1", b"hevc"), True),
        (ftyp(b"mif1", b"avif"), False),
        (ftyp(b"mif1", b"miaf", b"avif"), False),
        (ftyp(b"avif", b"heic"), False),
        (ftyp(b"mp42", b"isom"), False),
        (b"", False),
        (b"\0\0\0\x18ftyp", False),
    ],
)
def test_brands(head, expected):
    assert is_heic(head) is expected


@given(st.integers(1, 1 << 24), st.integers(1, 1 << 24))
def test_the_canvas_of_an_extended_webp(width, height):
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    head = b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<II", 10, 0) + sides
    assert webp_canvas(head) == (width, height)
    assert webp_canvas(head[:29]) is None


def test_the_canvas_that_pillow_wrote_and_that_of_others():
    frames = [photo(33, 21, seed) for seed in (1, 2)]
    moving = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    assert webp_canvas(moving[:32]) == (33, 21)
    others = {name: data for name, data in formats().items() if not name.startswith("WEBP")}
    assert all(webp_canvas(data[:32]) is None for data in others.values())


@given(st.integers(1, 300), st.integers(1, 300), st.booleans(), st.booleans())
@settings(max_examples=30)
def test_the_canvas_of_every_kind_of_webp(width, height, lossless, transparent):
    picture = photo(width, height).convert("RGBA" if transparent else "RGB")
    if transparent:
        picture.putalpha(100)
    head = encoded(picture, "WEBP", lossless=lossless)[:30]
    assert webp_canvas(head) == (width, height)
    assert webp_canvas(head[:29]) is None


@given(st.binary(max_size=64))
def test_any_bytes_are_answered(head):
    assert is_heic(head) in (True, False)
    assert webp_canvas(head) is None or min(webp_canvas(head)) >= 0
