"""Kill the server of a stream again and again, while it is read.

``python -m tests.watch.streams --kills 20`` prints what became of it.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import threading
import time
from dataclasses import dataclass, field

from edgeclip.watch.frames import frames
from tests.watch import servers
from tests.watch.usage import Usage, usage

LONGEST_S = 4.0
WARM_UP = 3


@dataclass
class Report:
    """How long it took to recover, and what the process holds."""

    recovered: list[float] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    held: list[Usage] = field(default_factory=list)


def kills(kind: str, count: int, longest_s: float = LONGEST_S) -> Report:
    """Kill a server ``count`` times, and start it again up to ``longest_s`` later."""
    report, choose = Report(), random.Random(0)
    port = servers.free_port()
    server = servers.started(kind, port)
    loop = frames(
        servers.address(kind, port), on_state=lambda state: report.states.append(state.name)
    )
    back = 0.0

    def restart() -> None:
        nonlocal server, back
        time.sleep(choose.uniform(0, longest_s))
        server, back = servers.started(kind, port), time.monotonic()

    try:
        next(loop)
        for number in range(count):
            servers.killed(server)
            back = float("inf")
            hand = threading.Thread(target=restart)
            hand.start()
            report.recovered.append(next(f.time for f in loop if f.time > back) - back)
            hand.join()
            if number + 1 >= WARM_UP:
                report.held.append(usage())
    finally:
        loop.close()
        servers.killed(server)
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    given = parser.parse_args()
    root = str(servers.ROOT)
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [root, os.environ.get("PYTHONPATH", "")])
    )
    good = True
    for kind in ("mjpeg", "rtsp"):
        started = time.monotonic()
        report = kills(kind, given.kills)
        first, last, slowest = report.held[0], report.held[-1], max(report.recovered)
        print(
            f"{kind}: {given.kills} kills, away for up to {LONGEST_S:g} s, in "
            f"{time.monotonic() - started:.0f} s. Recovered after {slowest:.1f} s at the latest, "
            f"{sorted(report.recovered)[given.kills // 2]:.1f} s in the middle.\n"
            f"Held after {WARM_UP} kills: {first}; at the end: {last}; afterwards: {usage()}."
        )
        flat = last.files <= first.files and last.memory_kb - first.memory_kb <= 1024
        good = good and flat and slowest <= 5
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
