"""Connections: what is said when there is none, and that no password ever is."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from edgeclip.errors import EdgeclipError, FleetError
from edgeclip.grow.fleet import graph
from edgeclip.grow.fleet.push import push
from edgeclip.grow.fleet.search import Fleet
from edgeclip.grow.fleet.server import ADDRESS, Server
from tests.grow.fleet.postgres import PASSWORD
from tests.grow.fleet.proxy import Proxy
from tests.grow.fleet.some import DIM, SPACE, check, filled, pushed, stir, vector_of
from tests.patience import PATIENCE_S, PROMPT_S, until

SECRET = "hunter2"
ADDRESSES = [
    f"postgresql://me:{SECRET}@127.0.0.1:1/x",
    f"postgresql://me:{SECRET}/x@127.0.0.1:1/x",
    f"postgresql://me:{SECRET}?x@127.0.0.1:1/x",
    f"postgresql://me:{SECRET}@x@127.0.0.1:1/x",
    f"postgresql://me:x@{SECRET}@127.0.0.1:1/x",
    f"postgresql://me:x@{SECRET}/y@127.0.0.1:1/x",
    f"postgresql://me:12/{SECRET}@127.0.0.1:1/x",
    f"postgresql://me:{SECRET}:@127.0.0.1:1/x",
    f"postgresql://me:{SECRET}%@127.0.0.1:1/x",
    f"postgresql://me@127.0.0.1:1/x?password={SECRET}",
    f"postgresql://me@127.0.0.1:1/x?sslpassword={SECRET}",
    f"postgresql://me@127.0.0.1:1/x?oauth_client_secret={SECRET}",
    f"postgresql://me@127.0.0.1:1/x?scram_client_key={SECRET}",
    f"postgresql://127.0.0.1:{SECRET}/x",
    f"postgresql://[{SECRET}/x",
    f"postgresql://127.0.0.1:1/x?{SECRET}",
    f"postgresql://127.0.0.1:1/x?{SECRET}=1",
    f"mysql://me:{SECRET}@127.0.0.1/x",
    f"host=127.0.0.1 port=1 password={SECRET}",
    f"{SECRET}@127.0.0.1",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_message_repeats_an_address(address, cli, tmp_path):
    filled(tmp_path / "i", 1)
    for options in ([], ["--json"]):
        for command in (
            ["push", "--to", address, "--index", tmp_path / "i"],
            ["search", "a cat", "--on", address],
        ):
            done = cli(*command, *options)
            assert done.code == 1 and done.line.count(".") >= 1
            assert SECRET not in done.out + done.err


@pytest.mark.parametrize("address", ADDRESSES)
def test_nor_does_one_from_the_environment(address, cli, tmp_path, monkeypatch):
    monkeypatch.setenv(ADDRESS, address)
    filled(tmp_path / "i", 1)
    done = cli("push", "--index", tmp_path / "i")
    assert done.code == 1 and SECRET not in done.out + done.err and done.line


def test_a_stray_argument_is_not_repeated(cli):
    done = cli("push", ADDRESSES[0])
    assert done.code == 2 and "--to" in done.err and SECRET not in done.err


def test_a_wrong_password(database, monkeypatch, cli, tmp_path):
    monkeypatch.setenv("PGPASSWORD", SECRET)
    filled(tmp_path / "i", 1)
    done = cli("push", "--to", database.url, "--index", tmp_path / "i")
    assert done.code == 1 and "password authentication failed" in done.line
    assert SECRET not in done.err and "PGPASSWORD" in done.line


def test_a_password_in_the_environments_address(database, monkeypatch, tmp_path):
    from urllib.parse import quote

    monkeypatch.delenv("PGPASSWORD")
    monkeypatch.setenv(ADDRESS, database.url.replace("@", f":{quote(PASSWORD, safe='')}@"))
    with Server.open(None) as server:
        assert server.all("SELECT 1") == [(1,)]
        assert PASSWORD not in server.name


def test_a_password_in_a_file(database, monkeypatch, tmp_path):
    monkeypatch.delenv("PGPASSWORD")
    file = tmp_path / "pgpass"
    file.write_text("*:*:*:*:" + PASSWORD.replace("\\", "\\\\").replace(":", "\\:") + "\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    with database.open() as server:
        assert server.all("SELECT 1") == [(1,)]


def test_nobody_there(cli, tmp_path):
    filled(tmp_path / "i", 1)
    done = cli("push", "--to", "postgresql://me@127.0.0.1:1/x", "--index", tmp_path / "i")
    assert done.code == 1 and "127.0.0.1:1/x cannot be used" in done.line
    assert "Connection refused" in done.line


def test_a_server_that_never_answers():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/x?connect_timeout=2"
        started = time.monotonic()
        with pytest.raises(FleetError, match="timeout"):
            Server.open(address)
        assert time.monotonic() - started < PROMPT_S


def test_no_address(cli, monkeypatch):
    monkeypatch.delenv(ADDRESS, raising=False)
    done = cli("push")
    assert done.code == 1 and f"set {ADDRESS}" in done.line
    with pytest.raises(EdgeclipError, match="no address"):
        Server.open("")


def test_both_ends_notice_a_dead_network(database):
    with database.open() as server:
        names = ("tcp_keepalives_idle", "tcp_user_timeout")
        found = dict(
            server.all(
                "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)",
                ([*names, "client_connection_check_interval", "lock_timeout"],),
            )
        )
        assert found["tcp_keepalives_idle"] == "15" and found["lock_timeout"] == "15000"
        assert found["client_connection_check_interval"] == "5000"
        known = server._connection.info.get_parameters()
        assert known["tcp_user_timeout"] == "30000" and known["keepalives_idle"] == "15"


def test_a_connection_that_is_lost_in_a_search(database, tmp_path):
    pushed(database, filled(tmp_path / "i", 10))
    with Proxy(database.server.port) as proxy:
        proxy.limit = 20_000
        with Server.open(database.server.url(database.name, port=proxy.port)) as server:
            fleet = Fleet(server)
            with pytest.raises(FleetError, match=r"connection to .* was lost.*again"):
                for n in range(999):
                    fleet.search(vector_of(n), SPACE)


def test_a_server_that_is_stopped_in_a_push(database, tmp_path):
    folder = filled(tmp_path / "i", 10)

    def end(*_):
        database.all(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'edgeclip'"
        )

    with database.open() as server, pytest.raises(FleetError, match="lost: terminating connection"):
        push(folder, server, "door", progress=end)
    pushed(database, folder)
    check(database, folder)


@pytest.fixture
def role(database):
    """A user of the server who may do nothing; its name."""
    name = f"board_{database.name}"
    database.all(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    yield name
    database.all(f"DROP OWNED BY {name}")
    database.all(f"DROP ROLE {name}")


def test_a_user_who_may_not_make_anything(database, role, tmp_path):
    folder = filled(tmp_path / "i", 10)
    with Server.open(database.server.url(database.name, role)) as server:
        with pytest.raises(
            FleetError, match=r"pgvector is not switched on.*CREATE EXTENSION vector"
        ):
            push(folder, server, "door")
        database.all("CREATE EXTENSION vector")
        with pytest.raises(
            FleetError, match=rf"{role} cannot make them \(.* denied for schema public.* --setup"
        ):
            push(folder, server, "door")


GRANTS = "GRANT SELECT, INSERT, UPDATE, DELETE ON edgeclip_item, edgeclip_device TO {role}"


def test_a_user_who_may_only_write_rows(database, role, tmp_path):
    pushed(database, filled(tmp_path / "first", 1), "first")
    folder = filled(tmp_path / "i", 10)
    with Server.open(database.server.url(database.name, role)) as server:
        with pytest.raises(FleetError, match=f"refuses {role}.*edgeclip_device"):
            push(folder, server, "door")
        database.all(GRANTS.format(role=role))
        push(folder, server, "door")
    check(database, folder)


def test_a_user_who_sees_only_its_own_rows(database, role, tmp_path, monkeypatch):
    """Row level security, as docs/fleet.md sets it up; COPY is not possible there."""
    monkeypatch.setattr("edgeclip.index.outbox.LEAST_ROWS", 9)
    pushed(database, filled(tmp_path / "first", 30), "first")
    database.all(GRANTS.format(role=role))
    for table in ("edgeclip_item", "edgeclip_device"):
        database.all(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        database.all(f"CREATE POLICY own ON {table} USING (device = current_user)")
    folder = tmp_path / "i"
    url = database.server.url(database.name, role)
    for seed in range(4):
        stir(folder, seed)
        with Server.open(url) as server:
            push(folder, server, role)
        check(database, folder, role)
    monkeypatch.setattr(graph, "LARGE", 1)
    with Server.open(url) as server:
        assert not graph.make(server, SPACE, DIM, at_once=False)  # that is its owner's
        with pytest.raises(FleetError, match=f"{role} does not own .* run: CREATE INDEX CONC"):
            graph.make(server, SPACE, DIM, at_once=True)
        with pytest.raises(FleetError, match=r"row.level security"):
            push(folder, server, "first")
        assert [each.name for each in Fleet(server).devices()] == [role]
    check(database, tmp_path / "first", "first")


def test_who_may_not_make_the_graph_waits_for_who_does(database, role, tmp_path):
    pushed(database, filled(tmp_path / "i", 30))
    database.all(GRANTS.format(role=role))
    name = graph.name_of(SPACE)

    def make() -> None:
        with database.open() as server:
            graph.make(server, SPACE, DIM, at_once=True)

    with Server.open(database.server.url(database.name, role)) as board:
        with ThreadPoolExecutor(1) as threads, database.connect() as writer:
            writer.autocommit = False
            writer.execute("UPDATE edgeclip_item SET mark = mark")  # it waits for this one
            making = threads.submit(make)
            until(lambda: board.all("SELECT to_regclass(%s) IS NOT NULL", (name,))[0][0])
            assert graph.missing(board, SPACE, DIM) is None
            assert not graph.make(board, SPACE, DIM, at_once=True)
            writer.rollback()
            making.result(PATIENCE_S)
        assert graph.is_valid(board, name)


def test_a_table_of_another_version(database, tmp_path):
    pushed(database, filled(tmp_path / "i", 1))
    database.all("COMMENT ON TABLE edgeclip_item IS 'edgeclip fleet, format 2'")
    with pytest.raises(FleetError, match=r"another version \(edgeclip fleet, format 2\)"):
        pushed(database, tmp_path / "i")


def test_a_database_that_is_not_in_utf8(database, postgres_server, tmp_path):
    with postgres_server.connect() as connection:
        connection.execute(
            "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
    refused = pytest.raises(FleetError, match="has the encoding LATIN1")
    with Server.open(postgres_server.url("latin")) as server, refused:
        push(filled(tmp_path / "i", 1), server, "door")


def test_boards_that_are_the_first_at_the_same_time(database, tmp_path):
    folders = [filled(tmp_path / f"i{n}", 20, str(n)) for n in range(4)]
    errors = []

    def send(n):
        try:
            pushed(database, folders[n], f"board{n}")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not errors
    for n, folder in enumerate(folders):
        check(database, folder, f"board{n}")
