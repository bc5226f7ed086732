"""Processes that end at the wrong moment: a push, and the server."""

from __future__ import annotations

import signal

import pytest

from edgeclip.errors import FleetError
from edgeclip.grow.fleet.push import push
from edgeclip.index import outbox
from tests.grow.fleet.conftest import Database
from tests.grow.fleet.cuts import check_moment
from tests.grow.fleet.kill import kill
from tests.grow.fleet.postgres import postgres
from tests.grow.fleet.some import check, pushed, stir


def test_kills_of_a_push_lose_and_double_nothing(database, tmp_path):
    report = kill(database, tmp_path / "index", 5, seed=1)
    assert report.kills == 5


def test_a_server_that_crashes(tmp_path, database, monkeypatch):
    """At once and without a checkpoint, in the middle of a push; its log brings it back."""
    monkeypatch.setattr(outbox, "LEAST_ROWS", 10)
    monkeypatch.setattr(outbox, "MOST_ROWS", 10)
    folder = tmp_path / "index"
    with postgres() as server:
        crashing = Database(server, "postgres")
        for turn in range(3):
            stir(folder, turn, changes=200, keys=300)
            pieces = iter(range(100))

            def crash(*_: int, last: int = turn, pieces=pieces) -> None:
                if next(pieces) == last:
                    server.stop(signal.SIGQUIT)

            with (
                crashing.open() as connection,
                pytest.raises(FleetError, match=r"connection to .* was lost"),
            ):
                push(folder, connection, "door", progress=crash)
            server.start()
            check_moment(crashing, folder)
        pushed(crashing, folder)
        check(crashing, folder)
