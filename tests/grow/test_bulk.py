"""Bulk embedding on Ray: the vectors of one process, each once, whoever is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edgeclip.errors import EdgeclipError, ImageRejected
from edgeclip.grow import bulk, cluster
from edgeclip.grow.bulk import Job, embed
from edgeclip.grow.intake import Intake
from edgeclip.index.folder import sync
from edgeclip.index.index import Index
from tests.grow.albums import ODD, Slow, Stand, Trap, album, die
from tests.grow.conftest import workers
from tests.grow.test_parts import rows_in
from tests.patience import until
from tests.pictures import photo

pytestmark = [
    pytest.mark.usefixtures("ray"),
    # Ray's own, of itself.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context"),
]
BAD = {"broken.jpg", "empty.png"}


def resident(pid: int) -> int:
    """MB of memory that are a process's own; 0 where it has ended."""
    try:
        told = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    parts = dict(line.split(":", 1) for line in told.splitlines())
    return int(parts.get("RssAnon", "0").split()[0]) >> 10


def check_all(out: Path, photos: Path, model) -> None:
    """Each picture has one row, with the vector that one process gets."""
    rows = rows_in(out)
    assert Counter(row.key for row in rows).most_common(1)[0][1] == 1
    keys = {os.fsdecode(p.relative_to(photos)) for p in photos.rglob("[!.]*.*")}
    assert {row.key for row in rows} == keys
    good = [row for row in rows if row.error is None]
    expected = model.embed_images([photos / row.key for row in good], on_error="return")
    for row, vector in zip(good, expected, strict=True):
        assert not isinstance(vector, ImageRejected)
        assert float(np.dot(row.vector, vector)) >= 0.99999, row.key


def test_the_vectors_are_those_of_one_process_and_only_what_is_missing_is_embedded(tmp_path, model):
    photos = album(tmp_path / "photos", 60)
    assert embed(photos, model, tmp_path / "out", workers=2) == bulk.Report(61, 2, 0)
    check_all(tmp_path / "out", photos, model)
    assert {row.key for row in rows_in(tmp_path / "out") if row.error} == BAD
    # Nothing has changed: not even Ray is asked.
    assert embed(photos, model, tmp_path / "out") == bulk.Report(0, 0, 63, 2)

    photo(48, 40, 500).save(photos / "0000.png")
    photo(48, 40, 501).save(photos / "new.png")
    photo(48, 40, 502).save(photos / "empty.png")
    (photos / "broken.jpg").unlink()
    assert embed(photos, model, tmp_path / "out", workers=1) == bulk.Report(3, 0, 60)
    check_all(tmp_path / "out", photos, model)

    # What an index takes in, it recognises in the folder: nothing is embedded or read again.
    with Index.open(tmp_path / "a.index", model.space, hnsw=False) as index:
        assert sum(Intake(tmp_path / "out").into(index), Counter()) == Counter(added=63)
        assert {entry.status for entry in sync(index, model, photos)} == {"unchanged"}
        taken = {item.key: (item.metadata, item.content_hash) for item in index.items()}
    with Index.open(tmp_path / "b.index", model.space, hnsw=False) as index:
        list(sync(index, model, photos))
        assert {item.key: (item.metadata, item.content_hash) for item in index.items()} == taken
    assert ODD in taken


def test_a_killed_worker_loses_and_doubles_nothing(tmp_path, model, monkeypatch):
    photos = album(tmp_path / "photos", 80)
    (tmp_path / "notes").mkdir()
    job = Job(photos, model, tmp_path / "out")
    job._source = Slow(photos, tmp_path / "notes", 0.03)
    monkeypatch.setattr(bulk, "PART_ROWS", 10)
    killed = []

    def kill() -> None:
        begun = until(lambda: [p for p in (tmp_path / "notes").iterdir() if p.stat().st_size > 60])
        killed.append(int(begun[0].name))
        assert killed[0] in workers()
        os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    with closing(job):
        kept = [row.key for step in job.steps(2, 1) for row in step.kept]
    thread.join()
    assert killed and len(kept) == len(set(kept)) == 83
    begun = [p.read_text().splitlines() for p in (tmp_path / "notes").iterdir()]
    assert max(Counter(key for keys in begun for key in keys).values()) >= 2, "nothing was redone"
    check_all(tmp_path / "out", photos, model)


def test_a_picture_that_kills_who_reads_it_is_a_row_with_an_error(tmp_path, model, monkeypatch):
    photos = album(tmp_path / "photos", 12)
    monkeypatch.setattr(cluster, "_TRIES", 1)
    job = Job(photos, model, tmp_path / "out")
    job._source = Trap(photos, "0003.png", die)
    with closing(job):
        rows = [row for step in job.steps(1, 1) for row in step.kept]
    assert len(rows) == 15 and {row.key for row in rows if row.error} == {*BAD, "0003.png"}
    (dead,) = [row for row in rows if row.key == "0003.png"]
    assert dead.stamp is None and "died each time" in (dead.error or "")


