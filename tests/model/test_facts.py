"""facts: what a file tells of its photograph, and what of it is believed."""

from __future__ import annotations

import random
import struct
import warnings

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

from edgeclip.model import facts, images
from tests.pictures import encoded, photo, png_chunk

TIME = 1_700_000_000.5
FILE_TIME = {"time": "2023-11-14T22:13:20+00:00", "time_source": "file"}
BERLIN = {1: "N", 2: (52.0, 31.0, 12.03), 3: "E", 4: (13.0, 24.0, 17.84), 5: b"\0", 6: 34.5}


def exif(main=None, taken=None, gps=None) -> Image.Exif:
    made = Image.Exif()
    for tag, value in (main or {}).items():
        made[tag] = value
    if taken is not None:
        made.get_ifd(0x8769)[0x9003] = taken
    if gps:
        made.get_ifd(0x8825).update(gps)
    return made


def told(form="JPEG", **tags) -> dict:
    return facts.facts(encoded(photo(), form, exif=exif(**tags)), TIME)


def tiff_tags(main, taken, gps) -> ImageFileDirectory_v2:
    tags = ImageFileDirectory_v2()
    for tag, value in (main | {0x8769: {0x9003: taken}, 0x8825: gps}).items():
        tags[tag] = value
    return tags


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_photograph(form):
    tags = ({0x010F: "Canon", 0x0110: "Canon EOS R5"}, "2024:05:01 12:34:56", BERLIN)
    options = {"tiffinfo": tiff_tags(*tags)} if form == "TIFF" else {"exif": exif(*tags)}
    found = facts.facts(encoded(photo(), form, **options), TIME)
    assert found.pop("bytes") > 100
    assert found == {
        "width": 60,
        "height": 40,
        "time": "2024-05-01T12:34:56",
        "time_source": "exif",
        "camera": "Canon EOS R5",
        "gps": {"latitude": 52.520_008_3, "longitude": 13.404_955_6, "altitude": 34.5},
    }
    assert set(found) | {"bytes"} == facts.FIELDS


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF"])
def test_a_picture_without_exif(form):
    data = encoded(photo(), form)
    assert facts.facts(data, TIME) == {
        "bytes": len(data),
        "width": 60,
        "height": 40,
        **FILE_TIME,
    }


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_the_size_is_that_of_the_upright_picture(form, turn):
    data = encoded(photo(), form, exif=exif({0x0112: turn}))
    found = facts.facts(data, TIME)
    assert (found["width"], found["height"]) == images.read(data).size


def test_a_png_with_exif_behind_its_pixels():
    data, tags = encoded(photo(), "PNG"), exif({0x0112: 6, 0x010F: "A"}).tobytes()
    end = data.index(b"IEND") - 4
    data = data[:end] + png_chunk(b"eXIf", tags.removeprefix(b"Exif\0\0")) + data[end:]
    found = facts.facts(data, TIME)
    assert (found["width"], found["height"], found["camera"]) == (40, 60, "A")
    assert images.read(data).size == (40, 60)


def test_a_png_without_exif_is_not_decoded():
    data = encoded(photo(), "PNG")
    broken = data[: len(data) // 2]
    assert facts.facts(broken, TIME)["width"] == 60


@pytest.mark.parametrize("data", [b"", b"none", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8X"])
def test_no_picture(data):
    assert facts.facts(data, TIME) == {"bytes": len(data), **FILE_TIME}


@pytest.mark.parametrize("modified", [1e18, -1e18, float("inf"), float("nan")])
def test_a_time_of_modification_that_is_none(modified):
    assert "time" not in facts.facts(b"none", modified)


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("2024:05:01 12:34:56", "2024-05-01T12:34:56"),
        ("2024-05-01T12:34:56.123Z", "2024-05-01T12:34:56"),
        ("2024:05:01 12:34:56\0\0", "2024-05-01T12:34:56"),
        ("0000:00:00 00:00:00", None),
        ("2024:13:01 12:34:56", None),
        ("2024:02:30 12:34:56", None),
        ("    :  :     :  :  ", None),
        ("yesterday", None),
        ("2024:05:01", None),
    ],
)
def test_times(value, time):
    found = told(taken=value)
    expected = {"time": time, "time_source": "exif"} if time else FILE_TIME
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("NIKON CORPORATION", "NIKON D850", "NIKON CORPORATION NIKON D850"),
        ("Canon", "canon EOS R5", "canon EOS R5"),
        ("Apple", "iPhone 15", "Apple iPhone 15"),
        ("  Sony \n", " A7\tIV \0 junk", "Sony A7 IV"),
        ("", "Model", "Model"),
        ("Maker", "", "Maker"),
        ("", " \0", None),
        ("x" * 500, "y", "x" * 100),
        ("Caf\u00c3\u00a9", "\u00fc", "Café ü"),
        ("\x1b[31m", "red\u202e", "[31m red"),
    ],
)
def test_cameras(make, model, camera):
    assert facts._camera(make, model) == (camera or "")
    if (make + model).isascii():
        assert told(main={0x010F: make, 0x0110: model}).get("camera") == camera


