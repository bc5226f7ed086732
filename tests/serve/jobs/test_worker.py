"""Two processes and a real Redis."""

from __future__ import annotations

import json
import os
import pickle
import struct
import subprocess
import sys
import threading
import time

import pytest

from edgeclip.errors import EdgeclipError, StoreFull
from edgeclip.serve.jobs import upkeep
from edgeclip.serve.jobs.crew import Member
from edgeclip.serve.jobs.work import Done
from edgeclip.serve.jobs.worker import run_worker
from edgeclip.watch.clock import Clock
from tests.patience import PATIENCE_S, PROMPT_S, until
from tests.serve.jobs.servers import RedisServer
from tests.serve.jobs.some import embed, is_over, result, uploads


@pytest.fixture
def redis(tmp_path):
    made = RedisServer(tmp_path)
    yield made
    made.kill()


class Second:
    """A second worker, and what it has begun."""

    def __init__(self, folder, url, log):
        self._log = log
        log.touch()
        command = [sys.executable, "-m", "tests.serve.jobs.second", str(folder), url, str(log)]
        self.process = subprocess.Popen(command)

    @property
    def begun(self):
        return self._log.read_bytes().split()

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def second(tmp_path, redis):
    made = []

    def start():
        log = tmp_path / f"log-{len(made)}"
        made.append(Second(tmp_path / "jobs", redis.url, log))
        return made[-1]

    yield start
    for each in made:
        each.kill()


def crew(tmp_path):
    return list((tmp_path / "jobs" / "workers").iterdir())


def submitted(jobs, count, prefix=b"slow"):
    return {jobs.submit(uploads(content)): content for content in _contents(count, prefix)}


def _contents(count, prefix):
    return [prefix + b"-%d" % number for number in range(count)]


def check(jobs, sent):
    until(lambda: all(is_over(jobs, job_id) for job_id in sent))
    for job_id, content in sent.items():
        assert jobs.job(job_id).output == result(content)
    counts = jobs.counts()
    assert (counts["queued"], counts["running"], counts["ok"]) == (0, 0, len(sent))


def test_a_second_worker_takes_its_share(opened, redis, second, tmp_path):
    begun_here = []

    def here(data, normalize):
        begun_here.append(data)
        return embed(data, normalize)

    jobs = opened(here, queue=redis.url)
    jobs.start()
    other = second()
    until(lambda: crew(tmp_path))
    sent = submitted(jobs, 60)
    check(jobs, sent)
    assert len(begun_here) > 5 and len(other.begun) > 5
    assert sorted(begun_here + other.begun) == sorted(sent.values())
    other.process.terminate()
    assert other.process.wait(PATIENCE_S) == 0
    until(lambda: not crew(tmp_path))


def test_a_second_worker_that_is_killed(opened, redis, second, tmp_path):
    jobs = opened(queue=redis.url)
    jobs.start()
    sent = {}
    for _ in range(2):
        other = second()
        until(lambda: crew(tmp_path))
        sent |= submitted(jobs, 40)
        until(lambda other=other: len(other.begun) > 4)
        other.kill()
        until(lambda: not crew(tmp_path))
    check(jobs, sent)


def test_a_second_worker_works_on_while_the_service_restarts(opened, redis, second, tmp_path):
    jobs = opened(queue=redis.url, workers=0)
    jobs.start()
    sent = submitted(jobs, 80)
    other = second()
    until(lambda: len(other.begun) > 2)
    jobs.close()
    before = len(other.begun)
    until(lambda: len(other.begun) > before + 2)
    again = opened(queue=redis.url, workers=0)
    again.start()
    check(again, sent)
    # What it had done meanwhile counts.
    assert len(other.begun) <= len(sent) + 2


def test_without_workers_of_its_own_the_service_leaves_it_to_others(
    opened, redis, second, tmp_path
):
    jobs = opened(queue=redis.url, workers=0)
    jobs.start()
    sent = submitted(jobs, 5)
    cancelled = jobs.submit(uploads(b"slow-never"))
    assert jobs.cancel(cancelled)
    other = second()
    until(lambda: all(is_over(jobs, job_id) for job_id in sent))
    assert other.begun == list(sent.values())
    assert jobs.job(cancelled).error == "cancelled"


def test_priorities_in_redis(opened, redis, second):
    jobs = opened(queue=redis.url, workers=0)
    jobs.start()
    for content, priority in {b"a": 0, b"b": 5, b"c": -1, b"d": 5, b"e": 0}.items():
        jobs.submit(uploads(content), priority=priority)
    other = second()
    until(lambda: jobs.counts()["ok"] == 5)
    assert other.begun == [b"b", b"d", b"a", b"e", b"c"]


class Harm:
    def __init__(self, path):
        self._path = path

    def __reduce__(self):
        return os.mkdir, (self._path,)


