"""A service that runs: the real command in a process of its own, on a port that was free."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.patience import PATIENCE_S


class Serving:
    """A running ``edgeclip serve``; what it says on stderr is in ``said``."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edgeclip", "serve", "--port", "0", *arguments],
            stderr=subprocess.PIPE,
            env=os.environ | environment,
            text=True,
        )
        self.said: list[str] = []
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._listening.wait(PATIENCE_S), self.said
        found = re.search(r"listening on (http://\S+:(\d+))", "".join(self.said))
        assert found, self.said
        self.url, self.port = found[1], int(found[2])

    def _read(self) -> None:
        for line in self.process.stderr:
            self.said.append(line)
            if "listening on" in line:
                self._listening.set()
        self._listening.set()

    def client(self, **options) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=PATIENCE_S, **options)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code


@contextlib.contextmanager
def serving(state: Path, *arguments: str, **environment: str) -> Iterator[Serving]:
    """Run ``edgeclip serve`` with its jobs in a folder; it has ended afterwards."""
    served = Serving(["--jobs", str(state / "jobs"), *arguments], environment)
    try:
        yield served
    finally:
        served.process.kill()
        served.process.wait()
        served.process.stderr.close()
