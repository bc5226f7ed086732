from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edgeclip.errors import Busy, StoreDamaged, StoreError
from edgeclip.index.database import Database
from edgeclip.serve.jobs.job import Kept
from edgeclip.serve.jobs.opening import opened
from edgeclip.serve.jobs.table import CANCELLED, NAME, JobTable
from edgeclip.watch.clock import Clock

KEPT = (Kept("a.jpg", True), Kept("/x/\udcff", False))
WORKERS = ("here", "there")
MOST = 6
KEEP_S = 10.0


class AgainstADict(RuleBasedStateMachine):
    """Everything that can happen to the table, beside a dict that does the same."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.now = 0.0
        self.jobs: dict[str, dict] = {}
        self.running: dict[str, str] = {}
        self.number = 0
        self._open()

    def _open(self):
        self.table = opened(self.folder, Clock(monotonic=lambda: self.now))[0]

    def teardown(self):
        self.table.close()
        shutil.rmtree(self.folder)

    def _unfinished(self):
        return [job_id for job_id, job in self.jobs.items() if job["status"] == "queued"]

    @rule(priority=st.integers(-2, 2), normalize=st.booleans())
    def add(self, priority, normalize):
        job_id = f"job-{self.number}"
        told = {"normalize": normalize, "priority": priority, "most": MOST}
        if len(self._unfinished()) >= MOST:
            with pytest.raises(Busy):
                self.table.add(job_id, KEPT, **told)
            return
        self.table.add(job_id, KEPT, **told)
        self.jobs[job_id] = {
            "status": "queued",
            "priority": priority,
            "normalize": normalize,
            "number": self.number,
            "output": None,
            "error": None,
            "finished": None,
        }
        self.number += 1

    def _some(self, data):
        return data.draw(st.sampled_from([*self.jobs, "unknown"]))

    @rule(data=st.data(), worker=st.sampled_from(WORKERS))
    def take(self, data, worker):
        job_id = self._some(data)
        task = self.table.take(job_id, worker)
        job = self.jobs.get(job_id)
        if job is None or job["status"] != "queued" or job_id in self.running:
            assert task is None
        else:
            assert (task.id, task.inputs, task.normalize) == (job_id, KEPT, job["normalize"])
            self.running[job_id] = worker

    @rule(data=st.data(), output=st.one_of(st.none(), st.just({"files": [], "é": 0.1})))
    def finish(self, data, output):
        job_id = self._some(data)
        error = CANCELLED if output is None else None
        job = self.jobs.get(job_id)
        is_first = job is not None and job["status"] == "queued"
        assert self.table.finish(job_id, output, error) == is_first
        if is_first:
            status = "error" if output is None else "ok"
            job |= {"status": status, "output": output, "error": error, "finished": self.now}
            self.running.pop(job_id, None)

    @rule(worker=st.sampled_from(WORKERS))
    def a_worker_dies(self, worker):
        had = {job_id for job_id, by in self.running.items() if by == worker}
        assert set(self.table.put_back(worker)) == had
        self.running = {job_id: by for job_id, by in self.running.items() if by != worker}

    @precondition(lambda self: self.running)
    @rule(data=st.data(), worker=st.sampled_from(WORKERS))
    def a_worker_gives_up(self, data, worker):
        job_id = data.draw(st.sampled_from(sorted(self.running)))
        mine = self.running[job_id] == worker
        assert self.table.put_back(worker, only=job_id) == ([job_id] if mine else [])
        if mine:
            del self.running[job_id]

    @rule(keeps_clock=st.booleans())
    def restart(self, keeps_clock):
        if keeps_clock:
            self.table.keep_clock()
        else:  # the clock carries on from where it was kept last
            last = max([j["finished"] for j in self.jobs.values() if j["finished"]], default=0)
            kept = float(self.table._setting("steady"))
            assert kept >= last or not last
            self.now = kept
        self.table.close()
        self.running.clear()
        self._open()

    @rule(seconds=st.floats(0.5, 8))
    def time_passes(self, seconds):
        self.now += seconds

    @rule()
    def expire(self):
        old = [
            job_id
            for job_id, job in self.jobs.items()
            if job["finished"] is not None and job["finished"] <= self.now - KEEP_S
        ]
        assert self.table.expire(KEEP_S) == len(old)
        for job_id in old:
            del self.jobs[job_id]

    @invariant()
    def is_the_same(self):
        for job_id, job in self.jobs.items():
            found = self.table.job(job_id)
            status = "running" if job_id in self.running else job["status"]
            assert (found.status, found.priority) == (status, job["priority"])
            assert (found.output, found.error) == (job["output"], job["error"])
        assert self.table.job("unknown") is None

    @invariant()
    def waits_in_order(self):
        waiting = [each for each in self._unfinished() if each not in self.running]
        waiting.sort(key=lambda each: (-self.jobs[each]["priority"], self.jobs[each]["number"]))
        assert [hint.id for hint in self.table.waiting()] == waiting
        assert self.table.unfinished() == set(self._unfinished())

    @invariant()
    def counts(self):
        of = [job["status"] for job in self.jobs.values()]
        running = len(self.running)
        assert self.table.counts() == {
            "queued": of.count("queued") - running,
            "running": running,
            "ok": of.count("ok"),
            "error": of.count("error"),
        }


TestAgainstADict = AgainstADict.TestCase
TestAgainstADict.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)


def added(table, job_id, **told):
    return table.add(job_id, KEPT, **({"normalize": True, "priority": 0, "most": 99} | told))


def test_a_reader_sees_what_is_to_be_done_and_cannot_write(tmp_path):
    with contextlib.closing(opened(tmp_path)[0]) as table:
        table.tell([tmp_path], "space")
        assert table.space == "space"
        added(table, "a")
        with contextlib.closing(JobTable(tmp_path, read_only=True)) as reader:
            assert reader.task("a").inputs == KEPT
            assert (reader.queue, reader.roots()) == (table.queue, [tmp_path])
            table.finish("a", None, CANCELLED)
            assert reader.task("a") is None
            with pytest.raises(StoreError):
                added(reader, "b")


def test_each_table_has_a_queue_of_its_own(tmp_path):
    names = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for _ in range(2):
            with contextlib.closing(opened(tmp_path / name)[0]) as table:
                names.add(table.queue)
    assert len(names) == 2


def test_the_oldest_of_too_many_results_go(tmp_path, monkeypatch):
    from edgeclip.serve.jobs import table as module

    monkeypatch.setattr(module, "_MOST_FINISHED", 3)
    now = [0.0]
    with contextlib.closing(opened(tmp_path, Clock(monotonic=lambda: now[0]))[0]) as table:
        for number in range(5):
            now[0] += 1
            added(table, str(number))
            table.finish(str(number), {})
        added(table, "waits")
        assert table.expire(1000) == 2
        assert [table.job(str(n)) is None for n in range(5)] == [True, True, False, False, False]
        assert table.job("waits").status == "queued"


def test_expired_results_give_their_space_back(tmp_path):
    now = [0.0]
    with contextlib.closing(opened(tmp_path, Clock(monotonic=lambda: now[0]))[0]) as table:
        for number in range(50):
            added(table, str(number))
            table.finish(str(number), {"text": "x" * 10_000})
        now[0] += 100
        assert table.expire(10) == 50
    # Its log has been taken over now.
    assert (tmp_path / NAME).stat().st_size < 100_000


def test_a_table_of_another_version(tmp_path):
    opened(tmp_path)[0].close()
    database = Database.open(tmp_path / NAME, read_only=False)
    database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(StoreError, match="has format 99"):
        opened(tmp_path)[0]


def test_an_extreme_priority_counts_as_the_nearest(tmp_path):
    with contextlib.closing(opened(tmp_path)[0]) as table:
        assert added(table, "a", priority=10**30).priority == 2**31 - 1
        assert added(table, "b", priority=-(10**30)).priority == -(2**31)


def test_a_page_that_was_found_damaged_sets_the_table_aside_next_time(tmp_path):
    table, note = opened(tmp_path)
    with contextlib.closing(table):
        assert note is None
        for number in range(100):
            added(table, str(number))
            table.finish(str(number), {"text": "x" * 3000})
    with (tmp_path / NAME).open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * 90 * 4096)
    table, note = opened(tmp_path)
    with contextlib.closing(table):
        assert note is None  # nobody has looked there yet
        with pytest.raises(StoreDamaged, match="Start the service again"):
            for number in range(100):
                table.job(str(number))
    table, note = opened(tmp_path)
    with contextlib.closing(table):
        assert "its jobs are lost" in note and not any(table.counts().values())
        added(table, "a")
    table, note = opened(tmp_path)
    with contextlib.closing(table):
        assert note is None and table.task("a")
