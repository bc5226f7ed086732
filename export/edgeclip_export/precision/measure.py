"""Measure a variant against the reference form: how near its vectors are, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclip.model import session
from edgeclip.model.options import SessionOptions
from edgeclip.model.providers import CPU
from edgeclip.model.session import Session
from edgeclip.model.towers import Agreement, ImageTower, TextTower

_ROUNDS, _FEWEST_ROUNDS, _SECONDS = 40, 7, 10.0

Tower = ImageTower | TextTower
Vectors = NDArray[np.float64]
Inputs = Sequence[NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Gate:
    """What a variant must reach."""

    mean: float
    least: float
    time_ratio: float
    """The most that it may take of the reference's time."""
    neighbours: float = 0.0

    def holds(self, found: Agreement) -> bool:
        """Tell whether an agreement is near enough; a NaN is not."""
        near = found.mean >= self.mean and found.least >= self.least
        return near and (found.neighbours is None or found.neighbours >= self.neighbours)


class Ruler:
    """Compare graphs of one tower with its reference form, on inputs of its own kind.

    Args:
        tower: names of the tensors.
        reference: the reference form's file.
        inputs: what the graphs eat, one row each.
        over: what the inputs are, for people.
        neighbours: whether nearest neighbours among the inputs are compared, too.
        goldens: the model's goldens, prepared; a board replays them and must come as near.
    """

    def __init__(
        self,
        tower: Tower,
        reference: Path,
        inputs: Inputs,
        over: str,
        *,
        neighbours: bool = False,
        goldens: Inputs = (),
    ) -> None:
        self.tower, self.inputs, self.over = tower, inputs, over
        self._reference = reference
        self._neighbours = neighbours
        self._expected = self.vectors(reference, inputs)
        self._goldens = goldens

    def agreement(self, path: Path) -> Agreement:
        """Run a graph as it will be run on a board and compare its vectors."""
        found = self.compared(self.vectors(path, self.inputs))
        if not self._goldens:
            return found
        pair = (self.vectors(one, self._goldens) for one in (path, self._reference))
        least = np.sum(np.prod(np.stack([*pair]), axis=0), axis=1).min()
        return replace(found, goldens=round(float(least), 6))

    def harm(self, path: Path) -> float:
        """Return what a graph is off on average, in cosine and not rounded."""
        found = self.vectors(path, self.inputs)
        return 1.0 - float(np.sum(found * self._expected, axis=1).mean())

    def compared(self, found: Vectors) -> Agreement:
        """Compare vectors, one for each of the first inputs."""
        expected = self._expected[: len(found)]
        cosines = np.sum(found * expected, axis=1)
        same = None
        if self._neighbours:
            same = round(float(np.mean(nearest(found) == nearest(expected))), 4)
        mean, least = round(float(cosines.mean()), 6), round(float(cosines.min()), 6)
        return Agreement(mean, least, self.over, same)

    def vectors(self, path: Path, inputs: Inputs) -> Vectors:
        """Return the unit vectors of some inputs, ``(n, dim)``."""
        opened = self._opened(path, None)
        return np.concatenate([opened.run(one, unit=True) for one in inputs]).astype(np.float64)

    def time_ratio(self, path: Path, *, most: float) -> float:
        """Return a graph's time over the reference's; measured again when it is above ``most``.

        A refusal must not hang on what else the machine did in that moment.
        """
        found = self._timed(path)
        return found if found <= most else min(found, self._timed(path))

    def _timed(self, path: Path) -> float:
        """Time both on one thread and one row, in turn, and divide the least times."""
        pair = [self._opened(path, 1), self._opened(self._reference, 1)]
        seconds: list[list[float]] = [[], []]
        for one in pair:
            one.run(self.inputs[0], unit=True)
        begun = time.perf_counter()
        for turn in range(_ROUNDS):
            if turn >= _FEWEST_ROUNDS and time.perf_counter() - begun > _SECONDS:
                break
            for one, kept in zip(pair, seconds, strict=True):
                started = time.perf_counter()
                one.run(self.inputs[0], unit=True)
                kept.append(time.perf_counter() - started)
        return round(min(seconds[0]) / min(seconds[1]), 3)

    def _opened(self, path: Path, threads: int | None) -> Session:
        # Opened directly: graphs that are tried once must not fill the board's cache.
        options = SessionOptions(threads=threads, providers=[CPU])
        return Session(session.open_graph(path, options), self.tower)


def nearest(vectors: Vectors) -> NDArray[np.intp]:
    """Return the place of each vector's nearest other one."""
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    places: NDArray[np.intp] = np.argmax(cosines, axis=1)
    return places
