"""Kill the server of a stream again and again, while it is read.

``python -m tests.watch.streams --kills 20`` prints what became of it.
"""

from __future__ import annotations

import random
import sys
import threading
import time

from edgeclip.watch.frames import frames
from tests.watch import servers
from tests.watch.steady import LONGEST_S, Report, asked

WARM_UP = 3


def kills(kind: str, count: int, longest_s: float = LONGEST_S) -> Report:
    """Kill a server ``count`` times, and start it again up to ``longest_s`` later."""
    report, choose = Report(WARM_UP), random.Random(0)
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
        for _ in range(count):
            servers.killed(server)
            back = float("inf")
            hand = threading.Thread(target=restart)
            hand.start()
            report.recovered.append(next(f.time for f in loop if f.time > back) - back)
            hand.join()
            report.look()
    finally:
        loop.close()
        servers.killed(server)
    return report


def main() -> int:
    count, good = asked(__doc__, "kills", 20), True
    for kind in ("mjpeg", "rtsp"):
        started = time.monotonic()
        report = kills(kind, count)
        took = time.monotonic() - started
        print(f"{kind}: {count} kills, away for up to {LONGEST_S:g} s, in {took:.0f} s. {report}")
        good = good and report.good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
