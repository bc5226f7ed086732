"""Framing: how the score changes when the model is shown other parts, or other sides up.

A tile overlaps its neighbours by a third of its side: the centre crop cuts a third off a 3:2 tile,
and what remains of the tiles still leaves no gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeclip.advice.diagnosis.rank import Background, Standing
from edgeclip.model.towers import ImageTower
from edgeclip.vectors import Vector

Pixels = NDArray[np.uint8]
Box = tuple[int, int, int, int]
"""x, y, width, height in pixels of the upright picture."""

TILES = {"tiles_2x2": 2, "tiles_3x3": 3}
TURNS = {"turned_left": 1, "turned_over": 2, "turned_right": 3}
"""Quarter turns against the clock."""


@dataclass(frozen=True, slots=True)
class Framing:
    """One way to show the picture to the model."""

    name: str
    """``crop``, ``pad``, one of `TILES` or one of `TURNS`."""
    standing: Standing
    box: Box | None = None
    """The best of the tiles."""


@dataclass(frozen=True, slots=True)
class Framings:
    """All ways to show the picture."""

    cut_off: float
    """The share of the picture that the centre crop never shows, in [0, 1]."""
    ways: tuple[Framing, ...]

    def way(self, name: str) -> Framing:
        """Return one way."""
        return next(each for each in self.ways if each.name == name)


@dataclass(frozen=True, slots=True)
class Seen:
    """The vectors of one way to show the picture."""

    vectors: Vector
    """``(n, dim)``: a row for each tile, or one."""
    boxes: tuple[Box, ...] = ()


def look(pixels: Pixels, tower: ImageTower, embed: Callable[[Pixels], Vector]) -> dict[str, Seen]:
    """Embed a picture in all ways.

    Args:
        pixels: ``(h, w, 3)`` uint8.
        tower: how the model prepares pictures.
        embed: picture → ``(dim,)``; called 18 times, one after the other, so that a large picture
            is in memory twice at most.
    """
    found = {name: Seen(embed(square)[None]) for name, square in fitted(pixels, tower)}
    for name, count in TILES.items():
        boxes = tuple(tiles(pixels.shape[1], pixels.shape[0], count))
        rows = [embed(pixels[y : y + h, x : x + w]) for x, y, w, h in boxes]
        found[name] = Seen(np.stack(rows), boxes)
    for name, quarters in TURNS.items():
        found[name] = Seen(embed(np.ascontiguousarray(np.rot90(pixels, quarters)))[None])
    return found


def fitted(pixels: Pixels, tower: ImageTower) -> Iterator[tuple[str, Pixels]]:
    """Yield the picture cropped and padded, as large as the model takes it.

    A square of this size passes both kinds of preparation unchanged, so one open model can answer
    for both.
    """
    from edgeclip.model import images

    picture = images.read(pixels)
    yield "crop", np.asarray(images.squared(picture, tower, "crop"))
    yield "pad", np.asarray(images.squared(picture, tower, "pad"))


def tiles(width: int, height: int, count: int) -> Iterator[Box]:
    """Yield the boxes of ``count`` × ``count`` tiles that cover a picture, row by row."""
    columns, rows = _stretches(width, count), _stretches(height, count)
    yield from ((x, y, w, h) for y, h in rows for x, w in columns)


def compare(
    seen: Mapping[str, Seen], wanted: Vector, background: Background, *, cut_off: float
) -> Framings:
    """Score all ways against one text."""
    ways = []
    for name, each in seen.items():
        best = int(np.argmax(each.vectors @ wanted))
        box = each.boxes[best] if each.boxes else None
        ways.append(Framing(name, background.standing(wanted, each.vectors), box))
    return Framings(cut_off, tuple(ways))


def cut_off(width: int, height: int, tower: ImageTower) -> float:
    """Return the share of a picture that the centre crop cuts off, in [0, 1]."""
    cuts = tower.crop == "center" and tower.resize == "shortest"
    return 1 - min(width, height) / max(width, height) if cuts else 0.0


def _stretches(length: int, count: int) -> list[tuple[int, int]]:
    """Return start and length of stretches that overlap by a third, from one end to the other."""
    # Rounded up in whole numbers: no tile is longer than 100:1 where the picture is not.
    side = -(-3 * length // (2 * count + 1))
    return [(round(i * (length - side) / (count - 1)), side) for i in range(count)]
