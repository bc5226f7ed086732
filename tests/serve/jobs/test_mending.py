"""Jobs when something is damaged, full, lost or out of order: none is lost, none is done twice."""

from __future__ import annotations

import io
import os
import threading
import time

import pytest

from edgeclip.errors import StoreFull
from edgeclip.index import place
from edgeclip.serve.jobs import upkeep
from edgeclip.serve.jobs.job import Upload
from edgeclip.serve.jobs.uploads import Uploads
from edgeclip.watch.clock import Clock
from tests.patience import PATIENCE_S, until
from tests.serve.jobs.some import Gate, is_over, result, uploads


def test_uploads_without_a_job_are_swept(opened, tmp_path):
    jobs = opened()
    kept = jobs.submit(uploads(b"a"))
    jobs.close()
    # What a kill between the uploads and the table leaves.
    left = Uploads(tmp_path / "jobs")
    left.keep("never-committed", uploads(b"x"))
    left.count_try("never-committed")
    again = opened()
    assert [each.name for each in (tmp_path / "jobs" / "uploads").iterdir()] == [kept]
    again.start()
    until(lambda: is_over(again, kept))
    assert again.job(kept).output == result(b"a")
    for folder in ("uploads", "tries"):
        until(lambda folder=folder: not list((tmp_path / "jobs" / folder).iterdir()))


def test_a_damaged_queue_is_made_anew_at_the_start(opened, tmp_path):
    jobs = opened()
    job_id = jobs.submit(uploads(b"a"))
    jobs.close()
    (tmp_path / "jobs" / "queue.db").write_bytes(os.urandom(8192))
    (tmp_path / "jobs" / "queue.db-journal").write_bytes(os.urandom(512))
    again = opened()
    again.start()
    until(lambda: is_over(again, job_id))


def test_a_queue_that_is_damaged_in_use_is_made_anew(opened, tmp_path):
    jobs = opened()
    jobs.start()
    path = tmp_path / "jobs" / "queue.db"
    with path.open("r+b") as file:
        file.write(os.urandom(path.stat().st_size))
    job_id = jobs.submit(uploads(b"a"))
    until(lambda: is_over(jobs, job_id))
    until(lambda: jobs.notes == [] and path.read_bytes().startswith(b"SQLite format 3"))


def test_a_hint_that_was_lost_is_given_again(opened):
    gate = Gate()
    jobs = opened(gate)
    jobs.start()
    first = jobs.submit(uploads(b"a"))
    until(lambda: gate.begun)
    second = jobs.submit(uploads(b"b"))
    jobs._queue.refill(list)
    gate.opened.set()
    until(lambda: is_over(jobs, first) and is_over(jobs, second))


def test_a_job_that_comes_while_the_queue_is_refilled_keeps_its_place(opened, monkeypatch):
    gate = Gate()
    jobs = opened(gate)
    jobs.start()
    jobs.submit(uploads(b"first"))
    until(lambda: gate.begun)
    for number in range(5):
        jobs.submit(uploads(b"%d" % number))
    waiting, submitting, come = jobs._table.waiting, [], threading.Event()

    def slow():
        """Let a job come between what is read here and what is done with it."""
        hints = waiting()
        if not submitting:
            told = {"args": [uploads(b"urgent")], "kwargs": {"priority": 9}}
            submitting.append(threading.Thread(target=jobs.submit, **told))
            submitting[0].start()
            until(lambda: len(waiting()) == 6)
            time.sleep(0.1)
            come.set()
        return hints

    monkeypatch.setattr(jobs._table, "waiting", slow)
    lost = [True]
    monkeypatch.setattr(jobs._upkeep, "_has_lost", lambda: bool(lost and lost.pop()))
    assert come.wait(PATIENCE_S)
    submitting[0].join()
    gate.opened.set()
    until(lambda: jobs.counts()["ok"] == 7)
    assert gate.begun == [b"first", b"urgent", b"0", b"1", b"2", b"3", b"4"]


def test_a_hint_that_comes_while_the_queue_is_out_of_order_is_given_later(opened, monkeypatch):
    gate = Gate()
    jobs = opened(gate)
    jobs.start()
    jobs.submit(uploads(b"first"))
    until(lambda: gate.begun)
    jobs.submit(uploads(b"second"))
    waiting, late = jobs._table.waiting, []

    def slow():
        hints = waiting()
        if not late:  # the queue is still out of order: nobody waits for it
            late.append(jobs.submit(uploads(b"urgent"), priority=9))
        return hints

    monkeypatch.setattr(jobs._table, "waiting", slow)
    jobs._queue.failed(OSError("nobody answers"))
    until(lambda: late and jobs._queue.size() == 2 and not jobs.notes)
    gate.opened.set()
    until(lambda: jobs.counts()["ok"] == 3)
    assert gate.begun == [b"first", b"urgent", b"second"]


