"""Time things against each other: in turn, in one run, so that a busy machine slows both."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the results."""

    what: str
    """What was compared."""
    figure: float
    """The measured ratio."""
    target: str
    """What it has to be, such as ``<= 0.70``; empty for a figure that is only reported."""
    detail: str
    """The absolute medians behind it."""
    digits: int = 2
    """Behind the point, in print."""

    @property
    def met(self) -> str:
        """Say whether the figure meets its target."""
        if not self.target:
            return ""
        sign, number = self.target.split()
        good = self.figure <= float(number) if sign == "<=" else self.figure >= float(number)
        return "yes" if good else "**no**"


def in_turn(jobs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Run each job once a round, after one round that is not counted; return seconds for each."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(rounds + 1):
        for name, job in jobs.items():
            started = time.perf_counter()
            job()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def ratio(a: list[float], b: list[float]) -> float:
    """Return the median of the ratios, round by round."""
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def time_row(what: str, ours: list[float], theirs: list[float], target: str) -> Row:
    """Compare two lists of seconds, taken in turn."""
    detail = f"{median_ms(ours)} against {median_ms(theirs)}"
    return Row(what, ratio(ours, theirs), target, detail)


def median_ms(seconds: list[float]) -> str:
    """Return a median in milliseconds."""
    return f"{1000 * statistics.median(seconds):.1f} ms"


def machine() -> str:
    """Name the machine and the versions that count."""
    import numpy
    import onnxruntime
    import PIL

    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    return (
        f"{model}, {len(os.sched_getaffinity(0))} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, onnxruntime {onnxruntime.__version__}, "
        f"numpy {numpy.__version__}, Pillow {PIL.__version__}"
    )
