"""folder.sync: the index becomes equal to the folder, with as little work as can be."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections import Counter

import numpy as np
import pytest

from edgeclip.errors import SpaceMismatch, StoreError
from edgeclip.index import folder, reading
from edgeclip.index.changes import Setting
from edgeclip.index.index import Index
from edgeclip.index.items import Item
from edgeclip.index.scan import Rules
from edgeclip.model.model import Model
from tests.index.albums import Album, Oracle


def test_first_and_second_run(run, index, album, model):
    assert run() == ({"added": ["a.png", "b.png", "trip/c.png"]}, 3)
    Oracle(model).check(index, album)
    assert run() == ({"unchanged": ["a.png", "b.png", "trip/c.png"]}, 0)
    assert index.root == album.root


def test_an_unchanged_folder_is_not_read(run, index, album, settled):
    run()
    plan = folder.plan(index, album.root, index.records())
    assert (len(plan.unchanged), plan.todo) == (3, [])


def test_a_file_as_young_as_a_tick_is_read_again(run, index, album):
    run()
    soon = time.time_ns() + 10**9  # of a clock that is a second ahead: as young however late
    for path in album.files():
        os.utime(path, ns=(soon, soon))
    assert run()[1] == 0
    assert all(file.stamp.endswith("~") for file in index.records().files.values())


def test_changed_removed_and_new(run, index, album, model):
    run()
    album.write("a.png", 10)
    (album.root / "b.png").unlink()
    album.write("d.png", 11)
    found, embedded = run()
    assert found == {
        "updated": ["a.png"],
        "added": ["d.png"],
        "unchanged": ["trip/c.png"],
        "removed": ["b.png"],
    }
    assert embedded == 2
    Oracle(model).check(index, album)


def test_a_renamed_file_keeps_its_item(run, index, album, model):
    run()
    index.update("b.png", {**index.get("b.png").metadata, "camera_name": "door"})
    before = index.get("b.png")
    (album.root / "b.png").rename(album.root / "z.png")
    assert run() == ({"unchanged": ["a.png", "trip/c.png"], "renamed": ["z.png"]}, 0)
    after = index.get("z.png")
    assert np.array_equal(after.vector, before.vector) and after.metadata == before.metadata
    assert "b.png" not in index


def test_a_renamed_folder_is_not_embedded(run, index, album, model):
    run()
    (album.root / "trip").rename(album.root / "journey")
    assert run() == ({"unchanged": ["a.png", "b.png"], "renamed": ["journey/c.png"]}, 0)
    Oracle(model).check(index, album)


def test_a_copy_takes_the_vector(run, index, album, model):
    run()
    shutil.copy(album.root / "b.png", album.root / "copy.png")
    shutil.copy(album.root / "b.png", album.root / "a.png")
    found, embedded = run()
    assert (found["added"], found["updated"], embedded) == (["copy.png"], ["a.png"], 0)
    Oracle(model).check(index, album)


def test_twins_in_one_run_are_embedded_once(run, index, album, model):
    for name in ("t1.png", "t2.png", "t3.png"):
        album.write(name, 0)
    found, embedded = run()
    assert sorted(found["added"]) == sorted(index) and len(index) == 6
    assert embedded == 3
    Oracle(model).check(index, album)


def test_files_that_swap_and_rotate_are_not_embedded(run, index, album, model):
    run()
    album.swap()
    assert run()[1] == 0
    (album.root / "b.png").replace(album.root / "new.png")
    (album.root / "a.png").replace(album.root / "b.png")
    found, embedded = run()
    assert embedded == 0 and "b.png" in found["renamed"] + found.get("updated", [])
    Oracle(model).check(index, album)


def test_a_touched_file_is_unchanged_and_its_time_is_not(run, index, album, model):
    run()
    os.utime(album.root / "a.png", (1e9, 1e9))
    found, embedded = run()
    assert set(found) == {"unchanged"} and embedded == 0
    assert index.get("a.png").metadata["time"] == "2001-09-09T01:46:40+00:00"
    Oracle(model).check(index, album)


def test_what_programs_added_is_left_alone(run, index, album, counting):
    vector = np.eye(16, dtype=np.float32)[0]
    index.add("made/by.hand", vector)
    index.add("a.png", vector, {"by": "hand"})
    found, _ = run()
    assert found["failed"] == ["a.png"] and len(index) == 4
    assert index.get("a.png").metadata == {"by": "hand"}
    shutil.rmtree(album.root / "trip")
    assert run()[0]["removed"] == ["trip/c.png"] and "made/by.hand" in index


def test_an_empty_folder_is_refused(run, index, album):
    run()
    for path in album.files():
        path.unlink()
    message = r"holds no picture at all: is its drive mounted\?.* give allow_empty=True\.$"
    with pytest.raises(StoreError, match=message):
        run()
    assert len(index) == 3
    assert run(allow_empty=True)[0] == {"removed": ["a.png", "b.png", "trip/c.png"]}
    assert len(index) == 0 and run()[0] == {}


def test_another_folder_is_refused_until_the_old_one_is_gone(run, index, album, tmp_path):
    run()
    other = Album(tmp_path / "other", 2)
    other.write("x.png", 50)
    with pytest.raises(StoreError, match=r"is the index of .*album, not of .*other"):
        run(other.root)
    moved = tmp_path / "moved"
    album.root.rename(moved)
    with pytest.raises(StoreError, match="holds none of them"):
        run(other.root)
    assert run(moved)[0] == {"unchanged": ["a.png", "b.png", "trip/c.png"]}
    assert index.root == moved


def test_another_folder_is_refused_where_the_old_one_was_lost(run, index, album, tmp_path):
    run()
    index.write([Setting("root", None)])
    other = Album(tmp_path / "other", 3)
    other.write("x.png", 30)
    with pytest.raises(StoreError, match=r"knows 3 pictures, and .*other holds none of them"):
        run(root=other.root)
    assert run()[0] == {"unchanged": ["a.png", "b.png", "trip/c.png"]}


def test_another_models_vectors_are_refused(run, index, album, model):
    run()
    album.write("d.png", 11)
    other = Model.load(model.manifest.folder, fit="pad")
    with pytest.raises(SpaceMismatch, match=r"not of .* with these options"):
        list(folder.sync(index, other, album.root))
    assert "d.png" not in index


def test_an_index_among_the_pictures_is_refused(model, album):
    for place in (album.root, album.root.parent):
        with (
            Index.open(place, model.space) as index,
            pytest.raises(StoreError, match=r"is in the index .* Keep the index in a folder"),
        ):
            folder.plan(index, album.root, index.records())


def test_a_root_that_is_none(run, tmp_path, album):
    with pytest.raises(StoreError, match=r"nothere cannot be read: No such file or directory\."):
        run(tmp_path / "nothere")
    with pytest.raises(StoreError, match="Not a directory"):
        run(album.root / "a.png")


def test_what_is_excluded_later_is_removed(run, index):
    run()
    assert run(rules=Rules(exclude=("trip/",)))[0]["removed"] == ["trip/c.png"]


def test_nothing_is_told_before_its_commit(index, counting, album, model):
    for seed in range(150):
        album.write(f"{seed:03}.png", 1000 + seed)
    told = 0
    with Index.open(index.path, read_only=True) as reader:
        for entry in folder.sync(index, counting, album.root):
            assert entry.key in reader
            told += 1
    assert told == 153


def test_stopping_keeps_what_was_told(run, index, counting, album, model):
    for seed in range(150):
        album.write(f"{seed:03}.png", 1000 + seed)
    entries = folder.sync(index, counting, album.root)
    told = [next(entries).key for _ in range(70)]
    entries.close()
    assert set(told) <= set(index) and len(index) < 153
    found, _ = run()
    assert not set(found["added"]) & set(told) and len(index) == 153
    Oracle(model).check(index, album)


@pytest.mark.parametrize("count", [1, 70, 100])
def test_what_is_kept_when_it_is_stopped_is_told(index, counting, album, count):
    for seed in range(150):
        album.write(f"{seed:03}.png", 1000 + seed)
    stop, told = threading.Event(), []
    for entry in folder.sync(index, counting, album.root, stop=stop):
        told.append(entry.key)
        if len(told) == count:
            stop.set()
    assert sorted(told) == sorted(index) and count <= len(told) < 153


def test_nothing_is_removed_after_it_was_stopped(run, index, counting, album):
    run()
    (album.root / "b.png").rename(album.root / "z.png")
    album.write("d.png", 90)
    stop = threading.Event()
    stop.set()
    assert list(folder.sync(index, counting, album.root, stop=stop)) == []
    assert "b.png" in index  # under its new name it has not been looked at yet
    assert run()[0]["renamed"] == ["z.png"]


def test_rules_are_remembered(run, index, album):
    album.write(".h/x.png", 91)
    every = ["a.png", "b.png", "trip/c.png"]
    assert run(rules=Rules(("trip/",), hidden=True))[0] == {"added": [".h/x.png", "a.png", "b.png"]}
    assert run()[0] == {"unchanged": [".h/x.png", "a.png", "b.png"]}
    assert run(rules=Rules())[0]["removed"] == [".h/x.png"] and sorted(index) == every
    assert run()[0] == {"unchanged": every}


@pytest.mark.parametrize(
    "kept",
    [
        *("[1]", "no JSON", 5, b"\0", '{"exclude": "abc"}', '{"exclude": null}'),
        *('{"exclude": [1]}', '{"exclude": [""]}', '{"hidden": "no"}', '{"follow_symlinks": 1}'),
    ],
)
def test_rules_that_have_rotted_are_none(run, index, kept):
    index.write([Setting("rules", kept)])
    assert index.records().rules == Rules()
    assert len(run()[0]["added"]) == 3


def test_rules_of_a_later_version_are_kept_as_far_as_they_are_known(run, index):
    index.write([Setting("rules", '{"exclude": ["trip/"], "later": 1}')])
    assert run()[0] == {"added": ["a.png", "b.png"]}


@pytest.mark.parametrize("seed", range(10))
def test_any_history(index, counting, model, tmp_path, seed):
    album, oracle = Album(tmp_path / "random", seed), Oracle(model)
    for _ in range(8):
        album.change(album.random.randrange(1, 12))
        before = {file.content_hash for file in index.records().files.values()}
        counting.seen.clear()
        entries = list(folder.sync(index, counting, album.root, allow_empty=True))
        assert max(Counter(entry.key for entry in entries).values(), default=1) == 1
        good = [data for data in counting.seen if oracle.vector(data) is not None]
        # What the index knew, under whatever name, was not embedded again; nor anything twice.
        hashes = [reading.blake2b(data, digest_size=32).digest() for data in good]
        assert len(set(hashes)) == len(hashes) and not before & set(hashes)
        oracle.check(index, album)


def test_a_part_of_the_folder(index, counting, album):
    records = index.records()
    list(folder.carry_out(index, counting, folder.plan(index, album.root, records)))
    album.write("a.png", 70)
    album.write("trip/d.png", 71)
    (album.root / "trip" / "c.png").unlink()
    (album.root / "b.png").unlink()
    plan = folder.plan(index, album.root, records, below=["trip", "none"])
    assert {(e.key, e.status) for e in folder.carry_out(index, counting, plan)} == {
        ("trip/d.png", "added"),
        ("trip/c.png", "removed"),
    }
    assert "b.png" in index
    plan = folder.plan(index, album.root, records, below=["a.png", "b.png"])
    assert {(e.key, e.status) for e in folder.carry_out(index, counting, plan)} == {
        ("a.png", "updated"),
        ("b.png", "removed"),
    }


def test_items_without_a_hash_are_embedded(index, counting, album):
    vector = np.eye(16, dtype=np.float32)[0]
    index.write([index.put(Item("a.png", vector, stamp="old"))])
    found = {e.key: e.status for e in folder.sync(index, counting, album.root)}
    assert found["a.png"] == "updated" and len(counting.seen) == 3


def test_what_programs_know_of_a_file_stays(run, index, album):
    run()
    index.update("a.png", {**index.get("a.png").metadata, "album": "summer", "width": 1})
    album.write("a.png", 80)
    assert run()[0]["updated"] == ["a.png"]
    metadata = index.get("a.png").metadata
    assert (metadata["album"], metadata["width"]) == ("summer", 20)
    index.update("a.png", {"album": "x" * 65_000})
    (album.root / "a.png").rename(album.root / "z.png")
    assert run()[0]["renamed"] == ["z.png"] and index.get("z.png").metadata["width"] == 20
