"""The contact sheet."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from edgeclip.errors import EdgeclipError
from edgeclip.model import sheet
from edgeclip.vectors import Match
from tests.pictures import photo


@pytest.fixture
def matches(tmp_path):
    """Three pictures: square red, wide green, small blue."""
    found = []
    for name, size, colour in (
        ("red", (300, 300), (255, 0, 0)),
        ("green", (400, 100), (0, 255, 0)),
        ("blue", (20, 20), (0, 0, 255)),
    ):
        Image.new("RGB", size, colour).save(tmp_path / f"{name}.png")
        found.append(Match(str(tmp_path / f"{name}.png"), 0.5))
    return found


def drawn(path):
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"))


def test_pictures_stand_in_their_places(tmp_path, matches):
    sheet.write_sheet(tmp_path / "s.png", [("a", matches), ("b", matches[:1])])
    pixels = drawn(tmp_path / "s.png")
    assert pixels.shape == (2 * 252 + 12, 220 + 3 * 212 + 12, 3)
    assert tuple(pixels[112, 320]) == (255, 0, 0)
    assert tuple(pixels[112, 532]) == (0, 255, 0)
    assert tuple(pixels[20, 532]) == (255, 255, 255)  # above the wide one
    assert tuple(pixels[112, 744]) == (0, 0, 255)
    assert tuple(pixels[112, 780]) == (255, 255, 255)  # beside the small one: not blown up
    assert tuple(pixels[364, 320]) == (255, 0, 0)
    assert tuple(pixels[364, 532]) == (255, 255, 255)  # no second match


def test_queries_and_captions_are_written(tmp_path, matches):
    sheet.write_sheet(tmp_path / "s.png", [("a rocket", matches[:1])])
    pixels = drawn(tmp_path / "s.png")
    assert (pixels[95:130, 12:200] < 100).any()
    assert (pixels[214:234, 220:420] < 140).any()
    sheet.write_sheet(tmp_path / "t.png", [("a cat", matches[:1])])
    assert not np.array_equal(pixels, drawn(tmp_path / "t.png"))


@pytest.mark.parametrize(
    "query",
    [
        "",
        "x" * 4000,
        "word " * 800,
        "two\nlines",
        "\udcff bytes",
        "\x00\x1b",
        "日本の山 🗻",
        "é" * 300,
    ],
)
def test_any_query_stays_in_its_box(tmp_path, matches, query):
    sheet.write_sheet(tmp_path / "s.png", [(query, matches[:1])])
    pixels = drawn(tmp_path / "s.png")
    assert (pixels[:, 212:220] == 255).all()  # the gap before the first picture
    assert (pixels[214:, :212] == 255).all()  # what lies below the row
    assert tuple(pixels[112, 320]) == (255, 0, 0)


def test_long_names_stay_below_their_picture(tmp_path):
    names = ["x" * 240 + ".png", "many words " * 20 + ".png", "not\udcffutf8.png"]
    for seed, name in enumerate(names):
        photo(seed=seed).save(tmp_path / name, "PNG")
    found = [Match(str(tmp_path / name), 0.123) for name in names]
    sheet.write_sheet(tmp_path / "s.png", [("", found)])
    pixels = drawn(tmp_path / "s.png")
    for left in (420, 632, 844):
        assert (pixels[:, left + 2 : left + 12] == 255).all()
    assert (pixels[-10:] == 255).all()


def test_nothing_found(tmp_path):
    sheet.write_sheet(tmp_path / "s.png", [("a", [])])
    assert drawn(tmp_path / "s.png").shape == (264, 232, 3)
    sheet.write_sheet(tmp_path / "s.png", [])
    assert drawn(tmp_path / "s.png").shape == (264, 232, 3)


def test_a_picture_that_is_gone_leaves_its_place_empty(tmp_path, matches):
    gone = Match(str(tmp_path / "gone.png"), 1.0)
    missing = sheet.write_sheet(tmp_path / "s.png", [("a", [gone, matches[0]]), ("b", [gone])])
    assert len(missing) == 2 and all("gone.png cannot be read" in reason for reason in missing)
    pixels = drawn(tmp_path / "s.png")
    assert (pixels[12:212, 220:420] == 255).all()
    assert tuple(pixels[112, 532]) == (255, 0, 0)
    assert sheet.write_sheet(tmp_path / "s.png", [("a", matches)]) == []


def test_no_sheet_is_written_when_all_pictures_are_gone(tmp_path):
    found = [Match(str(tmp_path / f"{name}.png"), 1.0) for name in "abc"]
    with pytest.raises(EdgeclipError, match=r"none of its 3 pictures .* disk .*a\.png cannot be"):
        sheet.write_sheet(tmp_path / "s.png", [("a", found)])
    assert list(tmp_path.iterdir()) == []


def test_a_sheet_has_its_limits(tmp_path, monkeypatch, matches):
    monkeypatch.setattr(sheet, "MAX_ROWS", 2)
    sheet.write_sheet(tmp_path / "s.png", [("a", matches * 20)] * 5)
    assert drawn(tmp_path / "s.png").shape == (2 * 252 + 12, 220 + 12 * 212 + 12, 3)


def test_a_place_that_cannot_be_written(tmp_path, matches):
    with pytest.raises(EdgeclipError, match=r"absent.*cannot be written"):
        sheet.write_sheet(tmp_path / "absent" / "s.png", [("a", matches)])


def test_no_half_sheet_is_left(tmp_path, matches, monkeypatch):
    def failing(self, file, *_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    (tmp_path / "s.png").write_bytes(b"older")
    monkeypatch.setattr(Image.Image, "save", failing)
    with pytest.raises(EdgeclipError, match="No space left"):
        sheet.write_sheet(tmp_path / "s.png", [("a", matches)])
    assert (tmp_path / "s.png").read_bytes() == b"older"
    assert len(list(tmp_path.iterdir())) == 4


def test_long_texts_end_in_dots(monkeypatch):
    written = []
    draw = ImageDraw.Draw(Image.new("RGB", (10, 10)))
    monkeypatch.setattr(draw, "multiline_text", lambda place, text, *_: written.append(text))
    sheet._write(draw, (0, 0), "one two three four five six", 14, (60, 40), (0, 0, 0))
    sheet._write(draw, (0, 0), "one", 14, (60, 40), (0, 0, 0))
    assert written[0].endswith("…") and written[0].count("\n") == 1
    assert written[1] == "one"
    font = ImageFont.load_default(14)
    assert all(draw.textlength(line, font) <= 60 for line in written[0].splitlines())
