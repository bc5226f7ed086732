"""What EXIF says of a picture that Pillow has opened; hostile tags are as good as none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

_ORIENTATION = 0x0112
_PHOTO, _PLACE = 0x8769, 0x8825
_SIDEWAYS = (5, 6, 7, 8)
_PNG_MARKS = (b"eXIf", b"Raw profile type", b"tiff:Orientation")


class Header(NamedTuple):
    """What a file says of itself; the tags' values may be of any type, and wrong."""

    size: tuple[int, int]
    """Width and height of the upright picture."""
    tags: Mapping[int, Any]
    photo: Mapping[int, Any]
    place: Mapping[int, Any]
    """The tags of the file, of the photograph and of the GPS receiver (EXIF 3.0)."""


def orientation(picture: Any) -> int:
    """Return how an open picture is to be turned, 1 to 8 unless it lies."""
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:
        # A broken EXIF block says nothing about the pixels: they are shown as they are stored.
        return 1


def header(picture: Any, data: bytes) -> Header:
    """Return what an open picture says of itself.

    Args:
        picture: Pillow's, not decoded.
        data: the file.
    """
    # Pillow looks for a PNG's EXIF behind its pixels, too, and decodes them all for that.
    if picture.format == "PNG" and not any(mark in data for mark in _PNG_MARKS):
        return Header(picture.size, {}, {}, {})
    width, height = picture.size
    # The size of a TIFF is the upright one already.
    sideways = picture.format != "TIFF" and orientation(picture) in _SIDEWAYS
    size = (height, width) if sideways else (width, height)
    return Header(size, *(_tags(picture, which) for which in (None, _PHOTO, _PLACE)))


def _tags(picture: Any, which: int | None) -> Mapping[int, Any]:
    try:
        found = picture.getexif()
        return dict(found if which is None else found.get_ifd(which))
    except Exception:
        return {}
