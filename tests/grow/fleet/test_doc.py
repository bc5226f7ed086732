"""The SQL and the program of docs/fleet.md run, in order, as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from edgeclip.errors import FleetError
from edgeclip.grow.fleet.push import push
from edgeclip.grow.fleet.search import Fleet
from edgeclip.grow.fleet.server import ADDRESS, Server
from tests.conftest import ROOT
from tests.grow.fleet.some import SPACE, check, filled, pushed, vector_of
from tests.patience import PATIENCE_S

TEXT = (ROOT / "docs" / "fleet.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(bash|python|sql)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def blocks(language):
    return [code for kind, code in BLOCKS if kind == language]


ROLES = ("keeper", "door", "me")


def set_up(database, cli):
    """As the guide says, from an empty database on."""
    for role in ROLES:
        database.all(f"CREATE ROLE {role} LOGIN PASSWORD '{database.connect().info.password}'")
    database.all(f"ALTER DATABASE {database.name} OWNER TO keeper")
    for line in re.findall(r"^psql edgeclip -c '(.*)'$", TEXT, re.MULTILINE):
        database.all(line)
    done = cli("push", "--setup", "--to", database.server.url(database.name, "keeper"))
    assert done.code == 0 and done.out.endswith(": the tables are made\n")
    done = cli("push", "--setup", "--to", database.url, "--json")
    assert done.json == {"made": False}
    with database.server.connect(database.name, "keeper") as keeper:
        keeper.execute(blocks("sql")[0])


def test_the_sql(database, tmp_path, cli):
    _, search, forget = blocks("sql")
    folder = filled(tmp_path / "i", 10)
    try:
        set_up(database, cli)
        pushed(database, folder, "yard")
        with database.server.connect(database.name, "door") as door:
            assert door.execute("DELETE FROM edgeclip_item").rowcount == 0
        done = cli("push", "--index", folder, "--to", database.server.url(database.name, "door"))
        assert done.code == 1 and "Give --device the name that this user may write" in done.line
        with Server.open(database.server.url(database.name, "door")) as server:
            push(folder, server, "door")
        check(database, folder, "door")
        with Server.open(database.server.url(database.name, "me")) as server:
            assert {each.name for each in Fleet(server).devices()} == {"door", "yard"}
            assert len(Fleet(server).search(vector_of(("", 3)), SPACE, count=99)) == 20
            with pytest.raises(FleetError, match="permission denied"):
                push(folder, server, "me")
        database.all("UPDATE edgeclip_item SET key = 'a.jpg' WHERE device = 'door' AND id = 3")
        assert database.all(search) == []  # none has a time
        anyway = search.replace("other.times", 'coalesce(other.times, \'{"time": "9"}\')')
        found = database.all(anyway)
        assert len(found) == 10
        assert {found[0][:2], found[1][:2]} == {("door", "a.jpg"), ("yard", "00002.jpg")}
        assert found[0][2] == pytest.approx(1, abs=1e-3)
        database.all(forget)
        assert database.all("SELECT DISTINCT device FROM edgeclip_item") == [("yard",)]
        pushed(database, folder, "door")
        check(database, folder, "door")
    finally:
        database.all(f"ALTER DATABASE {database.name} OWNER TO postgres")
        for role in ROLES:
            database.all(f"DROP OWNED BY {role}")
            database.all(f"DROP ROLE {role}")


def test_the_program(database, cli, here, album, monkeypatch):
    monkeypatch.setenv(ADDRESS, database.url)
    assert cli("index", "album", "--index", "i", "--model", "starter").code == 0
    assert cli("push", "--index", "i", "--device", "door").code == 0
    (code,) = blocks("python")
    code = code.replace('{">": 640}', '{">": 1}')
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3 and done.stdout.startswith("door ")


def test_the_commands(cli):
    lines = [line for line in "".join(blocks("bash")).splitlines() if line.startswith("edgeclip ")]
    assert len(lines) == 3
    for line in lines:
        command = line.split()[1]
        known = cli(command, "--help").out
        assert all(option in known for option in re.findall(r"--[a-z-]+", line.partition("#")[0]))


def test_the_figures_are_those_of_the_program():
    from edgeclip.grow.fleet import graph, search, server
    from edgeclip.index import outbox

    assert f"{graph.LARGE:,} vectors" in TEXT and f"`ef_search` {search._LEAST_EFFORT}" in TEXT
    assert f"({outbox.LEAST_ROWS} rows)" in TEXT and f"waits for {server.LOCK_S} seconds" in TEXT
    assert server.ADDRESS in TEXT


def test_the_units():
    """They call what there is, and read what the guide has written."""
    service = (ROOT / "packaging" / "edgeclip-push.service").read_text("utf-8")
    timer = (ROOT / "packaging" / "edgeclip-push.timer").read_text("utf-8")
    assert "ExecStart=/opt/edgeclip/bin/edgeclip push\n" in service
    assert "EnvironmentFile=/etc/edgeclip/push.env\n" in service
    *_, block = blocks("bash")
    assert f"{ADDRESS}=postgresql://" in block and "/etc/edgeclip/push.env" in block
    assert "edgeclip-push.timer" in block and "[Timer]" in timer