def test_foreign_messages_do_no_harm(opened, redis, second, tmp_path):
    jobs = opened(queue=redis.url)
    harm = pickle.dumps(Harm(str(tmp_path / "harm")))
    assert b"harm" in harm
    foreign = [
        b"",
        harm,
        b"\xff" * 50,
        b"[" * 900,
        b"[" * 100_000,
        b'["../../../etc/passwd"]',
        b'["unknown"]',
        b'[["a"]]',
        b"[1]",
        b"{}",
        b"null",
        json.dumps({"id": "x", "name": "os.system"}).encode(),
    ]
    jobs.start()
    client, key = redis.client(), jobs._queue._huey.storage.queue_key
    other = second()
    until(lambda: crew(tmp_path))
    sent = {}
    for message in foreign * 3:
        client.zadd(key, {struct.pack(">Q", 0) + message: -1000})
        client.zadd(key, {message: -1000})
        sent |= submitted(jobs, 1)
    # The other keys that huey would read.
    for kind in ("results", "schedule"):
        client.zadd(key.replace("huey.redis", f"huey.{kind}"), {harm: 0})
    check(jobs, sent)
    until(lambda: client.zcard(key) == 0)
    assert not (tmp_path / "harm").exists()
    assert other.process.poll() is None


def test_a_queue_of_another_type_is_made_anew(opened, redis):
    jobs = opened(queue=redis.url)
    jobs.start()
    client, key = redis.client(), jobs._queue._huey.storage.queue_key
    client.delete(key)
    client.set(key, b"harm")
    check(jobs, submitted(jobs, 3))
    until(lambda: jobs.notes == [])


def test_redis_that_dies_and_comes_back(opened, redis, second, tmp_path):
    jobs = opened(queue=redis.url)
    jobs.start()
    other = second()
    until(lambda: crew(tmp_path))
    sent = submitted(jobs, 30)
    until(lambda: other.begun)
    redis.kill()
    sent |= submitted(jobs, 10, b"slow-meanwhile")
    until(lambda: any("cannot be used" in note for note in jobs.notes))
    redis.start()
    check(jobs, sent)
    until(lambda: jobs.notes == [])


def test_redis_that_forgets(opened, redis):
    jobs = opened(queue=redis.url)
    jobs.start()
    sent = submitted(jobs, 30)
    redis.client().flushall()
    check(jobs, sent)


def test_a_queue_that_is_not_there(opened, tmp_path):
    jobs = opened(queue="redis://user:password@127.0.0.1:1/0")
    with pytest.raises(EdgeclipError, match=r"redis://127.0.0.1:1 cannot be used") as caught:
        jobs.start()
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1", "redis://127.0.0.1:port", "nonsense"])
def test_an_address_that_makes_no_sense(opened, url):
    with pytest.raises(EdgeclipError, match="no address of a Redis"):
        opened(queue=url).start()


def test_a_worker_without_a_service(redis, tmp_path):
    with pytest.raises(EdgeclipError, match="Start the service there first"):
        run_worker(tmp_path, embed, redis.url, threading.Event())


def test_a_worker_gives_back_what_it_cannot_report(opened, redis, tmp_path, monkeypatch):
    from edgeclip.serve.jobs import worker

    monkeypatch.setattr(worker, "_AGAIN_S", 0.05)
    failures = [None] * 3
    did = Member.did

    def full(self, job_id, done):
        if failures:
            failures.pop()
            raise EdgeclipError("the disk is full.")
        did(self, job_id, done)

    monkeypatch.setattr(Member, "did", full)
    jobs = opened(queue=redis.url, workers=0)
    jobs.start()
    stop = threading.Event()
    told = (tmp_path / "jobs", embed, redis.url, stop)
    thread = threading.Thread(target=run_worker, args=told)
    thread.start()
    try:
        check(jobs, submitted(jobs, 3))
    finally:
        stop.set()
        thread.join()
    assert not failures


@pytest.mark.parametrize("when", ["in time", "too late", "never"])
def test_a_worker_that_is_ended_gives_back(opened, redis, tmp_path, monkeypatch, when):
    """Its decoders are closed under it: the job is not to blame, and nothing was tried."""
    from edgeclip.serve.jobs import worker

    monkeypatch.setattr(worker, "_PATIENCE_S", 0.5)
    begun, closed, stop = threading.Event(), threading.Event(), threading.Event()

    def closing(data, normalize):
        begun.set()
        assert closed.wait(PATIENCE_S)
        raise EdgeclipError("the decoders are closed. Start the service again.")

    jobs = opened(queue=redis.url, workers=0)
    jobs.start()
    job_id = jobs.submit(uploads(b"a"))
    told = (tmp_path / "jobs", closing, redis.url, stop)
    thread = threading.Thread(target=run_worker, args=told)
    thread.start()
    assert begun.wait(PATIENCE_S)
    until(lambda: jobs.job(job_id).status == "running")
    stop.set()
    if when == "in time":
        closed.set()
    thread.join()
    if when == "too late":
        closed.set()
    until(lambda: not crew(tmp_path) and jobs.job(job_id).status == "queued")
    until(lambda: not list((tmp_path / "jobs" / "tries").iterdir()))
    time.sleep(0.3)
    assert jobs.job(job_id).status == "queued"
    closed.set()
    jobs.close()
    again = opened(queue=redis.url)
    again.start()
    until(lambda: is_over(again, job_id))
    assert again.job(job_id).output == result(b"a")


