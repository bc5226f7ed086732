"""Hostile pictures: refused at once, in little memory, in one line that names the file."""

from __future__ import annotations

import errno
import os
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from edgeclip.errors import ImageRejected, UnsupportedFormat
from edgeclip.model import images, towers
from tests import folders
from tests.patience import PROMPT_S
from tests.pictures import (
    encoded,
    formats,
    photo,
    pixels,
    png,
    png_chunk,
    refused,
    tiff,
)

TOWER = towers.image_tower(folders.image_record())


# --- refusals ---------------------------------------------------------------------------------


FOREIGN = {
    "html.jpg": b"<!DOCTYPE html><html><body>not found</body></html>",
    "drawing.svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    "paper.pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    "photos.zip": b"PK\x03\x04" + bytes(60),
    "empty.png": b"",
    "one.jpg": b"\xff",
    "text.txt": b"hello\n" * 100,
    "zeros.bmp": bytes(4096),
    "film.mp4": b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(100),
    "page.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_files_are_refused_by_content(tmp_path, name):
    (tmp_path / name).write_bytes(FOREIGN[name])
    message = refused(tmp_path / name, name, UnsupportedFormat)
    assert ("is empty" in message) == (name == "empty.png")
    refused(FOREIGN[name], "the picture", UnsupportedFormat)


@pytest.mark.parametrize("form", ["PSD", "ICO", "TGA", "PCX", "SGI", "ICNS", "DDS", "JPEG2000"])
def test_formats_that_are_not_on_the_list(tmp_path, form):
    data = b"8BPS\0\1" + bytes(40) if form == "PSD" else encoded(photo(64, 64), form)
    refused(data, "the picture", UnsupportedFormat)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("form", formats())
def test_cut_files_are_refused_or_whole(tmp_path, form):
    """Where a cut loses no pixel (an end marker) the picture must be the same."""
    data = formats()[form]
    whole = pixels(data)
    path = tmp_path / f"cut.{form.lower()}"
    points = sorted({*range(1, 40, 3), *np.linspace(40, len(data) - 1, 60).astype(int)})
    read = []
    for point in points:
        path.write_bytes(data[:point])
        try:
            found = pixels(path)
        except ImageRejected as error:
            assert "\n" not in str(error) and str(path) in str(error)
        else:
            assert np.array_equal(found, whole), f"cut at {point} of {len(data)}"
            read.append(point)
    assert all(point > 0.95 * len(data) for point in read)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("form", formats())
def test_headers_alone_are_refused(form):
    refused(formats()[form][:32], "the picture")


def canvas_webp(width, height):
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<II", 10, 16) + sides


def animated_webp(width, height):
    frames = [photo(16, 16, seed) for seed in (1, 2)]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    return canvas_webp(width, height)[:30] + data[30:]


def simple_webp(width, height):
    data = bytearray(encoded(photo(16, 16), "WEBP"))
    data[26:30] = struct.pack("<HH", width, height)
    return bytes(data)


def huge_gif(width, height):
    data = bytearray(encoded(Image.new("L", (8, 8)), "GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def huge_tiff(width, height):
    return tiff(width, height, 8, bytes(64))


def huge_jpeg(width, height):
    data = bytearray(encoded(photo(16, 16), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def huge_bmp(width, height):
    data = bytearray(encoded(photo(16, 16), "BMP"))
    data[18:26] = struct.pack("<ii", width, height)
    return bytes(data)


def huge_avif(width, height):
    data = bytearray(encoded(photo(16, 16), "AVIF"))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", width, height)
    return bytes(data)


TEXT = b"comment\0\0" + zlib.compress(bytes(100_000_000), 9)
BOMBS = {
    "png-256-megapixels": lambda: png(16_000, 16_000, depth=1),
    "png-169-megapixels": lambda: png(13_000, 13_000, depth=1),
    "png-text": lambda: png(8, 8, extra=png_chunk(b"zTXt", TEXT)),
    "png-profile": lambda: png(8, 8, extra=png_chunk(b"iCCP", TEXT)),
    "webp-canvas": lambda: canvas_webp(16_000, 16_000),
    "webp-animation": lambda: animated_webp(12_000, 12_000),
    "webp-simple": lambda: simple_webp(16_383, 16_383),
    "gif-canvas": lambda: huge_gif(65_535, 65_535),
    "gif-12000": lambda: huge_gif(12_000, 12_000),
    "tiff-canvas": lambda: huge_tiff(60_000, 60_000),
    "jpeg-65500": lambda: huge_jpeg(65_500, 65_500),
    "jpeg-12000": lambda: huge_jpeg(12_000, 12_000),
    "bmp-canvas": lambda: huge_bmp(40_000, 40_000),
    "avif-canvas": lambda: huge_avif(16_000, 16_000),
    "ppm-canvas": lambda: b"P6 60000 60000 255\n" + bytes(100),
}

MEASURE = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
from edgeclip.errors import ImageRejected
from edgeclip.model import images

def peak():  # not ru_maxrss: that one is inherited from the parent
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024

images.read(sys.argv[1])  # a good one first: what importing and a decoder need does not count
before, started = peak(), time.process_time()
try:
    images.read(sys.argv[-1])
    answer = "read"
except ImageRejected as error:
    answer = str(error)
print(json.dumps([answer, peak() - before, time.process_time() - started]))
"""


def measured(good, path):
    import json

    child = subprocess.run(
        [sys.executable, "-c", MEASURE, str(good), str(path)], capture_output=True, text=True
    )
    assert child.returncode == 0, child.stderr
    return json.loads(child.stdout)


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_at_once_in_little_memory(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(BOMBS[name]())
    assert path.stat().st_size < 200_000
    (tmp_path / "good").write_bytes(formats()["JPEG"])
    answer, megabytes, seconds = measured(tmp_path / "good", path)
    assert name in answer and "\n" not in answer
    assert megabytes < 50 and seconds < 1


def test_deep_greys_within_the_limit_stay_within_bounds(tmp_path):
    """49 megapixels of 16 bits in 95 kB: once 1.6 GB, by a conversion to float64 in one piece."""
    (tmp_path / "deep").write_bytes(png(7000, 7000, depth=16))
    (tmp_path / "good").write_bytes(formats()["JPEG"])
    answer, megabytes, _ = measured(tmp_path / "good", tmp_path / "deep")
    assert answer == "read" and megabytes < 600


def test_the_limit_of_pixels_is_an_option():
    data = encoded(photo(100, 100), "PNG")
    assert images.read(data, max_pixels=10_000).size == (100, 100)
    message = refused(data, "100x100", max_pixels=9_999)
    assert "9,999" in message
    refused(np.asarray(photo(100, 100)), "100x100", max_pixels=9_999)
    refused(photo(100, 100), "100x100", max_pixels=9_999)


@pytest.mark.parametrize(("width", "height"), [(101, 1), (1, 101), (65_500, 1), (2, 201)])
def test_pictures_too_long_are_refused(tmp_path, width, height):
    (tmp_path / "long.png").write_bytes(png(width, height))
    assert "100:1" in refused(tmp_path / "long.png", "long.png")


@pytest.mark.parametrize(("width", "height"), [(100, 1), (1, 100), (200, 2), (1, 1)])
def test_pictures_just_not_too_long_are_read(width, height):
    assert images.prepare(png(width, height), TOWER).shape == (3, 32, 32)


# --- what is no ordinary file -----------------------------------------------------------------


def test_folders_pipes_devices_and_nothing(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "absent")
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    (tmp_path / "pipe-link.jpg").symlink_to(tmp_path / "pipe.jpg")
    (tmp_path / "file").touch()
    started = time.perf_counter()
    for name in ("folder", "pipe", "loop", "dangling", "device", "pipe-link", "absent"):
        refused(tmp_path / f"{name}.jpg", f"{name}.jpg")
    refused(tmp_path / "file" / "below.jpg", "below.jpg")
    refused(tmp_path / ("x" * 300), "x" * 300)
    refused("/dev/zero", "/dev/zero")
    refused("/dev/null", "/dev/null")
    refused("", ".")
    assert time.perf_counter() - started < PROMPT_S


def test_a_link_to_a_picture_is_a_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(photo(), "PNG"))
    (tmp_path / "b.png").symlink_to(tmp_path / "a.png")
    assert np.array_equal(pixels(tmp_path / "b.png"), np.asarray(photo()))


@pytest.fixture
def nobody():
    """Be an ordinary user, also when root runs the tests: root may read everything."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(65534)
    yield
    os.seteuid(own)


def test_unreadable_files_are_refused(tmp_path, nobody):
    with pytest.raises(OSError, match="denied"):  # what the system says without edgeclip
        Path("/etc/shadow").read_bytes()
    assert "Permission denied" in refused("/etc/shadow", "/etc/shadow")


def test_errors_of_the_system_are_refusals(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(encoded(photo(), "PNG"))

    def denied(*_):
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(images.os, "open", denied)
    assert "Permission denied" in refused(tmp_path / "a.png", "a.png")


def test_a_file_that_was_swapped_for_a_pipe_does_not_block(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(photo(), "PNG"))
    real = images.os.open

    def swapped(*args):
        path.unlink()
        os.mkfifo(path)
        return real(*args)

    monkeypatch.setattr(images.os, "open", swapped)
    assert "no ordinary file" in refused(path, "a.png")


def test_no_memory_is_a_refusal(monkeypatch):
    def exhausted(*_, **__):
        raise MemoryError

    monkeypatch.setattr(images.Image, "open", exhausted)
    assert "memory" in refused(b"x", "the picture")


@pytest.mark.parametrize(
    "name",
    ["new\nline.jpg", "bell\a.jpg", "\x1b[31mred.jpg", "tab\t.jpg", "\u202egnp.jpg", "\u2028"],
)
def test_names_are_shown_on_one_plain_line(tmp_path, name):
    path = tmp_path / name
    for content in (None, b"", b"<html>", formats()["PNG"][:300], png(16_000, 16_000, depth=1)):
        if content is not None:
            path.write_bytes(content)
        message = refused(path, name.encode("unicode_escape").decode())
        assert message.isprintable() and len(message.splitlines()) == 1


def test_names_that_are_no_utf8_can_be_printed(tmp_path):
    message = refused(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n.jpg"), "\\xff\\n.jpg")
    message.encode("utf-8")


def test_files_are_closed(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(photo(), "PNG"))
    (tmp_path / "b.png").write_bytes(encoded(photo(), "PNG")[:200])
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        images.read(tmp_path / "a.png")
        refused(tmp_path / "b.png", "b.png")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_decoders_mercy_is_off():
    """A process-wide switch of Pillow that fills what is missing with grey."""
    from PIL import ImageFile

    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_text_chunks_that_pillow_allows_are_harmless():
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "x" * 100_000, zip=True)
    assert np.array_equal(pixels(encoded(photo(), "PNG", pnginfo=info)), np.asarray(photo()))
