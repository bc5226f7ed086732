"""Pull a camera's cable again and again, in every way that OpenCV shows it.

``python -m tests.watch.unplug --cycles 100`` prints what became of it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from edgeclip.watch.frame import CameraState
from edgeclip.watch.frames import frames
from tests.watch.captures import UNPLUGGED, Control
from tests.watch.usage import Usage, usage

STALE_S, LONGEST_S = 1.0, 4.0
WARM_UP = 10
"""Cycles before the first look at what the process holds."""


@dataclass
class Report:
    """How long it took to notice and to recover, and what the process holds."""

    noticed: list[float] = field(default_factory=list)
    recovered: list[float] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    held: list[Usage] = field(default_factory=list)


def cycles(
    control: Control, count: int, *, stale_s: float = STALE_S, longest_s: float = 0.0
) -> Report:
    """Unplug ``count`` times, and replug up to ``longest_s`` after it was noticed."""
    report, random = Report(), Random(0)
    pulled = plugged = 0.0
    lost = threading.Event()

    def listen(state: CameraState) -> None:
        report.names.add(state.name)
        if state.name == "lost":
            lost.set()

    def replug() -> None:
        nonlocal plugged
        assert lost.wait(60)
        report.noticed.append(time.monotonic() - pulled)
        time.sleep(random.uniform(0, longest_s))
        plugged = time.monotonic()
        control.set("works")

    with control.installed():
        loop = frames(0, on_state=listen, stale_s=stale_s)
        next(loop)
        for number in range(count):
            lost.clear()
            pulled, plugged = time.monotonic(), float("inf")
            control.set(UNPLUGGED[number % len(UNPLUGGED)])
            hand = threading.Thread(target=replug)
            hand.start()
            report.recovered.append(next(f.time for f in loop if f.time > plugged) - plugged)
            hand.join()
            if number + 1 >= WARM_UP:
                report.held.append(usage())
        loop.close()
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=100)
    given = parser.parse_args()
    root = str(Path(__file__).resolve().parents[2])
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [root, os.environ.get("PYTHONPATH", "")])
    )
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = cycles(Control(Path(folder) / "camera"), given.cycles, longest_s=LONGEST_S)
    first, last = report.held[0], report.held[-1]
    print(
        f"{given.cycles} times unplugged and replugged ({', '.join(UNPLUGGED)}), out "
        f"for up to {LONGEST_S:g} s, in {time.monotonic() - started:.0f} s.\n"
        f"Noticed after {max(report.noticed):.1f} s at the latest (told to wait {STALE_S:g} s), "
        f"recovered after {max(report.recovered):.1f} s at the latest, "
        f"{sorted(report.recovered)[len(report.recovered) // 2]:.1f} s in the middle.\n"
        f"Held after {WARM_UP} cycles: {first}; at the end: {last}; afterwards: {usage()}."
    )
    flat = last.files <= first.files and last.memory_kb - first.memory_kb <= 1024
    return 0 if flat and max(report.recovered) <= 5 else 1


if __name__ == "__main__":
    sys.exit(main())
