"""What the tests of the timeline share: one with a clock of its own."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from edgeclip.watch.sinks.timeline import Timeline
from tests.watch.sinks.some import DIM, SPACE, vector_of


class Steady:
    """Seconds that only grow when they are told to."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def steady():
    return Steady()


@pytest.fixture
def timeline(tmp_path, steady):
    made = []

    def make(**options):
        for each in made:
            each.close()
        made.append(Timeline(tmp_path / "t", SPACE, "tiny", **({"steady": steady} | options)))
        return made[-1]

    yield make
    for each in made:
        each.close()


def files(folder: Path) -> list[str]:
    pictures = folder / "t" / "pictures"
    return sorted(p.relative_to(pictures).as_posix() for p in pictures.rglob("*") if p.is_file())


def near(vector, cosine, seed=99):
    """A vector with a given cosine to another."""
    other = vector_of(seed, DIM)
    other = other - (other @ vector) * vector
    other /= np.linalg.norm(other)
    return (cosine * vector + math.sqrt(1 - cosine**2) * other).astype(np.float32)
