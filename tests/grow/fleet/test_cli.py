"""``edgeclip push`` and ``edgeclip search --on``, as they are called."""

from __future__ import annotations

import shutil
import socket
import sys

import pytest

from edgeclip.grow.fleet import graph
from edgeclip.grow.fleet.server import ADDRESS
from tests.cli.conftest import write_picture
from tests.cli.test_output import on_a_terminal
from tests.grow.fleet.some import check, held


@pytest.fixture
def album(cli, here):
    for seed in range(6):
        write_picture(here / "album" / f"{seed}.png", seed)
    assert cli("index", "album", "--index", "i", "--json").code == 0
    return here / "i"


def test_push_and_search(cli, database, album, here):
    done = cli("push", "--to", database.url, "--device", "door", "--index", "i", "--json")
    assert (done.code, done.err) == (0, "")
    told = done.json
    assert (told["device"], told["sent"], told["items"]) == ("door", 6, 6)
    assert (told["removed"], told["unchanged"], told["graph_made"]) == (0, 0, False)
    assert told["seconds"] > 0
    check(database, album)
    queries = ["a cat", "album/3.png", "album/1.png + snow"]
    alone = cli("search", *queries, "--index", "i", "--json").json["queries"]
    fleet = cli("search", *queries, "--on", database.url, "--json")
    assert (fleet.code, fleet.err) == (0, "")
    assert fleet.json["left_out"] == [] and len(fleet.json["times"]) == 2
    for one, other in zip(alone, fleet.json["queries"], strict=True):
        assert one["query"] == other["query"] and other["good_match"] is None
        assert [each["key"] for each in one["matches"]] == [e["key"] for e in other["matches"]]
        for near, far in zip(one["matches"], other["matches"], strict=True):
            assert far["device"] == "door" and far["metadata"] == near["metadata"]
            assert far["score"] == pytest.approx(near["score"], abs=1e-5)


def test_for_people(cli, database, album, monkeypatch):
    monkeypatch.setenv(ADDRESS, database.url)
    done = cli("push", "--index", "i")
    assert done.code == 0
    header, row = done.out.splitlines()
    assert header.split() == ["device", "sent", "unchanged", "removed", "items", "seconds"]
    assert row.split()[:5] == [socket.gethostname(), "6", "0", "0", "6"]
    done = cli("search", "album/3.png", "--fleet", "--count", 2)
    lines = done.out.splitlines()
    assert lines[0] == "album/3.png" and "device" in lines[1] and "picture" in lines[1]
    assert lines[2].split()[0] == "1.000" and lines[2].split()[-1] == "3.png"
    assert socket.gethostname() in lines[2]


def test_a_bar_is_shown_on_a_terminal_only(database, album):
    arguments = ["push", "--to", database.url, "--index", "i", "--device", "door"]
    code, shown = on_a_terminal(arguments)
    assert code == 0 and "/6 [" in shown and "row" in shown
    assert shown.split()[-6:-1] == ["door", "6", "0", "0", "6"]
    code, shown = on_a_terminal(arguments)
    assert code == 0 and "[" not in shown


def test_filters_and_devices(cli, database, album, here):
    for device in ("door", "yard"):
        write_picture(here / "album" / f"{device}.png", len(device) * 7)
        cli("index", "album", "--index", device)
        assert cli("push", "--to", database.url, "--device", device, "--index", device).code == 0
    on = ("search", "cat", "--on", database.url, "--count", 99, "--json")

    def found(*more):
        (answer,) = cli(*on, *more).json["queries"]
        return [(each["device"], each["key"]) for each in answer["matches"]]

    assert len(found()) == 7 + 8
    assert {device for device, _ in found("--device", "yard")} == {"yard"}
    assert found("--where", "key^=yard") == [("yard", "yard.png")]
    assert found("--where", "width>=1000") == [] and len(found("--where", "width>=1")) == 15
    assert found("--until", "1999") == [] and found("--min-score", "1") == []
    assert len(found("--since", "2000", "--device", "door", "--device", "yard")) == 15
    done = cli("search", "cat", "--on", database.url, "--where", "width>=1000")
    assert "no picture" in done.out
    done = cli(*on, "--device", "gate")
    assert done.code == 1 and "there is no device gate" in done.line


def test_boards_of_other_options_are_left_out_and_named(cli, database, album, here):
    cli("index", "album", "--index", "padded", "--fit", "pad")
    for device, index in (("door", "i"), ("yard", "padded")):
        cli("push", "--to", database.url, "--device", device, "--index", index)
    done = cli("search", "cat", "--on", database.url, "--json")
    assert done.code == 0
    assert done.line == (
        "edgeclip: left out: yard: its vectors are of another model, or of other options."
    )
    assert [each["device"] for each in done.json["left_out"]] == ["yard"]
    assert {each["device"] for each in done.json["queries"][0]["matches"]} == {"door"}
    assert cli("search", "cat", "--on", database.url, "--device", "door").err == ""