def gps(**changes):
    names = {"ns": 1, "lat": 2, "ew": 3, "lon": 4, "ref": 5, "alt": 6}
    tags = BERLIN | {names[name]: value for name, value in changes.items()}
    return facts._sound(lambda: facts._gps({k: v for k, v in tags.items() if v is not None}))


ZERO = IFDRational(1, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"lat": None},
        {"ns": None},
        {"ns": "X"},
        {"ns": 5},
        {"lat": (52.0, 31.0)},
        {"lat": 52.0},
        {"lat": "abc"},
        {"lat": (ZERO, 0, 0)},
        {"lat": (IFDRational(0, 0), 0, 0)},
        {"lat": (52.0, ZERO, 0)},
        {"lat": (90.0, 0.0, 1.0)},
        {"lon": (181.0, 0.0, 0.0)},
        {"lat": (-5.0, 0.0, 0.0)},
        {"lat": (5.0, 61.0, 0.0)},
        {"lat": (float("nan"), 0.0, 0.0)},
        {"lat": (float("inf"), 0.0, 0.0)},
        {"lat": (0, 0, 0), "lon": (0, 0, 0)},
    ],
)
def test_places_that_are_none(changes):
    assert gps(**changes) is None


def test_places():
    assert gps(ns="s", ew=b"W\0")["latitude"] < 0 > gps(ew="W")["longitude"]
    assert gps(lat=(52.52, 0, 0), lon=(13, 24.297, 0))["longitude"] == 13.40495
    assert gps(ref=b"\1")["altitude"] == -34.5
    for bad in (ZERO, float("nan"), "high", 1e9, -5, None, (1, 2)):
        assert set(gps(alt=bad)) == {"latitude", "longitude"}


def entries(order: str, tags, offset: int = 8) -> bytes:
    """A TIFF directory of raw (tag, type, count, value) entries."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    body = b"".join(struct.pack(order + "HHII", *tag) for tag in tags)
    return mark + struct.pack(order + "IH", offset, len(tags)) + body + struct.pack(order + "I", 8)


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"II*\0",
        b"MM\0*\xff\xff\xff\xff",
        bytes(65_000),
        b"\xff" * 65_000,
        entries("<", [(0x8769, 4, 1, 8), (0x8825, 4, 1, 8)]),  # directories that are themselves
        entries(">", [(0x8769, 4, 1, 2**32 - 1)]),
        entries("<", [(0x010F, 2, 2**31, 8)]),
        entries("<", [(0x010F, 5, 1, 8), (0x0110, 12, 3, 0), (0x0112, 2, 9, 8)]),
        entries("<", [(0x8825, 2, 4, 65)]),
        entries("<", [(tag, 7, 60_000, 0) for tag in range(4000)]),
    ],
    ids=range(11),
)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_hostile_blocks(form, block):
    data = encoded(photo(), form, exif=b"Exif\0\0" + block[:65_000])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, one for each tag
        found = facts.facts(data, TIME)
    assert (found["width"], found["height"], found["time_source"]) == (60, 40, "file")
    assert set(found) <= facts.FIELDS


def test_mutants_never_raise():
    rng = random.Random(7)
    whole = encoded(
        photo(),
        "JPEG",
        exif=exif({0x010F: "Canon", 0x0110: "R5", 0x0112: 6}, "2024:05:01 12:34:56", BERLIN),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(1500):
            data = bytearray(whole)
            for _ in range(rng.randrange(1, 8)):
                data[rng.randrange(2, 400)] = rng.randrange(256)
            found = facts.facts(bytes(data), TIME)
            assert set(found) <= facts.FIELDS
            place = found.get("gps", {"latitude": 0, "longitude": 0})
            assert abs(place["latitude"]) <= 90 and abs(place["longitude"]) <= 180


def test_decoders_are_named():
    assert facts.decoders().startswith("pillow-1") and "pillow_heif-" in facts.decoders()
