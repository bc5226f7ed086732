"""Contact sheet: queries × best matches in one PNG.

It draws with Pillow, and reads pictures through ``images.read`` like everything else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from edgeclip.errors import EdgeclipError, ImageRejected
from edgeclip.model import images
from edgeclip.model.whole import whole_file
from edgeclip.vectors import Match

MAX_COLUMNS, MAX_ROWS = 12, 100
"""What one sheet shows at the most: 2,776 x 25,212 pixels, 210 MB while it is drawn."""
_TILE, _MARGIN, _CAPTION, _TITLE = 200, 12, 40, 220
_PAPER, _INK, _FAINT = (255, 255, 255), (20, 20, 20), (110, 110, 110)


def write_sheet(path: Path, found: Sequence[tuple[str, Sequence[Match]]]) -> list[str]:
    """Draw one row for each query and write the sheet, whole or not at all.

    Args:
        path: a PNG file; an older one is replaced.
        found: queries and their matches, best first; the keys are paths of pictures.  The first
            `MAX_ROWS` queries and their first `MAX_COLUMNS` matches are drawn.

    Returns:
        Why pictures could not be drawn, one sentence each; their places are left empty.

    Raises:
        EdgeclipError: the file cannot be written, or not one of the pictures can be drawn.
    """
    shown = [(query, matches[:MAX_COLUMNS]) for query, matches in found[:MAX_ROWS]]
    columns = max((len(matches) for _, matches in shown), default=0)
    row_height = _TILE + _CAPTION + _MARGIN
    width = _TITLE + columns * (_TILE + _MARGIN) + _MARGIN
    sheet = Image.new("RGB", (width, max(1, len(shown)) * row_height + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(sheet)
    missing: list[str] = []
    for row, (query, matches) in enumerate(shown):
        top = _MARGIN + row * row_height
        box = (_TITLE - 2 * _MARGIN, _TILE)
        _write(draw, (_MARGIN, top + _TILE // 2), query, 20, box, _INK, anchor="lm")
        for column, match in enumerate(matches):
            place = (_TITLE + column * (_TILE + _MARGIN), top)
            try:
                _show(sheet, draw, place, match)
            except ImageRejected as error:  # it was there when it was embedded, and is no more
                missing.append(str(error))
    if missing and len(missing) == sum(len(matches) for _, matches in shown):
        raise EdgeclipError(
            f"{path} is not written, because none of its {len(missing)} pictures can be read: is "
            "their disk there, and were they kept (a timeline with --no-pictures keeps none)? The "
            f"first: {missing[0]}"
        )
    with whole_file(path) as file:
        sheet.save(file, "PNG")
    return missing


def _show(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, place: tuple[int, int], match: Match
) -> None:
    """Write what a match is, and draw its picture above; its left top is at ``place``."""
    caption = f"{match.score:.3f}  {Path(match.key).name}"
    _write(draw, (place[0], place[1] + _TILE + 4), caption, 14, (_TILE, _CAPTION), _FAINT)
    sheet.paste(_thumbnail(match.key), place)


def _thumbnail(key: str) -> Image.Image:
    """Return a picture scaled to fit one tile, centred on paper.

    Raises:
        ImageRejected: it cannot be read.
    """
    picture = images.read(key, draft_size=_TILE)
    tile = Image.new("RGB", (_TILE, _TILE), _PAPER)
    picture.thumbnail((_TILE, _TILE), Image.Resampling.LANCZOS)
    tile.paste(picture, ((_TILE - picture.width) // 2, (_TILE - picture.height) // 2))
    return tile


@cache
def font(points: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return a font of the system with many scripts, else Pillow's own, which knows ASCII."""
    for name in ("NotoSansCJK-Regular.ttc", "DejaVuSans.ttf", "Arial Unicode.ttf", "arial.ttf"):
        with contextlib.suppress(OSError):
            return ImageFont.truetype(name, points)
    return ImageFont.load_default(points)


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    points: int,
    box: tuple[int, int],
    colour: tuple[int, int, int],
    anchor: str = "la",
) -> None:
    """Write a text into a box, in lines that fit; what is too much is cut off.

    Args:
        draw: the sheet.
        place: where the box stands, with ``anchor``: its left middle or its left top.
        text: any text.
        points: size of the letters.
        box: width and height.
        colour: RGB.
        anchor: ``lm`` or ``la``, as in Pillow's text anchors.
    """
    chosen = font(points)
    # A file name may hold bytes that are no text, which Pillow cannot draw.
    drawable = "".join(
        c if c.isprintable() else "�" for c in text.encode("utf-8", "replace").decode()
    )
    lines = [""]
    for word in drawable.split():
        longer = f"{lines[-1]} {word}".strip()
        if draw.textlength(longer, chosen) <= box[0]:
            lines[-1] = longer
            continue
        lines += [""] if lines[-1] else []
        for letter in word:  # a word may be longer than a line
            if draw.textlength(lines[-1] + letter, chosen) > box[0]:
                lines.append("")
            lines[-1] += letter
    most = box[1] // (points + 5)
    if len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1][:-2] + "…"]
    draw.multiline_text(place, "\n".join(lines), colour, chosen, anchor)