def test_a_filter_that_can_let_nothing_through(cli, database, album):
    cli("push", "--to", database.url, "--device", "door", "--index", "i")
    for where in ("nosuch=1", "width=abc"):
        told = [
            cli("search", "cat", *of, "--where", where).line
            for of in (("--on", database.url), ("--index", "i"))
        ]
        assert told[0] == told[1] and "no item" in told[0]


def test_a_model_that_the_fleet_does_not_know(cli, database, album):
    cli("push", "--to", database.url, "--device", "door", "--index", "i")
    done = cli("search", "cat", "--on", database.url, "--fit", "pad")
    assert done.code == 1 and "no vectors of this model" in done.line and "1 device" in done.line


@pytest.mark.parametrize(
    "options",
    [
        ("--on", "postgresql://x/y", "--index", "i"),
        ("--on", "postgresql://x/y", "--in", "album"),
        ("--on", "postgresql://x/y", "--sheet", "s.png"),
        ("--on", "postgresql://x/y", "--fleet"),
        ("--fleet", "--index", "i"),
        ("--device", "door"),
    ],
)
def test_wrong_use(cli, options):
    done = cli("search", "cat", *options)
    assert done.code == 2 and not done.out


def test_the_graph_at_once(cli, database, album):
    arguments = ("push", "--to", database.url, "--index", "i", "--device", "d", "--graph", "--json")
    assert cli(*arguments).json["graph_made"] is True
    assert cli(*arguments).json["graph_made"] is False
    assert len(cli("search", "cat", "--on", database.url, "--json").json["queries"][0]["matches"])


def test_the_rows_are_there_also_where_the_graph_cannot_be_made(cli, database, album, monkeypatch):
    def fail(*_, **__):
        from edgeclip.errors import FleetError

        raise FleetError("must be owner of table edgeclip_item.")

    monkeypatch.setattr(graph, "make", fail)
    done = cli("push", "--to", database.url, "--index", "i", "--device", "door", "--json")
    assert done.code == 0 and done.json["sent"] == 6
    assert done.line == (
        "edgeclip: the HNSW index was not made: must be owner of table edgeclip_item."
    )
    assert len(held(database)) == 6


def test_a_fleet_without_a_graph(cli, database, album, monkeypatch):
    monkeypatch.setattr(graph, "LARGE", 5)
    monkeypatch.setattr(graph, "_is_owner", lambda server: False)
    push = ("push", "--to", database.url, "--index", "i", "--device", "d")
    assert cli(*push).err == ""
    done = cli("search", "cat", "--on", database.url, "--json")
    assert done.code == 0 and len(done.json["queries"][0]["matches"]) == 5
    assert "no HNSW index" in done.line
    assert f"run: CREATE INDEX CONCURRENTLY {graph.name_of(done_space(cli))}" in done.line
    done = cli(*push, "--graph")
    assert done.code == 0 and "not made: postgres does not own" in done.line


def done_space(cli):
    return cli("info", "--json").json["space"]


def test_an_index_that_was_put_back(cli, database, album, here):
    push = ("push", "--to", database.url, "--device", "door", "--index", "i", "--json")
    shutil.copytree(album, here / "copy")
    write_picture(here / "album" / "later.png", 70)
    cli("index", "album", "--index", "i")
    assert cli(*push).err == ""
    shutil.rmtree(album)
    (here / "copy").rename(album)
    done = cli(*push)
    assert done.json["anew"] and done.json["removed"] == 1
    assert "put back from a copy" in done.line
    assert cli(*push).err == "" and cli(*push, "--compare").err == ""
    check(database, album)


def test_compare_and_replace(cli, database, album, here):
    push = ("push", "--to", database.url, "--device", "door", "--json")
    cli(*push, "--index", "i")
    assert cli(*push, "--index", "i", "--compare").json["unchanged"] == 6
    cli("index", "album", "--index", "j")
    refused = cli(*push, "--index", "j")
    assert refused.code == 1 and "another index's name" in refused.line and not refused.out
    assert cli(*push, "--index", "j", "--replace").code == 0
    check(database, here / "j")


def test_no_index(cli, database):
    done = cli("push", "--to", database.url, "--index", "none")
    assert done.code == 1 and "none" in done.line
    assert database.all("SELECT to_regclass('edgeclip_item')") == [(None,)]


@pytest.mark.parametrize("command", [("push", "--to"), ("search", "cat", "--on")])
def test_without_psycopg(cli, monkeypatch, command):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    done = cli(*command, "postgresql://x/y")
    assert done.code == 1 and done.line.endswith("pip install 'edgeclip[pg]'")
