"""SIGKILL at random moments of a push; all must arrive, and once.

``python -m tests.grow.fleet.kill --cycles 100`` repeats it for longer.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from edgeclip.grow.fleet.push import push
from edgeclip.grow.fleet.server import Server
from edgeclip.index import outbox
from tests.grow.fleet.conftest import Database
from tests.grow.fleet.cuts import check_moment
from tests.grow.fleet.postgres import PASSWORD, postgres
from tests.grow.fleet.some import check, pushed, stir

_ROWS_A_PIECE = 10


@dataclass
class Report:
    """What the kills came to."""

    kills: int = 0
    """In the middle of a push."""
    ended: int = 0
    """Pushes that came to their end before the kill did."""
    seconds: float = 0.0


def kill(database: Database, folder: Path, count: int, seed: int = 0) -> Report:
    """Change an index, push it and kill the push, until ``count`` were in the middle."""
    chosen, report, started = random.Random(seed), Report(), time.monotonic()
    turn = 0
    while report.kills < count:
        stir(folder, seed * 1000 + turn, changes=200, keys=300)
        turn += 1
        command = [sys.executable, "-m", "tests.grow.fleet.kill", "--push", database.url]
        with subprocess.Popen([*command, str(folder)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(chosen.randrange(1, 8)):
                process.stdout.readline()
            time.sleep(chosen.random() * 0.01)
            process.kill()
        if process.returncode == 0:
            report.ended += 1
            check(database, folder)
            continue
        report.kills += 1
        check_moment(database, folder)
        if turn % 3 == 0:
            pushed(database, folder)
            check(database, folder)
    pushed(database, folder)
    check(database, folder)
    report.seconds = time.monotonic() - started
    return report


def _push(address: str, folder: Path) -> None:
    """Push in small pieces, and print a line after each."""
    outbox.LEAST_ROWS = outbox.MOST_ROWS = _ROWS_A_PIECE
    with Server.open(address) as server:
        print("begun", flush=True)
        push(folder, server, "door", progress=lambda *_: print("piece", flush=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--push", nargs=2, metavar=("ADDRESS", "FOLDER"))
    given = parser.parse_args()
    if given.push:
        _push(given.push[0], Path(given.push[1]))
        return
    os.environ["PGPASSWORD"] = PASSWORD
    with postgres() as server, tempfile.TemporaryDirectory() as folder:
        with server.connect() as connection:
            connection.execute("CREATE DATABASE fleet")
        report = kill(Database(server, "fleet"), Path(folder) / "i", given.cycles)
    print(
        f"{report.kills} pushes killed in {report.seconds:.0f} s, {report.ended} had ended before; "
        "0 rows lost, 0 doubled"
    )


if __name__ == "__main__":
    main()
