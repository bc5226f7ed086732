"""Facts: what is worth knowing of a photograph beside its vector, taken from its file.

Whatever a file claims is checked: what is not sound is left out, and nothing is raised.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from edgeclip.errors import ImageRejected

FIELDS = frozenset({"bytes", "width", "height", "time", "time_source", "camera", "gps"})
"""The names of the facts."""

# Numbers of EXIF 3.0 tags.
_MAKE, _MODEL = 0x010F, 0x0110
_TIME_TAKEN = 0x9003
_NORTH_SOUTH, _LATITUDE, _EAST_WEST, _LONGITUDE, _BELOW_SEA, _ALTITUDE = 1, 2, 3, 4, 5, 6

_TIME = re.compile(r"(\d{4})[:/.-](\d\d)[:/.-](\d\d)[ T](\d\d):(\d\d):(\d\d)")
_LONGEST_NAME = 100
_HIGHEST_M = 20_000


def facts(data: bytes, modified: float | None) -> dict[str, Any]:
    """Return what a file tells of its photograph.

    Args:
        data: the whole file.
        modified: when it was modified, in seconds since 1970; None: nobody knows.

    Returns:
        ``bytes``; ``width`` and ``height`` of the upright picture; ``time`` in ISO 8601 and
        ``time_source``: ``exif`` is the wall clock of the camera, without a zone, and ``file`` the
        time of modification in UTC; ``camera``; ``gps`` with ``latitude`` and ``longitude`` in
        degrees, ``altitude`` in metres.  What is not known is left out.
    """
    # Only here: a folder in which nothing is new needs no Pillow.
    from edgeclip.model.images import header

    found: dict[str, Any] = {"bytes": len(data)}
    try:
        told = header(data)
    except ImageRejected:
        return found | _file_time(modified)
    found["width"], found["height"] = told.size
    taken = _sound(lambda: _time(told.photo.get(_TIME_TAKEN)))
    found |= {"time": taken, "time_source": "exif"} if taken else _file_time(modified)
    camera = _sound(lambda: _camera(told.tags.get(_MAKE), told.tags.get(_MODEL)))
    gps = _sound(lambda: _gps(told.place))
    return found | ({"camera": camera} if camera else {}) | ({"gps": gps} if gps else {})


def decoders() -> str:
    """Name what decodes pictures here, with versions: another one may read what this one cannot."""
    return " ".join(f"{name}-{_version(name)}" for name in ("pillow", "pillow_heif"))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _sound(made: Callable[[], Any]) -> Any:
    """Return what is made of tags, or None where they are of an odd type or make no sense."""
    try:
        return made()
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
        return None


def _file_time(modified: float | None) -> dict[str, Any]:
    if modified is None:
        return {}
    try:
        time = datetime.fromtimestamp(modified, UTC)
    except (ValueError, OverflowError, OSError):  # beyond the year 9999
        return {}
    return {"time": time.isoformat(timespec="seconds"), "time_source": "file"}


def _time(value: Any) -> str | None:
    parts = _TIME.match(_text(value))
    return parts and datetime.fromisoformat(parts.expand(r"\1-\2-\3T\4:\5:\6")).isoformat()


def _camera(make: Any, model: Any) -> str:
    """Join maker and model; most models begin with the maker's name already."""
    make, model = _text(make), _text(model)
    known = model.casefold().startswith(make.casefold())
    return (model if known else f"{make} {model}").strip()[:_LONGEST_NAME].strip()


def _text(value: Any) -> str:
    """Return a tag's text on one line; Pillow reads the bytes as Latin-1, and they may be UTF-8."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        return ""
    value = value.partition("\0")[0]
    with contextlib.suppress(UnicodeError):  # no UTF-8, or no Latin-1 in the first place
        value = value.encode("latin-1").decode("utf-8")
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())


def _gps(tags: Mapping[int, Any]) -> dict[str, float] | None:
    latitude = _degrees(tags[_LATITUDE], tags[_NORTH_SOUTH], "NS", 90)
    longitude = _degrees(tags[_LONGITUDE], tags[_EAST_WEST], "EW", 180)
    if latitude == longitude == 0:  # what cameras write that have not found themselves yet
        return None
    altitude = _sound(lambda: _altitude(tags))
    found = {"latitude": latitude, "longitude": longitude}
    return found if altitude is None else found | {"altitude": altitude}


def _degrees(parts: Any, side: Any, sides: str, most: int) -> float:
    """Return degrees, minutes and seconds as degrees; the letter ``side`` gives the sign."""
    degrees, minutes, seconds = map(float, parts)
    sign = {sides[0]: 1, sides[1]: -1}[_text(side).upper()]
    if not (0 <= minutes < 60 and 0 <= seconds < 60 and degrees >= 0):
        raise ValueError("no degrees")
    value = degrees + minutes / 60 + seconds / 3600
    if not value <= most:
        raise ValueError("no place on Earth")
    return round(sign * value, 7)


def _altitude(tags: Mapping[int, Any]) -> float | None:
    metres, below = float(tags[_ALTITUDE]), tags.get(_BELOW_SEA, b"\0")
    if not (math.isfinite(metres) and 0 <= metres <= _HIGHEST_M):
        return None
    return round(-metres if below in (1, b"\1", (1,)) else metres, 1)
