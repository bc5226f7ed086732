"""Connections that are cut at random moments of a push; all must arrive, and once.

``python -m tests.grow.fleet.cuts --cuts 200`` repeats it for longer.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from edgeclip.errors import FleetError
from edgeclip.grow.fleet.push import Progress, push
from edgeclip.grow.fleet.server import Server
from edgeclip.index.outbox import Outbox
from tests.grow.fleet.conftest import Database
from tests.grow.fleet.postgres import PASSWORD, postgres
from tests.grow.fleet.proxy import Proxy
from tests.grow.fleet.some import check, held, indexed, stir


@dataclass
class Report:
    """What the cuts came to."""

    cuts: int = 0
    pushes: int = 0
    """That came to an end."""
    sent: int = 0
    seconds: float = 0.0


def cut(database: Database, folder: Path, count: int, seed: int = 0) -> Report:
    """Change an index and push it over connections that break, until ``count`` have."""
    chosen, report, started = random.Random(seed), Report(), time.monotonic()
    with Proxy(database.server.port) as proxy:
        address = database.server.url(database.name, port=proxy.port)
        most = 4_000
        while proxy.cut < count:
            stir(folder, seed * 1000 + report.pushes, changes=100, keys=300)
            before = proxy.cut
            while True:
                proxy.limit = chosen.randrange(1_000, most) if proxy.cut < count else None
                try:
                    with Server.open(address) as server:
                        report.sent += push(
                            folder, server, "door", progress=_stirred(folder, chosen)
                        ).sent
                except FleetError:
                    # Each moment between two pieces is right: nothing is there twice.
                    check_moment(database, folder)
                    most = min(60_000, most + 2_000)
                    continue
                break
            most = most if proxy.cut > before else 4_000
            with database.open() as server:  # what was written after all had been read
                push(folder, server, "door")
            check(database, folder)
            report.pushes += 1
        report.cuts = proxy.cut
    report.seconds = time.monotonic() - started
    return report


def _stirred(folder: Path, chosen: random.Random) -> Progress:
    """Return what sometimes writes to the index between two pieces."""

    def progress(*_: int) -> None:
        if chosen.random() < 0.3:
            stir(folder, chosen.randrange(1 << 30), changes=5, keys=300)

    return progress


def check_moment(database: Database, folder: Path) -> None:
    """Check that what the server has noted as sent is there, or is about to change."""
    if not database.all("SELECT to_regclass('edgeclip_item')")[0][0]:
        return
    # The position first: the server may still be about to commit what it was told.
    sql = "SELECT last_id, seq, writer FROM edgeclip_device"
    ((last, seq, writer),) = database.all(sql) or [(0, 0, "")]
    there, here = held(database), indexed(folder)
    assert len({value[0] for value in there.values()}) == len(there), "an id is doubled"
    missing = {value[0] for key, value in here.items() if value[0] <= last and key not in there}
    with Outbox.open(folder) as outbox:
        # What was renamed since, and whose old name another has by now, comes with its change.
        known = outbox.leads_from((last, seq), writer)
        outbox.rows_a_piece = 1_000_000  # all changes at once
        due = {number for _, number in outbox.changes(seq)} if known else missing
    assert missing <= due, "what was sent is lost"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    os.environ["PGPASSWORD"] = PASSWORD
    with postgres() as server, tempfile.TemporaryDirectory() as folder:
        with server.connect() as connection:
            connection.execute("CREATE DATABASE fleet")
        report = cut(Database(server, "fleet"), Path(folder) / "i", given.cuts, given.seed)
    print(
        f"{report.cuts} cut connections in {report.seconds:.0f} s: {report.pushes} pushes came to "
        f"an end, {report.sent} rows in them; 0 lost, 0 doubled"
    )


if __name__ == "__main__":
    main()
