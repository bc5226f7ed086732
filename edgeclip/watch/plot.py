"""Plot of scores against time: threshold, learning, events and truth, a panel for each rule."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from edgeclip.model.sheet import font
from edgeclip.model.whole import whole_file

MOST = 50
"""Panels of one picture."""
_WIDTH, _HEIGHT = 1400, 560  # of a panel
_LEFT, _TOP, _RIGHT, _BOTTOM = 80, 84, 1356, 420  # where curves are drawn
_BARS = {"events": (432, 450), "truth": (456, 474)}
_PAPER, _INK, _FAINT, _GRID = (255, 255, 255), (20, 20, 20), (110, 110, 110), (228, 228, 228)
_SCORE, _THRESHOLD, _LEARNING = (38, 96, 164), (204, 64, 32), (236, 236, 214)
_EVENT, _TRUTH = (214, 122, 24), (60, 140, 70)
# Name, seconds and the steps that read well in it.
_UNITS = (
    ("d", 86_400, (1, 2, 7, 14, 28)),
    ("h", 3_600, (1, 2, 3, 6, 12)),
    ("min", 60, (1, 2, 5, 10, 15, 30)),
    ("s", 1, (1, 2, 5, 10, 15, 30)),
)
Span = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """How one rule went."""

    title: str
    """One line."""
    times: ArrayLike
    """Seconds, rising, at least one."""
    scores: ArrayLike
    """One for each time, in the rule's units; what is not finite is left out."""
    thresholds: ArrayLike
    """One for each time, or one for all; NaN while the rule was still learning."""
    events: Sequence[Span] = ()
    """Start and end of each."""
    truth: Sequence[Span] = ()
    """Start and end of what was really there."""


def write_plot(path: Path, panels: Sequence[Panel]) -> None:
    """Draw how rules went, one below the other, and write the picture, whole or not at all.

    Args:
        path: a PNG file; an older one is replaced.
        panels: at least one, and `MOST` at most.

    Raises:
        EdgeclipError: the file cannot be written.
        ValueError: there is nothing to draw, or too much, or the lengths differ.
    """
    if not 0 < len(panels) <= MOST:
        raise ValueError(f"there are {len(panels)} panels to plot")
    picture = Image.new("RGB", (_WIDTH, _HEIGHT * len(panels)), _PAPER)
    for number, panel in enumerate(panels):
        picture.paste(_drawn(panel), (0, _HEIGHT * number))
    with whole_file(path) as file:
        picture.save(file, "PNG")


def _drawn(panel: Panel) -> Image.Image:
    at, score = np.asarray(panel.times, np.float64), np.asarray(panel.scores, np.float64)
    threshold = np.broadcast_to(np.asarray(panel.thresholds, np.float64), at.shape)
    if not len(at) or at.shape != score.shape:
        raise ValueError(f"there are {len(at)} times and {len(score)} scores to plot")
    picture = Image.new("RGB", (_WIDTH, _HEIGHT), _PAPER)
    draw = ImageDraw.Draw(picture)
    frame = _Frame(draw, at, np.concatenate([score, threshold]))
    for start, end in _learning(at, threshold):
        frame.bar((start, end), (_TOP, _BOTTOM), _LEARNING)
    frame.axes()
    frame.curve(at, score, _SCORE, 1)
    frame.curve(at, threshold, _THRESHOLD, 2)
    for name, spans, colour in (
        ("events", panel.events, _EVENT),
        ("truth", panel.truth, _TRUTH),
    ):
        draw.text((_LEFT - 10, sum(_BARS[name]) / 2), name, _INK, font(15), "rm")
        draw.rectangle((_LEFT, _BARS[name][0], _RIGHT, _BARS[name][1]), (246, 246, 246))
        for span in spans:
            frame.bar(span, _BARS[name], colour)
    _head(draw, panel.title)
    return picture