KILLED = """
import json, sys
from contextlib import closing
from edgeclip.grow import bulk
from tests.grow.albums import Slow
from pathlib import Path
from edgeclip.model.model import Model
photos, notes, model, out = sys.argv[1:]
bulk.PART_ROWS = 8
job = bulk.Job(photos, Model.load(model), out)
job._source = Slow(Path(photos), Path(notes), 0.03)
with closing(job):
    for step in job.steps(1, 1):
        if step.kept:
            print(json.dumps([row.key for row in step.kept]), flush=True)
"""


def test_a_killed_run_keeps_what_it_told_and_another_one_goes_on(tmp_path, tiny_model, model):
    photos = album(tmp_path / "photos", 300)
    (tmp_path / "notes").mkdir()
    command = [sys.executable, "-c", KILLED, photos, tmp_path / "notes", tiny_model]
    with subprocess.Popen(
        [*map(os.fspath, command), str(tmp_path / "out")], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        told = set(json.loads(child.stdout.readline()))
        child.kill()
    assert told and told <= {row.key for row in rows_in(tmp_path / "out")}
    begun = len(rows_in(tmp_path / "out"))
    assert 8 <= begun < 303
    (tmp_path / "out" / ".edgeclip-0.partial").write_bytes(b"half")
    report = embed(photos, model, tmp_path / "out", workers=1)
    assert report.unchanged + report.embedded + report.failed == 303
    assert report.unchanged == begun
    assert not (tmp_path / "out" / ".edgeclip-0.partial").exists()
    check_all(tmp_path / "out", photos, model)


def test_memory_is_bounded_however_much_there_is_to_read_and_a_stop_ends_it(tmp_path, model):
    # 600 MB in 200 files, of which a worker holds few: many times what Ray has for objects.
    photos = tmp_path / "photos"
    photos.mkdir()
    photo(1000, 1000).save(photos / "0.bmp")
    for number in range(1, 200):
        os.link(photos / "0.bmp", photos / f"{number}.bmp")
    most: Counter[int] = Counter()
    ended, before = threading.Event(), resident(os.getpid())

    def watch() -> None:
        while not ended.wait(0.05):
            for pid in (os.getpid(), *workers()):
                most[pid] = max(most[pid], resident(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    done, stop, job = 0, threading.Event(), Job(photos, model, tmp_path / "out")
    # The worker stands still in the sixth block; Ray gives out a block when it has the next.
    stand = Stand(tmp_path / "go", tmp_path / "gone on")
    job._source = Trap(photos, job.todo[170][0], stand)
    with closing(job):
        for step in job.steps(1, 1, stop):
            done += step.embedded
            if done >= 128:
                stop.set()
    ended.set()
    thread.join()
    assert most.pop(os.getpid()) - before < 150, "what was started holds too much"
    assert most and max(most.values()) < 300, f"{dict(most)} MB"
    # Who stops it gets what there is, and nobody goes on with the rest.
    assert {row.key for row in step.kept} == {row.key for row in rows_in(tmp_path / "out")}
    assert 128 <= len(step.kept) == done <= 160
    stand.until.touch()
    time.sleep(1)
    assert not stand.note.exists()


def test_a_model_that_workers_cannot_open_is_one_sentence(tmp_path, model, monkeypatch):
    photos = album(tmp_path / "photos", 5)
    job = Job(photos, model, tmp_path / "out")
    monkeypatch.setattr(type(model.manifest), "folder", tmp_path / "absent", raising=False)
    with closing(job), pytest.raises(EdgeclipError) as caught:
        list(job.steps(1, 1))
    assert "absent" in str(caught.value) and "\n" not in str(caught.value)


def test_more_workers_than_cpus_are_refused(tmp_path, model):
    photos = album(tmp_path / "photos", 2)
    with pytest.raises(
        EdgeclipError, match=r"3 workers of 1 thread each do not fit: .* has 2 CPUs, for 2 of them"
    ):
        embed(photos, model, tmp_path / "out", workers=3)


@pytest.mark.parametrize(
    ("machines", "workers", "threads"),
    [
        *(([2], None, 1), ([2], 1, 2), ([2], 2, 1), ([8], 3, 2), ([2], 3, 1)),
        *(([4, 4, 4], 4, 2), ([8, 4], 2, 4), ([8, 4], 3, 4), ([], 1, 1)),
    ],
)
def test_no_worker_spans_two_machines(machines, workers, threads):
    assert cluster._share(machines, workers) == threads


def test_fewer_workers_share_the_cpus():
    for asked, there in {(1, None): (1, 2), (None, None): (2, 1), (2, 1): (2, 1)}.items():
        with cluster.cluster(*asked) as found:
            assert found == there
