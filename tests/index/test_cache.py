"""Saved graphs: 300 damaged ones, hostile ones, failed saves; none is ever read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest

from edgeclip.errors import StoreError, StoreLocked
from edgeclip.index import cache, saved
from edgeclip.index.hnsw import Graph
from edgeclip.index.saved import Refused, opened
from tests.index.saved_graphs import clustered, graph_of, identity, manifest_of, published

pytest.importorskip("hnswlib")

WHO = identity()
FIELDS = ("offset", "capacity", "count", "row", "label", "vector")
MORE = ("max_m", "max_m0", "m")


@pytest.fixture(scope="module")
def vectors():
    return clustered(2000)[0]


@pytest.fixture(scope="module")
def original(tmp_path_factory, vectors):
    """The folder of an index with one good saved graph: do not change it."""
    folder = tmp_path_factory.mktemp("original")
    published(folder, graph_of(vectors), WHO)
    return folder


@pytest.fixture
def folder(tmp_path, original):
    return shutil.copytree(original, tmp_path / "index")


def files(folder):
    (path,) = cache.manifests(folder)
    return path, path.with_suffix(".bin")


def refusal(folder, who=WHO):
    path, _ = files(folder)
    with pytest.raises(Refused) as refused, opened(path, who):
        pytest.fail("it was accepted")
    return str(refused.value)


def sign(folder, data, who=WHO, **changes):
    """Write a file and a manifest that fit each other: only other checks can refuse them."""
    path, file = files(folder)
    file.write_bytes(data)
    manifest = replace(saved.read_manifest(path), bytes=len(data), hash="", **changes)
    descriptor = os.open(file, os.O_RDONLY)
    manifest = replace(manifest, hash=saved._hash(descriptor, manifest, who.secret))
    os.close(descriptor)
    path.write_text(json.dumps(asdict(manifest)))


def test_a_good_one_is_read_and_answers(original, vectors):
    path, file = files(original)
    assert path.name == "hnsw-1-1.json" and file.name == "hnsw-1-1.bin"
    with opened(path, WHO) as (readable, manifest):
        graph = Graph.load(readable, 16, manifest.capacity)
    assert manifest.count == manifest.last_id == len(graph) == 2000
    assert manifest.bytes == file.stat().st_size
    assert (graph.search(vectors[:20], 1)[0][:, 0] == np.arange(1, 21)).all()


def test_280_damaged_files_are_refused(folder):
    path, file = files(folder)
    good, random = file.read_bytes(), np.random.default_rng(0)
    size = len(good)
    damaged = [good[: int(cut)] for cut in random.integers(0, size, 60)]
    for start in random.integers(0, size - 4096, 60).tolist():
        damaged.append(good[:start] + bytes(4096) + good[start + 4096 :])
    for start in random.integers(0, size - 512, 60).tolist():
        damaged.append(good[:start] + random.bytes(512) + good[start + 512 :])
    for start in random.integers(0, size, 100).tolist():
        flipped = good[start] ^ (1 << int(random.integers(8)))
        damaged.append(good[:start] + bytes([flipped]) + good[start + 1 :])
    assert len(damaged) == 280 and good not in damaged
    for data in damaged:
        file.write_bytes(data)
        assert refusal(folder)
    file.write_bytes(good)
    with opened(path, WHO):
        pass


def crafted():
    """Yield what to change in the header, each of it a crash or a wrong answer in hnswlib."""
    yield "max below count (nmslib/hnswlib#673)", {"capacity": 1}
    yield "huge max", {"capacity": 1 << 40}
    yield "count above max", {"count": 5000}
    yield "no count", {"count": 0}
    yield "other offset", {"offset": 8}
    yield "other row", {"row": 4096}
    yield "other label", {"label": 0}
    yield "other vector", {"vector": 1 << 20}
    yield "entry point beyond the end", {"entry": 2000}
    yield "no entry point", {"entry": 0xFFFFFFFF}
    yield "negative level", {"levels": -5}
    yield "huge level", {"levels": 1 << 30}
    yield "other M", {"m": 17}
    yield "other max M", {"max_m": 1 << 33}
    yield "other max M on the lowest level", {"max_m0": 31}
    yield "NaN as factor", {"mult": float("nan")}
    yield "other ef_construction", {"ef": 1 << 60}


@pytest.mark.parametrize("changes", [c for _, c in crafted()], ids=[name for name, _ in crafted()])
def test_crafted_headers_are_refused_though_they_are_signed(folder, changes):
    _, file = files(folder)
    data = file.read_bytes()
    layout = saved._HEADER
    names = (*FIELDS, "levels", "entry", *MORE, "mult", "ef")
    head = dict(zip(names, layout.unpack(data[: layout.size]), strict=True))
    sign(folder, layout.pack(*{**head, **changes}.values()) + data[layout.size :])
    assert "header" in refusal(folder)


def test_a_header_that_is_cut_off_is_refused_though_it_is_signed(folder):
    sign(folder, files(folder)[1].read_bytes()[:50])
    assert "header is cut off" in refusal(folder)


@pytest.mark.parametrize(
    ("who", "what"),
    [
        (identity(uuid="another"), "uuid"),
        (identity(space="cd" * 32), "space"),
        (identity(dim=32), "dim"),
        (identity(dim=None), "dim"),
        (identity(generation=2), "generation"),
        (identity(secret=bytes(32)), "hash"),
    ],
)
def test_one_of_another_index_is_refused(folder, who, what):
    assert f"its {what} is" in refusal(folder, who)


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 1999},
        {"capacity": 9999},
        {"m": 1},
        {"m": -4},
        {"number": 2},
        {"generation": 0},
        {"last_id": 5},
        {"hnswlib": "9.9"},
        {"bytes": 10**4000},
        {"hash": "é\ud800"},
        {"dim": 8},
        {"format": 2},
    ],
    ids=str,
)
def test_no_field_of_a_manifest_can_be_changed(folder, changes):
    path, _ = files(folder)
    record = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(record))
    assert refusal(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 400,
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b"[" * 4000,
        b'{"bytes": 1}',
        b"\xff\xfe",
        b"{" + b" " * 1_000_000 + b"}",
    ],
    ids=lambda content: repr(content[:9]),
)
def test_what_is_no_manifest_is_refused(folder, content):
    files(folder)[0].write_bytes(content)
    assert "manifest" in refusal(folder)


@pytest.mark.parametrize("value", ["1", 1.5, None, True, [1], {}])
def test_a_manifest_with_values_of_another_type_is_refused(folder, value):
    path, _ = files(folder)
    record = json.loads(path.read_text())
    for field in ("count", "hash" if not isinstance(value, str) else "m"):
        path.write_text(json.dumps(record | {field: value}))
        assert refusal(folder) == "its manifest has other fields"
    path.write_text(json.dumps(record | {"more": 1}))
    assert refusal(folder) == "its manifest has other fields"


@pytest.mark.parametrize("which", [0, 1], ids=["manifest", "file"])
def test_what_is_no_regular_file_is_not_opened(folder, tmp_path, which):
    target = files(folder)[which]
    real = target.rename(tmp_path / "real")
    for make in (
        lambda: target.symlink_to(real),
        lambda: target.symlink_to("/dev/zero"),
        lambda: target.symlink_to(target),
        lambda: os.mkfifo(target),
        target.mkdir,
    ):
        make()
        assert refusal(folder)
        target.rmdir() if target.is_dir() and not target.is_symlink() else target.unlink()
    if which == 1:
        assert "cannot be read" in refusal(folder)  # it is missing


def test_a_huge_file_is_refused_at_once(folder):
    with files(folder)[1].open("r+b") as file:
        file.truncate(1 << 40)  # sparse
    assert "1,099,511,627,776 bytes" in refusal(folder)


def test_a_file_cannot_take_the_place_of_another(tmp_path, vectors):
    one = published(tmp_path / "one", graph_of(vectors), WHO)
    other = published(tmp_path / "two", graph_of(vectors[::-1].copy()), WHO)
    shutil.copy(other.with_suffix(".bin"), one.with_suffix(".bin"))
    with pytest.raises(Refused), opened(one, WHO):
        pass
    renamed = one.with_name("hnsw-1-9.json")
    shutil.copy(other, renamed)
    shutil.copy(other.with_suffix(".bin"), renamed.with_suffix(".bin"))
    with pytest.raises(Refused, match="stem"), opened(renamed, WHO):
        pass


def test_the_file_that_was_checked_is_the_one_that_is_read(folder, vectors):
    path, file = files(folder)
    with opened(path, WHO) as (readable, manifest):
        file.unlink()
        file.write_bytes(b"something else")
        assert len(Graph.load(readable, 16, manifest.capacity)) == 2000


def test_the_newest_is_first_and_older_ones_go(tmp_path, vectors):
    small = graph_of(vectors[:50])
    assert published(tmp_path, small, WHO).name == "hnsw-1-1.json"
    second = published(tmp_path, small, WHO)
    assert second.name == "hnsw-1-2.json"
    names = {path.name for path in (tmp_path / "cache").iterdir()}
    assert names == {"hnsw-1-2.json", "hnsw-1-2.bin", "lock"}
    for name in ("hnsw-1-10.json", "hnsw-2-1.json", "hnsw-1-x.json", "x.json", "hnsw-1-11.bin"):
        (tmp_path / "cache" / name).touch()
    found = [path.name for path in cache.manifests(tmp_path)]
    assert found == ["hnsw-2-1.json", "hnsw-1-10.json", "hnsw-1-2.json"]
    assert published(tmp_path, small, WHO).name == "hnsw-1-11.json"


def test_only_one_builds(tmp_path):
    (tmp_path / "cache").mkdir()
    refused = pytest.raises(StoreLocked, match="another process builds")
    with cache.building(tmp_path), refused, cache.building(tmp_path):
        pass
    with cache.building(tmp_path):
        pass


def test_what_an_interrupted_build_left_is_cleared(folder):
    for name in ("hnsw-1-7.partial", "hnsw-1-8.bin"):
        (folder / "cache" / name).write_bytes(b"half")
    (folder / "cache" / "hnsw-1-9.bin").mkdir()
    (folder / "cache" / "notes.txt").write_text("mine")
    with cache.building(folder):
        pass
    left = {path.name for path in (folder / "cache").iterdir()}
    assert left == {"hnsw-1-1.json", "hnsw-1-1.bin", "lock", "notes.txt"}


def names(folder):
    return {path.name for path in (folder / "cache").iterdir()} - {"lock"}


@pytest.mark.parametrize("fault", ["short", "nothing", "wrong", "probe", "full"])
def test_a_save_that_failed_publishes_nothing(folder, vectors, fault):
    graph, before = graph_of(vectors), names(folder)

    def save(path):
        if fault == "full":  # as hnswlib does it: no error, and nothing there
            path.symlink_to("/dev/full")
            return graph.save(path)
        size = graph.save(path)
        if fault == "short":
            os.truncate(path, size - 1)
        elif fault == "nothing":
            path.unlink()
        elif fault == "wrong":
            with path.open("r+b") as file:
                file.write(b"\xff" * 96)
        return size

    def probe(path):
        if fault == "probe":
            raise StoreError("it finds nothing.")

    with cache.building(folder), pytest.raises(StoreError):
        cache.publish(folder, manifest_of(graph, WHO), WHO.secret, save=save, probe=probe)
    assert names(folder) == before
    with opened(files(folder)[0], WHO):
        pass


LIMITED = """
import resource, signal, sys
from pathlib import Path
from edgeclip.errors import StoreError
from edgeclip.index.hnsw import Graph
from tests.index.saved_graphs import *
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    published(Path(sys.argv[1]), graph_of(clustered(2000)[0]), identity())
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [0, 4096])
def test_a_full_disk_leaves_the_old_one(folder, limit):
    before = names(folder)
    child = subprocess.run(
        [sys.executable, "-c", LIMITED, str(folder), str(limit)], capture_output=True, text=True
    )
    assert "bytes" in child.stdout and child.returncode == 0, child.stderr
    assert names(folder) == before
    with opened(files(folder)[0], WHO):
        pass


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path, vectors):
    with pytest.raises(StoreError, match="cannot be written"), cache.building(tmp_path):
        pass  # there is no cache/
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(StoreError, match="cannot be written"), cache.building(tmp_path):
        pass
    assert cache.manifests(tmp_path) == []


def test_a_refused_one_is_set_aside_once(folder, vectors):
    cache.set_aside(folder, files(folder)[0])
    kept = sorted(path.name for path in (folder / "quarantine").iterdir())
    assert [name.partition(".")[0] for name in kept] == ["hnsw-1-1"] * 2
    assert names(folder) == set()
    cache.set_aside(folder, published(folder, graph_of(vectors), WHO))
    assert len(list((folder / "quarantine").iterdir())) == 2  # it can be rebuilt: one is enough
    assert names(folder) == set()


def test_whatever_has_its_name_is_set_aside(folder, tmp_path):
    path, file = files(folder)
    path.unlink()
    path.symlink_to(tmp_path / "target")
    (tmp_path / "target").write_text("stays")
    file.unlink()
    file.mkdir()
    cache.set_aside(folder, path)
    assert names(folder) == set() and (tmp_path / "target").read_text() == "stays"
    path.mkdir()
    (folder / "quarantine" / "hnsw-full").touch()
    cache.set_aside(folder, path)
    assert names(folder) == set()


def test_it_is_deleted_where_there_is_no_quarantine(folder):
    (folder / "quarantine").write_text("a file is in the way")
    cache.set_aside(folder, files(folder)[0])
    assert names(folder) == set()
