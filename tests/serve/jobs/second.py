"""A worker in a process of its own; ``python -m tests.serve.jobs.second FOLDER URL LOG``.

Each picture that it begins is a line of the log.
"""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from edgeclip.serve.jobs.worker import run_worker
from tests.serve.jobs.some import embed


def main(folder: str, url: str, log: str) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def logged(data: bytes, normalize: bool):
        with Path(log).open("ab") as file:
            file.write(data + b"\n")
        return embed(data, normalize)

    run_worker(Path(folder), logged, url, stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
