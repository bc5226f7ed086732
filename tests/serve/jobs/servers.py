"""A real Redis on loopback that keeps nothing."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError

from tests.patience import until
from tests.programs import needed
from tests.watch.servers import free_port


class RedisServer:
    """Started in its own folder, until it is killed."""

    def __init__(self, folder: Path) -> None:
        self._program = needed("redis-server")
        self._folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        command = [self._program, "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(self._is_there)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def hang(self, hangs: bool = True) -> None:
        assert self._process
        self._process.send_signal(signal.SIGSTOP if hangs else signal.SIGCONT)

    def client(self) -> Redis:
        return Redis.from_url(self.url)

    def _is_there(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except ConnectionError:
                return False