def test_a_full_disk_is_cleared_before_results_are_taken_in(opened, redis, tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(upkeep, "EXPIRE_S", 0.1)
    jobs = opened(
        queue=redis.url, workers=0, clock=Clock(monotonic=lambda: now[0]), keep_s=60, most=9
    )
    old = jobs.submit(uploads(b"old"))
    jobs.cancel(old)
    finish = jobs._table.finish

    def full(*told):
        if jobs.job(old) is not None:
            raise StoreFull("the disk is full. Free some space.")
        return finish(*told)

    monkeypatch.setattr(jobs._table, "finish", full)
    done = jobs.submit(uploads(b"a"))
    member = Member(tmp_path / "jobs")
    member.did(done, Done(result(b"a")))
    jobs.start()  # also with results that there is no room for
    until(lambda: any("the disk is full" in note for note in jobs.notes))
    now[0] += 100
    until(lambda: is_over(jobs, done))
    assert jobs.job(done).output == result(b"a")
    until(lambda: jobs.notes == [])
    member.close()


def test_the_results_of_one_worker_do_not_wait_for_those_of_another(opened, redis, tmp_path):
    jobs = opened(queue=redis.url, workers=0)
    first, second = jobs.submit(uploads(b"a")), jobs.submit(uploads(b"b"))
    bad, good = Member(tmp_path / "jobs"), Member(tmp_path / "jobs")
    (bad.folder / f"{first}.did").mkdir()  # as a damaged disk that cannot be read
    good.did(second, Done(result(b"b")))
    jobs.start()
    until(lambda: is_over(jobs, second))
    until(lambda: any("cannot be read" in note for note in jobs.notes))
    assert jobs.job(first).status == "queued"
    for each in (bad, good):
        each.close()


def test_what_a_dead_worker_has_done_counts(opened, redis, tmp_path):
    jobs = opened(queue=redis.url, workers=0)
    done, taken = jobs.submit(uploads(b"a")), jobs.submit(uploads(b"b"))
    member = Member(tmp_path / "jobs")
    member.took(done)
    member.took(taken)
    member.did(done, Done(result(b"a")))
    member.did("unknown", Done(result(b"a")))
    jobs.start()
    until(lambda: is_over(jobs, done))
    assert jobs.job(done).output == result(b"a")
    assert jobs.job(taken).status == "running"
    member.close()
    until(lambda: jobs.job(taken).status == "queued")
    until(lambda: not crew(tmp_path))


def test_a_damaged_report_is_an_error(opened, redis, tmp_path):
    jobs = opened(queue=redis.url, workers=0)
    job_id = jobs.submit(uploads(b"a"))
    member = Member(tmp_path / "jobs")
    (member.folder / f"{job_id}.did").write_bytes(b"{")
    jobs.start()
    until(lambda: is_over(jobs, job_id))
    assert "its result was damaged" in jobs.job(job_id).error
    member.close()


def test_workers_end_soon(opened, redis, monkeypatch):
    monkeypatch.setattr("edgeclip.serve.jobs.jobs._PATIENCE_S", PATIENCE_S)
    jobs = opened(queue=redis.url, workers=2)
    jobs.start()
    time.sleep(0.1)
    started = time.monotonic()
    jobs.close()
    # An idle worker waits at Redis for a second.
    assert time.monotonic() - started < PROMPT_S


def test_a_redis_that_hangs_does_not_hold_up_the_end(opened, redis, monkeypatch):
    monkeypatch.setattr("edgeclip.serve.jobs.queue._ANSWER_S", PATIENCE_S)
    monkeypatch.setattr("edgeclip.serve.jobs.jobs._PATIENCE_S", PATIENCE_S)
    jobs = opened(queue=redis.url, workers=2)
    jobs.start()
    redis.hang()
    time.sleep(0.3)
    begun = time.monotonic()
    jobs.close(begun + 1)
    assert time.monotonic() - begun < PROMPT_S
    redis.hang(False)


def test_a_redis_that_hangs_does_not_hold_up_who_submits(opened, redis, monkeypatch):
    from edgeclip.serve.jobs import queue

    monkeypatch.setattr(queue, "_ANSWER_S", 1.5)  # more than a worker waits for a job
    jobs = opened(queue=redis.url)
    jobs.start()
    redis.hang()
    until(lambda: any("cannot be used" in note for note in jobs.notes))
    sent = submitted(jobs, 40, b"quick")  # a minute, if each waited
    redis.hang(False)
    check(jobs, sent)
