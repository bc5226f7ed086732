"""Contact sheet: queries × best matches in one PNG.

It draws with Pillow, and reads pictures through ``images.read`` like everything else.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from edgeclip.errors import ImageRejected
from edgeclip.model import images
from edgeclip.vectors import Match

_TILE, _MARGIN, _CAPTION, _TITLE = 200, 12, 40, 220
_PAPER, _INK, _FAINT = (255, 255, 255), (20, 20, 20), (110, 110, 110)


def write_sheet(path: Path, found: Mapping[str, Sequence[Match]]) -> None:
    """Draw one row for each query and write the sheet, whole or not at all.

    Args:
        path: a PNG file; an older one is replaced.
        found: query → its matches, best first; the keys are paths of pictures.

    Raises:
        OSError: the file cannot be written.
    """
    columns = max((len(matches) for matches in found.values()), default=0)
    row_height = _TILE + _CAPTION + _MARGIN
    width = _TITLE + columns * (_TILE + _MARGIN) + _MARGIN
    sheet = Image.new("RGB", (width, max(1, len(found)) * row_height + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for row, (query, matches) in enumerate(found.items()):
        top = _MARGIN + row * row_height
        _write(draw, (_MARGIN, top + _TILE // 3), query, 20, _TITLE - 2 * _MARGIN, _INK)
        for column, match in enumerate(matches):
            left = _TITLE + column * (_TILE + _MARGIN)
            sheet.paste(_thumbnail(match.key), (left, top))
            caption = f"{match.score:.3f}  {Path(match.key).name}"
            _write(draw, (left, top + _TILE + 4), caption, 14, _TILE, _FAINT)
    _save(sheet, path)


def _thumbnail(key: str) -> Image.Image:
    """Return a picture scaled to fit one tile, centred on paper."""
    tile = Image.new("RGB", (_TILE, _TILE), _PAPER)
    try:
        picture = images.read(key, draft_size=_TILE)
    except ImageRejected:  # it was there when it was embedded, and is gone or changed since
        return tile
    picture.thumbnail((_TILE, _TILE), Image.Resampling.LANCZOS)
    tile.paste(picture, ((_TILE - picture.width) // 2, (_TILE - picture.height) // 2))
    return tile


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    size: int,
    width: int,
    colour: tuple[int, int, int],
) -> None:
    """Write a text in lines that fit a width."""
    font = ImageFont.load_default(size)
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and draw.textlength(longer, font) > width:
            lines.append(line)
            longer = word
        line = longer
    draw.multiline_text(place, "\n".join([*lines, line]), colour, font)


def _save(sheet: Image.Image, path: Path) -> None:
    descriptor, name = tempfile.mkstemp(suffix=".png", prefix=".sheet-", dir=path.absolute().parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            sheet.save(file, "PNG", optimize=True)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
