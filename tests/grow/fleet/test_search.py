"""``Fleet.search``: all devices at once, against numpy and against the boards' own indexes."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from edgeclip.errors import FilterError, FleetError, InvalidItem, SpaceMismatch
from edgeclip.grow.fleet import graph
from edgeclip.grow.fleet.push import push
from edgeclip.grow.fleet.search import Fleet
from edgeclip.index.index import Index
from tests.grow.fleet.some import DIM, SPACE, filled, opened, pushed, vector_of
from tests.index.some import stored, units

COUNT = 400


@pytest.fixture
def fleet(database, tmp_path):
    """Two devices of one model, and one of another."""
    for device in ("door", "yard"):
        pushed(database, filled(tmp_path / device, COUNT, device), device)
    with opened(tmp_path / "other", "7" * 64, model="tiny") as index:
        index.add_many((f"{n}.jpg", vector_of(("other", n), 8)) for n in range(5))
    pushed(database, tmp_path / "other", "other")
    with database.open() as server:
        yield Fleet(server)


def expected(query, count, devices=("door", "yard"), keep=lambda n: True):
    """(device, number) and score of the nearest, the plain way."""
    found = [
        (float(stored(vector_of((device, n))) @ query), device, f"{device}{n:05}.jpg")
        for device in devices
        for n in range(COUNT)
        if keep(n)
    ]
    return sorted(found, key=lambda each: (-each[0], *each[1:]))[:count]


def told(matches):
    return [(match.device, match.key) for match in matches]


@pytest.mark.parametrize("seed", range(5))
def test_the_nearest_of_all_devices(fleet, seed):
    query = units(1, DIM, 1000 + seed)[0]
    wanted = expected(query, 12)
    found = fleet.search(query, SPACE, count=12)
    assert told(found) == [each[1:] for each in wanted]
    assert np.allclose([match.score for match in found], [each[0] for each in wanted], atol=1e-6)
    assert found[0].metadata == {"n": int(found[0].key[4:9]), "camera": found[0].metadata["camera"]}


def test_scores_are_those_of_the_board(fleet, tmp_path):
    query = units(1, DIM, 5)[0]
    with Index.open(tmp_path / "door", read_only=True, hnsw=False) as index:
        wanted = index.search(query, count=9, where={"camera": "c1", "n": {">": 100}})
    found = fleet.search(
        query, SPACE, count=9, where={"camera": "c1", "n": {">": 100}}, devices=["door"]
    )
    assert [match.key for match in found] == [match.key for match in wanted]
    assert [match.metadata for match in found] == [match.metadata for match in wanted]
    assert np.allclose(
        [match.score for match in found], [match.score for match in wanted], atol=1e-6
    )


def test_only_some_devices(fleet):
    query = units(1, DIM, 6)[0]
    found = fleet.search(query, SPACE, count=7, devices=["yard"])
    assert told(found) == [each[1:] for each in expected(query, 7, ["yard"])]


def test_least_score_and_few_matches(fleet):
    query = vector_of(("door", 3))
    found = fleet.search(query, SPACE, count=50, min_score=0.99)
    assert told(found) == [("door", "door00003.jpg")] and found[0].score <= 1
    assert fleet.search(query, SPACE, where={"n": 10**6}) == []
    assert len(fleet.search(query, SPACE, count=2 * COUNT + 99)) == 2 * COUNT


def test_only_vectors_of_its_space_are_compared(fleet):
    query = vector_of(("other", 2), 8)
    found = fleet.search(query, "7" * 64, count=99)
    assert {match.device for match in found} == {"other"} and len(found) == 5
    assert found[0].key == "2.jpg"
    with pytest.raises(FleetError, match=r"different (halfvec|vector) dim"):
        fleet.search(query, SPACE)


@pytest.mark.parametrize("where", [None, {"camera": "c2"}, {"n": {"<": 12}}, {"n": 7}])
def test_by_the_graph(fleet, database, where):
    """Also with a filter that leaves few: the graph is asked on and on until it has enough."""
    with database.open() as server:
        assert graph.make(server, SPACE, DIM, at_once=True)
        assert not graph.make(server, SPACE, DIM, at_once=True)
    keep = {
        None: lambda n: True,
        "camera": lambda n: n % 3 == 2,
        "n": lambda n: n < 12 if isinstance(where["n"], dict) else n == 7,
    }[where and next(iter(where))]
    for seed in range(5):
        query = units(1, DIM, 2000 + seed)[0]
        found = fleet.search(query, SPACE, count=10, where=where, exact=False)
        assert told(found) == [each[1:] for each in expected(query, 10, keep=keep)]


def plan(server, monkeypatch, search):
    """What the server says of how it answers a search."""
    said = []
    ask = type(server).all

    def explained(self, sql, values=()):
        if "edgeclip_item" in sql:
            said.extend(line for (line,) in ask(self, f"EXPLAIN {sql}", values))
        return ask(self, sql, values)

    with monkeypatch.context() as patch:
        patch.setattr(type(server), "all", explained)
        search()
    return "\n".join(said)


def test_many_vectors_are_searched_by_the_graph(fleet, database, monkeypatch):
    name = graph.name_of(SPACE)
    query = units(1, DIM, 1)[0]
    with database.open() as server:
        graph.make(server, SPACE, DIM, at_once=True)
        server.all("SET enable_seqscan = off")  # a few hundred rows are read faster without it
        many = Fleet(server)
        assert name not in plan(server, monkeypatch, lambda: many.search(query, SPACE))
        monkeypatch.setattr("edgeclip.grow.fleet.graph.LARGE", 2 * COUNT - 1)
        assert name in plan(server, monkeypatch, lambda: many.search(query, SPACE))
        few = plan(server, monkeypatch, lambda: many.search(query, SPACE, devices=["door"]))
        assert name not in few


def test_what_the_graph_misses_is_found(fleet, database, monkeypatch):
    """Where the graph ends early, every row is compared."""
    monkeypatch.setattr("edgeclip.grow.fleet.graph.LARGE", 1)
    monkeypatch.setattr("edgeclip.grow.fleet.search.Fleet._by_graph", lambda *_: [])
    query = units(1, DIM, 8)[0]
    found = fleet.search(query, SPACE, count=4, where={"n": {"<": 9}})
    assert told(found) == [each[1:] for each in expected(query, 4, keep=lambda n: n < 9)]


def test_a_graph_is_made_when_there_are_many(database, tmp_path, monkeypatch):
    monkeypatch.setattr("edgeclip.grow.fleet.graph.LARGE", 30)
    folder = filled(tmp_path / "i", 20)
    with database.open() as server:
        push(folder, server, "a")
        assert not graph.make(server, SPACE, DIM, at_once=False)
        push(filled(tmp_path / "j", 20), server, "b")
        assert graph.make(server, SPACE, DIM, at_once=False)
        assert graph.is_valid(server, graph.name_of(SPACE))


def test_whoever_searches_is_told_how_to_make_the_graph(fleet, database, monkeypatch):
    """As boards may do no more than they need; the statement that is told is the one that works."""
    assert fleet.missing_graph(SPACE, DIM) is None
    monkeypatch.setattr("edgeclip.grow.fleet.graph.LARGE", COUNT + 1)
    assert fleet.missing_graph(SPACE, DIM, ["door"]) is None
    statement = fleet.missing_graph(SPACE, DIM)
    database.all(statement)
    assert fleet.missing_graph(SPACE, DIM) is None
    with database.open() as server:
        assert not graph.make(server, SPACE, DIM, at_once=True)
        server.all("SET enable_seqscan = off")
        query = units(1, DIM, 1)[0]
        found = plan(server, monkeypatch, lambda: Fleet(server).search(query, SPACE))
    assert graph.name_of(SPACE) in found


def test_the_graph_of_a_space_with_odd_letters(database, tmp_path, monkeypatch):
    space = "a'b\1 ü"
    with opened(tmp_path / "i", space) as index:
        index.add_many((f"{n}.jpg", vector_of(n)) for n in range(20))
    monkeypatch.setattr("edgeclip.grow.fleet.graph.LARGE", 10)
    with database.open() as server:
        push(tmp_path / "i", server, "door")
        assert graph.make(server, space, DIM, at_once=False)
        held = "SELECT reltuples FROM pg_class WHERE oid = to_regclass(%s)"
        assert database.all(held, graph.name_of(space)) == [(20,)]


def test_a_graph_is_made_beside_long_transactions(database, tmp_path, monkeypatch):
    """It waits for them, longer than for any lock."""
    monkeypatch.setattr("edgeclip.grow.fleet.server.LOCK_S", 1)
    pushed(database, filled(tmp_path / "i", 20))
    with database.connect() as other, database.open() as server:
        other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT count(*) FROM edgeclip_item")
        ended = threading.Timer(2.5, other.rollback)
        ended.start()
        assert graph.make(server, SPACE, DIM, at_once=True)
        assert server.all("SHOW lock_timeout") == [("1s",)]
        ended.join()


def test_a_graph_that_failed_leaves_nothing_behind(database, tmp_path, monkeypatch):
    pushed(database, filled(tmp_path / "i", 20))
    monkeypatch.setattr("edgeclip.grow.fleet.server.LOCK_S", 1)
    with database.connect() as other, database.open() as server:
        other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT count(*) FROM edgeclip_item")
        server.all("SET statement_timeout = '2s'")  # as an administrator may have it
        stopped = threading.Timer(4, other.rollback)
        stopped.start()
        with pytest.raises(FleetError, match="statement timeout"):
            graph.make(server, SPACE, DIM, at_once=True)
        stopped.join()
    fleet = Fleet(database.open())
    monkeypatch.setattr("edgeclip.grow.fleet.graph.LARGE", 1)
    for statement in fleet.missing_graph(SPACE, DIM).split("; "):
        database.all(statement)
    assert fleet.missing_graph(SPACE, DIM) is None


def test_a_graph_of_somebody_who_was_stopped_is_made_anew(database, tmp_path):
    pushed(database, filled(tmp_path / "i", 20))
    name = graph.name_of(SPACE)
    with database.open() as server:
        graph.make(server, SPACE, DIM, at_once=True)
        database.all(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(%s)", name
        )
        assert not graph.is_valid(server, name)
        assert graph.missing(server, SPACE, DIM).startswith(f"DROP INDEX CONCURRENTLY {name}; ")
        assert graph.make(server, SPACE, DIM, at_once=True)
        assert graph.is_valid(server, name)


def test_spaces_that_are_no_hex_have_graphs_of_their_own():
    names = {graph.name_of(space) for space in ("5" * 64, "a'b", "a b", "A" * 64, "\ud800")}
    assert len(names) == 5 and all(name.isidentifier() and len(name) < 64 for name in names)


def test_what_is_not_there(fleet, database):
    with pytest.raises(SpaceMismatch, match=r"no vectors of this model \(space 999.*tiny"):
        fleet.check("9" * 64)
    with pytest.raises(SpaceMismatch, match="tiny") as error:
        fleet.check(SPACE, ["other"])
    assert "2 devices" not in str(error.value)
    with pytest.raises(FleetError, match=r"there is no device gate .*door, other, yard"):
        fleet.check(SPACE, ["gate"])
    fleet.check(SPACE)
    fleet.check(SPACE, ["door"])


def test_boards_of_another_model_are_told(fleet):
    assert [each.name for each in fleet.check(SPACE)] == ["other"]
    assert [each.name for each in fleet.check("7" * 64)] == ["door", "yard"]
    assert fleet.check(SPACE, ["door"]) == []


def test_a_fleet_of_which_nothing_is_to_be_seen(fleet, database):
    database.all("DELETE FROM edgeclip_device")
    with pytest.raises(FleetError, match=r"postgres sees no device in .*policies"):
        fleet.check(SPACE)


def test_what_is_known_of_few_pictures(fleet, monkeypatch):
    found = fleet.known(SPACE, ["yard"])
    assert len(found) == COUNT and all(each.key.startswith("yard") for each in found)
    assert sorted(each.metadata["n"] for each in found) == list(range(COUNT))
    monkeypatch.setattr("edgeclip.grow.fleet.graph.LARGE", 5)
    assert fleet.known(SPACE) == []


def test_no_fleet(database):
    with database.open() as server, pytest.raises(FleetError, match="no device has been pushed"):
        Fleet(server)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"vector": np.ones(DIM)}, InvalidItem),
        ({"vector": np.full(DIM, np.nan)}, InvalidItem),
        ({"where": {"f": None}}, FilterError),
        ({"count": 0}, ValueError),
    ],
)
def test_what_cannot_be_asked(fleet, asked, error):
    asked = {"vector": vector_of("x")} | asked
    with pytest.raises(error):
        fleet.search(asked.pop("vector"), SPACE, **asked)


def test_devices(fleet):
    found = fleet.devices()
    assert [(each.name, each.items, each.model) for each in found] == [
        ("door", COUNT, ""),
        ("other", 5, "tiny"),
        ("yard", COUNT, ""),
    ]
    assert all(each.pushed and each.pushed[:2] == "20" for each in found)
