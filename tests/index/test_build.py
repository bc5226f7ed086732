"""The child process: what it builds, when it stops, and what is left when it is killed anywhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from edgeclip.errors import StoreError, StoreFull, StoreLocked, StoreNotFound
from edgeclip.index import build, cache, failpoints
from edgeclip.index.hnsw import Graph
from edgeclip.index.saved import opened
from edgeclip.index.store import Store
from tests.index.saved_graphs import clustered, made_index
from tests.patience import PATIENCE_S, PROMPT_S

pytest.importorskip("hnswlib")

STEPS = [step for step in failpoints.STEPS if step.startswith("cache.")]


@pytest.fixture(scope="module")
def vectors():
    return clustered(2000)[0]


@pytest.fixture
def folder(tmp_path, vectors):
    return made_index(tmp_path / "index", vectors)


def identity(folder):
    store = Store.open(folder / "store.db", read_only=True)
    try:
        return store.identity
    finally:
        store.close()


def graph(folder):
    """Return the graph that the next opening would read."""
    (path,) = cache.manifests(folder)
    with opened(path, identity(folder)) as (readable, manifest):
        return Graph.load(readable, manifest.dim, manifest.capacity)


def run(folder, *more):
    command = [sys.executable, "-P", "-m", "edgeclip.index.build", str(folder), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)


def test_it_builds_what_the_database_holds(folder, vectors):
    manifest = build.build(folder, threads=2)
    assert (manifest.count, manifest.last_id, manifest.dim) == (2000, 2000, 16)
    built = graph(folder)
    assert sorted(built.ids().tolist()) == list(range(1, 2001))
    assert np.allclose(built.vectors(np.array([1, 77, 2000])), vectors[[0, 76, 1999]])
    assert not built.full(1000)


def test_the_child_answers_in_one_line(folder):
    child = run(folder, "--threads", "1", "--parent", str(os.getpid()))
    assert child.returncode == 0, child.stderr
    answer = json.loads(child.stdout)
    size = (folder / "cache/hnsw-1-1.bin").stat().st_size
    assert answer == {"ok": True, "name": "hnsw-1-1", "count": 2000, "bytes": size}
    assert len(graph(folder)) == 2000


def test_the_child_says_why_it_failed(tmp_path):
    child = run(tmp_path / "missing")
    assert child.returncode != 0
    answer = json.loads(child.stdout)
    assert answer["ok"] is False and "cache" in answer["reason"]


def test_an_index_without_vectors_has_no_graph(tmp_path):
    folder = made_index(tmp_path / "index", [])
    with pytest.raises(StoreError, match="holds nothing"):
        build.build(folder)
    (folder / "store.db").unlink()
    with pytest.raises(StoreNotFound):
        build.build(folder)


def test_it_does_not_begin_on_a_full_disk(folder, monkeypatch):
    usage = build.shutil.disk_usage(folder)
    monkeypatch.setattr(build.shutil, "disk_usage", lambda path: usage._replace(free=100_000))
    with pytest.raises(StoreFull, match="Free some space"):
        build.build(folder)
    assert cache.manifests(folder) == []


def test_two_do_not_build_at_once(folder):
    with cache.building(folder), pytest.raises(StoreLocked):
        build.build(folder)


def test_a_graph_that_finds_nothing_is_not_published(folder, monkeypatch):
    def shuffled(path, dim, capacity):
        wrong = Graph.empty(dim, capacity)
        wrong.add(np.arange(1, 2001), clustered(2000, seed=9)[0])
        return wrong

    monkeypatch.setattr(build.Graph, "load", shuffled)
    with pytest.raises(StoreError, match="does not find"):
        build.build(folder)
    assert {path.name for path in (folder / "cache").iterdir()} == {"lock"}


def test_many_equal_vectors_are_a_good_graph_too(tmp_path):
    folder = made_index(tmp_path / "index", np.repeat(clustered(3)[0], 100, axis=0))
    assert build.build(folder).count == 300


def test_it_ends_when_its_parent_has_ended(folder):
    slow = "import time; from edgeclip.index import failpoints, build; " + (
        "failpoints.hook = lambda step: time.sleep(60); build._main()"
    )
    parent = (
        "import subprocess, sys, os; child = subprocess.Popen([sys.executable, '-c', "
        f"{slow!r}, {str(folder)!r}, '--parent', str(os.getpid())]); print(child.pid)"
    )
    said = subprocess.run(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, timeout=PATIENCE_S
    )
    child = int(said.stdout)
    for _ in range(100):
        if not alive(child):
            break
        time.sleep(0.1)
    else:
        os.kill(child, signal.SIGKILL)
        pytest.fail("the child outlived its parent")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_parents_side_stops_it_at_once(folder):
    child = build.Child(folder)
    since = time.monotonic()
    child.stop()
    assert time.monotonic() - since < PROMPT_S and not child.running()
    assert "ended with code -15" in child.problem()


def test_the_parents_side_tells_the_end(folder):
    child = build.Child(folder)
    while child.running():
        time.sleep(0.02)
    assert child.problem() is None and len(graph(folder)) == 2000
    (folder / "store.db").unlink()
    child = build.Child(folder)
    while child.running():
        time.sleep(0.02)
    assert "there is no index" in child.problem()


KILLED = """
import os, sys
from pathlib import Path
from edgeclip.index import build, cache, failpoints
folder, step = Path(sys.argv[1]), sys.argv[2]
failpoints.hook = lambda reached: os._exit(9) if reached == step else None
if step == "cache.set-aside":
    cache.set_aside(folder, cache.manifests(folder)[0])
build.build(folder)
"""


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_leaves_the_old_one_or_the_new(folder, step):
    build.build(folder)
    child = subprocess.run([sys.executable, "-c", KILLED, str(folder), step], timeout=PATIENCE_S)
    assert child.returncode == 9, f"{step} was never reached"
    done = step in ("cache.published", "cache.old-removed")
    found = cache.manifests(folder)
    if step == "cache.set-aside":
        assert found == []
    else:
        assert found[0].stem == ("hnsw-1-2" if done else "hnsw-1-1")
        with opened(found[0], identity(folder)):
            pass
    build.build(folder)  # nothing of it is in the way
    assert len(graph(folder)) == 2000
    assert len(list((folder / "cache").iterdir())) == 3


def test_all_steps_are_named():
    assert len(STEPS) == 10
