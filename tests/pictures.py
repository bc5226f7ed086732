"""Pictures made on the spot: photographs, every format and mode, hostile files."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeclip.errors import ImageRejected
from edgeclip.model import images


def photo(width: int = 60, height: int = 40, seed: int = 0) -> Image.Image:
    """Smooth coloured noise with no symmetry: every turn of it is another picture."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    picture = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    noise = rng.integers(-12, 13, (height, width, 3))
    return Image.fromarray(np.clip(picture + noise, 0, 255).astype(np.uint8))


def encoded(picture: Image.Image, form: str, **options: Any) -> bytes:
    """Write a picture to memory."""
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *, depth: int = 8, colour: int = 0, extra: bytes = b"") -> bytes:
    """A black PNG of any size, some kilobytes long."""
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    row = bytes(1 + (width * depth * channels + 7) // 8)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", rows)
    return b"\x89PNG\r\n\x1a\n" + chunks + png_chunk(b"IEND", b"")


def tiff(
    width: int, height: int, bits: int, pixels: bytes, *, photometric: int = 1, sample: int = 1
) -> bytes:
    """A little-endian TIFF of one uncompressed grey strip, for depths that Pillow cannot write."""
    tags = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, bits),
        (259, 3, 1),
        (262, 3, photometric),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, height),
        (279, 4, len(pixels)),
        (339, 3, sample),
    ]
    pixels += b"\0" * (len(pixels) % 2)
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    start = struct.pack("<2sHI", b"II", 42, 8 + len(pixels))
    return start + pixels + struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)


def formats() -> dict[str, bytes]:
    """The same photograph in each allowed format, for what does not depend on the pixels."""
    return {
        "JPEG": encoded(photo(), "JPEG", quality=90),
        "PNG": encoded(photo(), "PNG"),
        "WEBP": encoded(photo(), "WEBP", quality=90),
        "GIF": encoded(photo(), "GIF"),
        "BMP": encoded(photo(), "BMP"),
        "TIFF": encoded(photo(), "TIFF", compression="tiff_lzw"),
        "PPM": encoded(photo(), "PPM"),
        "AVIF": encoded(photo(), "AVIF", quality=90),
    }


def grey() -> np.ndarray:
    """The photograph in 8-bit grey."""
    return np.asarray(photo().convert("L"))


def rgb_of(values) -> np.ndarray:
    """Grey values as RGB."""
    return np.repeat(np.asarray(values, np.uint8)[..., None], 3, axis=-1)


def pixels(source) -> np.ndarray:
    """What edgeclip makes of a picture, before it is resized."""
    found = images.read(source)
    assert found.mode == "RGB"
    return np.asarray(found)


def cosine(a, b) -> float:
    """Cosine of two pictures around mid-grey."""
    a, b = (np.asarray(p, float).ravel() - 127.5 for p in (a, b))
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def refused(source, name, kind=ImageRejected, **options):
    """Assert that a picture is refused in one line that names it; return that line."""
    with pytest.raises(ImageRejected) as caught:
        images.read(source, **options)
    message = str(caught.value)
    assert isinstance(caught.value, kind), message
    assert "\n" not in message and name in message
    return message