def test_a_damaged_table_is_set_aside(opened, tmp_path):
    jobs = opened()
    jobs.submit(uploads(b"a"))
    jobs.close()
    with (tmp_path / "jobs" / "jobs.db").open("r+b") as file:
        file.seek(100)  # its header is whole
        file.write(os.urandom(8192))
    again = opened()
    again.start()
    assert "was damaged" in again.notes[0]
    assert (tmp_path / "jobs" / "jobs.db.damaged").exists()
    job_id = again.submit(uploads(b"b"))
    until(lambda: is_over(again, job_id))


def test_a_job_that_ends_its_worker_is_given_up(opened, tmp_path):
    jobs = opened()
    job_id, other = jobs.submit(uploads(b"a")), jobs.submit(uploads(b"b"))
    for _ in range(5):  # as five processes that died of it
        Uploads(tmp_path / "jobs").count_try(job_id)
    jobs.start()
    until(lambda: is_over(jobs, job_id) and is_over(jobs, other))
    assert "ended its worker too often" in jobs.job(job_id).error
    assert jobs.job(other).status == "ok"


def test_an_upload_that_breaks_off_leaves_nothing(opened, tmp_path):
    class Torn(io.RawIOBase):
        def read(self, size=-1):
            raise OSError(28, "No space left on device")

    jobs = opened()
    with pytest.raises(StoreFull, match="Free some space"):
        jobs.submit([Upload("a", b"a"), Upload("b", Torn())])
    assert not any(jobs.counts().values())
    assert not list((tmp_path / "jobs" / "uploads").iterdir())


def test_a_job_that_the_table_cannot_keep_leaves_nothing(opened, tmp_path, monkeypatch):
    jobs = opened()

    def full(*_, **__):
        raise StoreFull("the disk is full. Free some space.")

    monkeypatch.setattr(jobs._table, "add", full)
    with pytest.raises(StoreFull):
        jobs.submit(uploads(b"a"))
    assert not list((tmp_path / "jobs" / "uploads").iterdir())


def test_the_ballast_is_given_up_for_a_result(opened, tmp_path, monkeypatch):
    jobs = opened()
    jobs.start()
    finish = jobs._table.finish

    def full(*told):
        if (tmp_path / "jobs" / place.BALLAST).exists():
            raise StoreFull("the disk is full. Free some space.")
        return finish(*told)

    monkeypatch.setattr(jobs._table, "finish", full)
    job_id = jobs.submit(uploads(b"a"))
    until(lambda: is_over(jobs, job_id))
    assert jobs.job(job_id).output == result(b"a")


def test_a_result_that_cannot_be_kept_is_made_again(opened, tmp_path, monkeypatch):
    from edgeclip.serve.jobs import jobs as module

    monkeypatch.setattr(module, "_AGAIN_S", 0.05)
    jobs = opened()
    jobs.start()
    finish, failures = jobs._table.finish, [None] * 3
    place.free_ballast(tmp_path / "jobs")

    def full(*told):
        if failures:
            failures.pop()
            raise StoreFull("the disk is full. Free some space.")
        return finish(*told)

    monkeypatch.setattr(jobs._table, "finish", full)
    job_id = jobs.submit(uploads(b"a"))
    until(lambda: is_over(jobs, job_id))
    assert jobs.job(job_id).output == result(b"a") and not failures


def test_room_is_made_before_anything_else(opened, monkeypatch):
    """What fails on a full disk must not keep old results from being removed."""
    now = [0.0]
    jobs = opened(clock=Clock(monotonic=lambda: now[0]), keep_s=60)
    jobs.start()
    old = jobs.submit(uploads(b"a"))
    until(lambda: is_over(jobs, old))

    def full(*_):
        if jobs.job(old) is not None:
            raise StoreFull("the disk is full. Free some space.")
        return False

    monkeypatch.setattr(jobs._upkeep, "_has_lost", full)
    until(lambda: any("the disk is full" in note for note in jobs.notes))
    now[0] += 100
    until(lambda: jobs.job(old) is None and jobs.notes == [])


def test_hints_of_cancelled_jobs_do_not_pile_up(opened, monkeypatch):
    monkeypatch.setattr(upkeep, "_MANY", 10)
    gate = Gate()
    jobs = opened(gate)
    jobs.start()
    jobs.submit(uploads(b"a"))
    until(lambda: gate.begun)
    last = jobs.submit(uploads(b"b"))
    for _ in range(30):
        jobs.cancel(jobs.submit(uploads(b"c")))
    until(lambda: jobs._queue.size() <= 10)
    gate.opened.set()
    until(lambda: is_over(jobs, last))
    assert gate.begun == [b"a", b"b"]