class _Frame:
    """Turn seconds and scores into pixels, and draw there."""

    def __init__(
        self, draw: ImageDraw.ImageDraw, at: NDArray[np.float64], values: NDArray[np.float64]
    ) -> None:
        self._draw = draw
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        room = (high - low) * 0.05 or 0.5
        self._low, self._high = low - room, high + room
        self._start, self._end = float(at[0]), float(max(at[-1], at[0] + 1e-3))

    def x(self, second: float) -> int:
        share = (second - self._start) / (self._end - self._start)
        return round(_LEFT + min(max(share, 0.0), 1.0) * (_RIGHT - _LEFT))

    def y(self, value: float) -> int:
        return round(_BOTTOM - (value - self._low) / (self._high - self._low) * (_BOTTOM - _TOP))

    def bar(self, span: Span, rows: tuple[int, int], colour: tuple[int, int, int]) -> None:
        """Fill a span of time, at least a pixel wide; nothing where it lies outside."""
        if span[1] >= self._start and span[0] <= self._end:
            self._draw.rectangle((self.x(span[0]), rows[0], self.x(span[1]), rows[1]), colour)

    def curve(
        self,
        at: NDArray[np.float64],
        values: NDArray[np.float64],
        colour: tuple[int, int, int],
        width: int,
    ) -> None:
        """Draw first, least, greatest and last of each column of pixels; NaN breaks the line."""
        columns = np.array([self.x(second) for second in at])
        for piece in _pieces(np.isfinite(values)):
            where, value = columns[piece], values[piece]
            firsts = np.flatnonzero(np.diff(where, prepend=-1))
            lasts = np.append(firsts[1:], len(where)) - 1
            least, most = np.minimum.reduceat(value, firsts), np.maximum.reduceat(value, firsts)
            points = np.stack([value[firsts], least, most, value[lasts]], 1).reshape(-1)
            places = np.repeat(where[firsts], 4).tolist()
            line = [(x, self.y(v)) for x, v in zip(places, points.tolist(), strict=True)]
            self._draw.line(line, colour, width)

    def axes(self) -> None:
        """Draw the grid with its numbers."""
        step = _round_step((self._high - self._low) / 6)
        for i in range(math.ceil(self._low / step), math.floor(self._high / step) + 1):
            y = self.y(i * step)
            self._draw.line((_LEFT, y, _RIGHT, y), _GRID)
            self._draw.text((_LEFT - 10, y), f"{i * step:.6g}", _FAINT, font(15), "rm")
        for second, label in time_ticks(self._start, self._end):
            x = self.x(second)
            self._draw.line((x, _TOP, x, _BARS["truth"][1]), _GRID)
            self._draw.text((x, _BARS["truth"][1] + 8), label, _FAINT, font(15), "ma")
        self._draw.rectangle((_LEFT, _TOP, _RIGHT, _BOTTOM), outline=_FAINT)


def time_ticks(start: float, end: float, most: int = 14) -> list[tuple[float, str]]:
    """Return where an axis of time is marked, and with what: round steps, at most ``most``."""
    for name, unit, steps in reversed(_UNITS):
        for step in steps:
            if (end - start) / (step * unit) <= most - 1:
                return _ticks(start, end, step * unit, name, unit)
    name, unit, _ = _UNITS[0]
    step = math.ceil((end - start) / unit / (most - 1))
    return _ticks(start, end, step * unit, name, unit)


def _ticks(start: float, end: float, step: int, name: str, unit: int) -> list[tuple[float, str]]:
    numbers = range(math.ceil(start / step), math.floor(end / step) + 1)
    return [(float(i * step), f"{i * step // unit} {name}") for i in numbers]


def _round_step(step: float) -> float:
    """Return 1, 2 or 5 times a power of ten, not below ``step``."""
    power: float = 10.0 ** math.floor(math.log10(step))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= step * 0.999)


def _pieces(there: NDArray[np.bool_]) -> Iterator[slice]:
    """Yield the runs of what is there."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]])))
    for first, after in edges.reshape(-1, 2).tolist():
        yield slice(first, after)


def _learning(at: NDArray[np.float64], threshold: NDArray[np.float64]) -> Iterator[Span]:
    """Yield the spans without a threshold, each up to the time when there was one again."""
    for piece in _pieces(np.isnan(threshold)):
        yield float(at[piece.start]), float(at[min(piece.stop, len(at) - 1)])


def _head(draw: ImageDraw.ImageDraw, title: str) -> None:
    """Write the title, and what the colours mean."""
    shown = "".join(c if c.isprintable() else "�" for c in title)
    draw.text((_LEFT, 16), shown, _INK, font(22))
    x = _LEFT
    for name, colour in (("score", _SCORE), ("threshold", _THRESHOLD), ("learning", _LEARNING)):
        draw.rectangle((x, 56, x + 22, 70), colour)
        draw.text((x + 30, 63), name, _INK, font(15), "lm")
        x += 60 + round(draw.textlength(name, font(15)))
    draw.text((_RIGHT, _HEIGHT - 24), "time since the beginning", _FAINT, font(15), "rm")
