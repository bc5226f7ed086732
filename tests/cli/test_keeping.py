"""``edgeclip index`` at its work: what it remembers, and how it is stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import pytest

from edgeclip.cli import output
from edgeclip.errors import StoreFull
from edgeclip.index.index import Index
from tests.cli.conftest import write_picture
from tests.cli.test_index import KEYS, line_of, process, statuses
from tests.patience import PATIENCE_S

__all__ = ["process"]  # a fixture


def test_rules_are_remembered(cli, album, monkeypatch):
    monkeypatch.setattr("edgeclip.cli.output.remark", lambda text: output.note(text))
    first = cli("index", "album", "--exclude", "trip/", "--exclude", "a b", "--hidden")
    assert first.code == 0 and "rules" not in first.err
    for arguments in ((), ("album",)):
        done = cli("index", *arguments, "--json")
        assert sorted(statuses(done)) == [".hidden.png", ".thumbs/t.png", "a.jpg", "b.png"]
        told = "rules of the last time: --exclude trip/ --exclude 'a b' --hidden (--default-rules"
        assert told in done.err
    done = cli("index", "--default-rules", "--json")
    assert {key for key, status in statuses(done).items() if status != "removed"} == set(KEYS)
    assert "rules" not in done.err + cli("index").err


def test_a_full_disk_after_the_last_picture_is_no_failure(cli, album, monkeypatch):
    def full(*_):
        raise StoreFull("the disk is full. Free some space.")

    monkeypatch.setattr(Index, "learn", full)
    done = cli("index", "album")
    assert done.code == 0 and "what unrelated words get was not kept: the disk is full" in done.line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watching_ends_cleanly(process, album, number):
    running = process("album", "--watch", "--json")
    assert {line_of(running)["key"] for _ in KEYS} == set(KEYS)
    time.sleep(0.5)
    write_picture(album / "late.png", 50)
    assert line_of(running) == {"key": "late.png", "status": "added", "error": None}
    (album / "late.png").rename(album / "later.png")
    assert line_of(running)["status"] == "renamed"
    running.send_signal(number)
    _, err = running.communicate(timeout=PATIENCE_S)
    assert (running.returncode, err) == (0, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_keeps_what_it_told(process, here, number, cli):
    # Long names: the pipe is full before the end, so it cannot come to its end unseen.
    names = [f"{seed:03}{'x' * 240}.png" for seed in range(400)]
    for seed, name in enumerate(names):
        write_picture(here / "many" / name, 100 + seed)
    running = process("many", "--json")
    told = {line_of(running)["key"] for _ in range(40)}
    running.send_signal(number)
    out, err = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 128 + number
    assert err == (b"edgeclip: interrupted.\n" if number == signal.SIGINT else b"")
    whole = (line for line in out.splitlines(keepends=True) if line.endswith(b"\n"))
    told |= {json.loads(line)["key"] for line in whole}
    with Index.open("edgeclip.index") as index:
        assert told == set(index)
    done = cli("index", "many", "--json")
    assert sorted(statuses(done)) == names
    assert all(statuses(done)[key] == "unchanged" for key in told)


def test_a_watch_that_is_stopped_tells_what_it_keeps(process, here):
    write_picture(here / "many" / "first.png", 1)
    running = process("many", "--watch", "--json")
    assert line_of(running)["key"] == "first.png"
    time.sleep(0.5)
    for seed in range(300):
        write_picture(here / "many" / f"{seed:03}{'x' * 240}.png", 100 + seed)
    told = {"first.png", *(line_of(running)["key"] for _ in range(30))}
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=PATIENCE_S)
    assert (running.returncode, err) == (0, b"")
    told |= {json.loads(line)["key"] for line in out.splitlines()}
    with Index.open("edgeclip.index") as index:
        assert told == set(index) and len(told) < 301


def test_the_second_ctrl_c_ends_at_once(process, here):
    for seed in range(400):
        write_picture(here / "many" / f"{seed:03}{'x' * 240}.png", 100 + seed)
    running = process("many", "--json")
    line_of(running)
    time.sleep(1)
    running.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(0.5)  # the pipe is full, and what is kept must be told
    running.send_signal(signal.SIGINT)
    time.sleep(0.3)
    running.stdout.close()
    assert running.wait(PATIENCE_S) == 128 + signal.SIGINT


def test_a_large_index_gets_its_graph_before_the_run_ends(cli, album, here, monkeypatch):
    monkeypatch.setattr("edgeclip.index.worth._LEAST_NUMBERS", 1)
    monkeypatch.setattr("edgeclip.cli.output.remark", output.note)
    assert "graph" not in cli("index", "album").err  # exact search is fast enough
    monkeypatch.setattr("edgeclip.index.worth.SLOW_S", 0.0)
    done = cli("index")
    assert done.code == 0 and "building the graph for programs" in done.err
    assert list((here / "edgeclip.index/cache").glob("hnsw-*.bin"))
    assert "graph" not in cli("index").err


def test_items_are_removed_by_name(cli, album):
    assert cli("index", "album").code == 0
    done = cli("index", "--remove", "a.jpg", "--remove", "b.png", "--json")
    assert done.code == 0 and json.loads(done.out) == {"removed": 2, "missing": []}
    with Index.open("edgeclip.index", read_only=True) as index:
        assert set(index) == set(KEYS) - {"a.jpg", "b.png"}
    assert cli("index", "album", "--remove", "a.jpg").code == 2
    assert statuses(cli("index", "--json"))["a.jpg"] == "added"
