"""Pull a camera's cable again and again, in every way that OpenCV shows it.

``python -m tests.watch.unplug --cycles 100`` prints what became of it.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path
from random import Random

from edgeclip.watch.frame import CameraState
from edgeclip.watch.frames import frames
from tests.patience import PATIENCE_S
from tests.watch.captures import UNPLUGGED, Control
from tests.watch.steady import LONGEST_S, Report, asked

STALE_S = 1.0
WARM_UP = 10


def cycles(
    control: Control, count: int, *, stale_s: float = STALE_S, longest_s: float = 0.0
) -> Report:
    """Unplug ``count`` times, and replug up to ``longest_s`` after it was noticed."""
    report, random = Report(WARM_UP), Random(0)
    pulled = plugged = 0.0
    lost = threading.Event()

    def listen(state: CameraState) -> None:
        report.states.append(state.name)
        if state.name == "lost":
            lost.set()

    def replug() -> None:
        nonlocal plugged
        assert lost.wait(PATIENCE_S)
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
            report.look()
        loop.close()
    return report


def main() -> int:
    count, started = asked(__doc__, "cycles", 100), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = cycles(Control(Path(folder) / "camera"), count, longest_s=LONGEST_S)
    print(
        f"{count} times unplugged and replugged ({', '.join(UNPLUGGED)}), out for up to "
        f"{LONGEST_S:g} s, told to wait {STALE_S:g} s, in {time.monotonic() - started:.0f} s. "
        f"{report}"
    )
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
