from __future__ import annotations

import io
import threading
import time
import uuid
from collections import namedtuple

import pytest

from edgeclip.errors import Busy, EdgeclipError, PathRefused, StoreFull
from edgeclip.serve.jobs.job import Upload
from edgeclip.watch.clock import Clock
from tests.patience import PATIENCE_S, PROMPT_S, until
from tests.serve.jobs.some import DIM, Gate, embed, is_over, result, uploads


def test_a_job_from_submission_to_result(opened):
    jobs = opened()
    jobs.start()
    job_id = jobs.submit(uploads(b"a"), priority=5)
    assert str(uuid.UUID(job_id, version=4)) == job_id
    until(lambda: is_over(jobs, job_id))
    job = jobs.job(job_id)
    assert (job.id, job.status, job.priority, job.error) == (job_id, "ok", 5, None)
    assert job.output == result(b"a")
    assert jobs.counts() == {"queued": 0, "running": 0, "ok": 1, "error": 0}
    assert jobs.notes == []


def test_an_unknown_job(opened):
    jobs = opened()
    assert jobs.job("550e8400-e29b-41d4-a716-446655440000") is None
    assert not jobs.cancel("'; DROP TABLE job; --")


def test_several_pictures_some_of_which_fail(opened, tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "b").write_bytes(b"b")
    jobs = opened(roots=[tmp_path / "here"])
    jobs.start()
    inputs = [Upload("../x/\udc80.jpg", io.BytesIO(b"a")), Upload("", b"bad"), "b"]
    job_id = jobs.submit(inputs, normalize=False)
    until(lambda: is_over(jobs, job_id))
    output = jobs.job(job_id).output
    first, second, third = output["files"]
    assert (output["total_files"], output["normalize"]) == (3, False)
    assert first["file_path"] == "../x/\udc80.jpg"
    assert first["embedding"]["embedding"] == [float(each) for each in embed(b"a", False)]
    assert (first["embedding"]["embedding_dim"], first["embedding"]["normalized"]) == (DIM, False)
    assert second["embedding"] is None and second["status"] == "error"
    assert second["error"] == "the picture is bad. Send a good one."
    assert (third["file_path"], third["status"], third["error"]) == ("b", "success", None)


def test_a_job_whose_pictures_all_fail_ran_all_the_same(opened):
    jobs = opened()
    jobs.start()
    job_id = jobs.submit(uploads(b"bad", b"bad2"))
    until(lambda: is_over(jobs, job_id))
    assert jobs.job(job_id).status == "ok"
    assert [each["status"] for each in jobs.job(job_id).output["files"]] == ["error", "error"]


def test_a_broken_model_fails_the_job_and_not_the_next(opened):
    jobs = opened()
    jobs.start()
    bad, good = jobs.submit(uploads(b"broken")), jobs.submit(uploads(b"good"))
    until(lambda: is_over(jobs, good))
    assert (jobs.job(bad).status, jobs.job(bad).output) == ("error", None)
    assert "the model is broken" in jobs.job(bad).error
    assert jobs.job(good).output == result(b"good")


def test_priority_then_arrival(opened):
    gate = Gate()
    jobs = opened(gate)
    jobs.start()
    jobs.submit(uploads(b"first"))
    until(lambda: gate.begun)
    wanted = [(b"low", -3), (b"a", 0), (b"high", 7), (b"b", 0), (b"highest", 10**12), (b"c", 0)]
    last = [jobs.submit(uploads(content), priority=priority) for content, priority in wanted]
    assert jobs.job(last[0]).status == "queued"
    gate.opened.set()
    until(lambda: all(is_over(jobs, each) for each in last))
    assert gate.begun == [b"first", b"highest", b"high", b"a", b"b", b"c", b"low"]


def test_order_outlives_a_restart(opened):
    jobs = opened()
    contents = {b"a": 0, b"b": 1, b"c": 0, b"d": 1}
    for content, priority in contents.items():
        jobs.submit(uploads(content), priority=priority)
    jobs.close()
    gate = Gate()
    gate.opened.set()
    again = opened(gate)
    again.start()
    until(lambda: again.counts()["ok"] == 4)
    assert gate.begun == [b"b", b"d", b"a", b"c"]


def test_cancelling_a_job_that_waits(opened, tmp_path):
    gate = Gate()
    jobs = opened(gate)
    jobs.start()
    first = jobs.submit(uploads(b"a"))
    until(lambda: gate.begun)
    second, third = jobs.submit(uploads(b"b")), jobs.submit(uploads(b"c"))
    assert jobs.cancel(second) and not jobs.cancel(second)
    assert (jobs.job(second).status, jobs.job(second).error) == ("error", "cancelled")
    assert not (tmp_path / "jobs" / "uploads" / second).exists()
    gate.opened.set()
    until(lambda: is_over(jobs, third) and is_over(jobs, first))
    assert gate.begun == [b"a", b"c"]
    assert not jobs.cancel(third)


def test_cancelling_a_job_that_runs_drops_its_result(opened, tmp_path):
    gate = Gate()
    jobs = opened(gate)
    jobs.start()
    job_id = jobs.submit(uploads(b"a", b"b"))
    until(lambda: gate.begun)
    assert jobs.job(job_id).status == "running"
    assert jobs.counts() == {"queued": 0, "running": 1, "ok": 0, "error": 0}
    assert jobs.cancel(job_id)
    gate.opened.set()
    last = jobs.submit(uploads(b"c"))
    until(lambda: is_over(jobs, last))
    assert gate.begun == [b"a", b"c"]  # its second picture was not begun
    assert (jobs.job(job_id).status, jobs.job(job_id).output) == ("error", None)
    until(lambda: not list((tmp_path / "jobs" / "tries").iterdir()))


def test_what_runs_when_it_is_closed_is_done_after_a_start(opened):
    gate = Gate()
    jobs = opened(gate)
    jobs.start()
    job_id = jobs.submit(uploads(b"a"))
    until(lambda: gate.begun)
    jobs.close(time.monotonic() + 0.1)
    again = opened()
    again.start()
    until(lambda: is_over(again, job_id))
    gate.opened.set()  # the old thread ends, and changes nothing
    assert again.job(job_id).output == result(b"a")


def test_results_expire_by_the_steady_clock_over_restarts(opened):
    now, wall = [100.0], [1e9]

    def clock():
        return Clock(monotonic=lambda: now[0], wall=lambda: wall[0])

    jobs = opened(clock=clock(), keep_s=60)
    jobs.start()
    job_id = jobs.submit(uploads(b"a"))
    until(lambda: is_over(jobs, job_id))
    now[0] += 40
    wall[0] += 1e8  # a time server answers: nothing is deleted
    second = jobs.submit(uploads(b"b"))
    until(lambda: is_over(jobs, second))
    jobs.close()
    now[0] = 5.0  # a new boot
    again = opened(clock=clock(), keep_s=60)
    again.start()
    now[0] += 19
    time.sleep(0.3)
    assert again.job(job_id) and again.job(second)
    now[0] += 2
    until(lambda: again.job(job_id) is None)
    assert again.job(second)
    now[0] += 40
    until(lambda: again.job(second) is None)
    assert again.counts() == {"queued": 0, "running": 0, "ok": 0, "error": 0}


def test_jobs_that_wait_do_not_expire(opened):
    now = [0.0]
    jobs = opened(clock=Clock(monotonic=lambda: now[0]), keep_s=60)
    job_id = jobs.submit(uploads(b"a"))
    now[0] += 1e6
    jobs.start()
    until(lambda: is_over(jobs, job_id))
    assert jobs.job(job_id).status == "ok"


def test_too_many_jobs(opened, tmp_path):
    jobs = opened(most=2)
    for content in (b"a", b"b"):
        jobs.submit(uploads(content))
    with pytest.raises(Busy, match="2 jobs wait already"):
        jobs.submit(uploads(b"c"))
    assert len(list((tmp_path / "jobs" / "uploads").iterdir())) == 2
    jobs.start()
    until(lambda: jobs.counts()["ok"] == 2)
    jobs.submit(uploads(b"d"))


def test_too_many_at_once(opened, tmp_path):
    jobs = opened(most=5)
    refused = []

    def submit(number):
        try:
            jobs.submit(uploads(b"%d" % number))
        except Busy:
            refused.append(number)

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (jobs.counts()["queued"], len(refused)) == (5, 7)
    assert len(list((tmp_path / "jobs" / "uploads").iterdir())) == 5


def test_too_many_bytes(opened, tmp_path):
    jobs = opened(most_bytes=100)
    first = jobs.submit([Upload("a", b"a" * 30), Upload("b", io.BytesIO(b"skip" + b"b" * 30))])
    with pytest.raises(Busy, match="Send this job again later"):
        jobs.submit(uploads(b"c" * 50))
    assert len(list((tmp_path / "jobs" / "uploads").iterdir())) == 1
    jobs.cancel(first)
    second = jobs.submit(uploads(b"c" * 80))
    jobs.close()
    again = opened(most_bytes=100)  # it counts what lies there
    with pytest.raises(Busy):
        again.submit(uploads(b"d" * 30))
    again.submit(uploads(b"d" * 20))
    again.start()
    until(lambda: is_over(again, second) and again._uploads._held_bytes == 0)
    again.submit(uploads(b"e" * 100))


def test_too_many_bytes_at_once(opened, tmp_path):
    jobs = opened(most_bytes=500)
    refused = []

    def submit():
        try:
            jobs.submit(uploads(b"a" * 100))
        except Busy:
            refused.append(True)

    threads = [threading.Thread(target=submit) for _ in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (jobs.counts()["queued"], len(refused)) == (5, 7)


def test_what_waits_takes_half_of_the_disk_at_most(opened, monkeypatch):
    from edgeclip.serve.jobs import uploads as module

    jobs, free = opened(), [1000]
    disk = namedtuple("disk", "free")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: disk(free[0]))
    jobs.submit(uploads(b"a" * 400))
    free[0] -= 400
    with pytest.raises(Busy):
        jobs.submit(uploads(b"b" * 101))
    first = jobs.submit(uploads(b"b" * 100))
    free[0] -= 100
    with pytest.raises(Busy):
        jobs.submit(uploads(b"c"))
    free[0] = 0  # somebody else has filled it
    with pytest.raises(Busy):
        jobs.submit(uploads(b"c"))
    for job in (first, *jobs._table.unfinished()):
        jobs.cancel(job)
    # Waiting would not help.
    with pytest.raises(StoreFull, match="Free some space"):
        jobs.submit(uploads(b"c"))


def test_one_service_a_folder(opened):
    opened()
    with pytest.raises(EdgeclipError, match="in use by another process"):
        opened()


def test_paths_are_checked_when_they_are_sent_and_when_they_are_read(opened, tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "root" / "a.jpg").write_bytes(b"a")
    jobs = opened(roots=[tmp_path / "root"])
    for path in (tmp_path / "secret", tmp_path / "none", tmp_path / "root" / "none"):
        with pytest.raises(PathRefused, match="no file that may be read here"):
            jobs.submit([str(path)])
    assert not any(jobs.counts().values())
    job_id = jobs.submit([str(tmp_path / "root" / "a.jpg"), *uploads(b"b")])
    (tmp_path / "root" / "a.jpg").unlink()
    (tmp_path / "root" / "a.jpg").symlink_to(tmp_path / "secret")
    jobs.start()
    until(lambda: is_over(jobs, job_id))
    first, second = jobs.job(job_id).output["files"]
    assert first["status"] == "error" and "no file that may be read here" in first["error"]
    assert second["status"] == "success"


def test_without_roots_no_path_is_read(opened, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"a")
    with pytest.raises(PathRefused):
        opened().submit([str(tmp_path / "a.jpg")])


def test_a_job_without_pictures(opened):
    with pytest.raises(ValueError, match="needs a picture"):
        opened().submit([])


def test_the_end_comes_when_it_is_wanted(opened, monkeypatch):
    monkeypatch.setattr("edgeclip.serve.jobs.jobs._PATIENCE_S", PATIENCE_S)
    gate = Gate()
    jobs = opened(gate)
    jobs.start()
    jobs.submit(uploads(b"a"))
    until(lambda: gate.begun)
    begun = time.monotonic()
    jobs.close(begun + 0.5)
    assert 0.5 <= time.monotonic() - begun < PROMPT_S
    gate.opened.set()


def test_what_fails_because_it_is_closed_is_done_after_a_start(opened, tmp_path):
    begun, closed, failed = threading.Event(), threading.Event(), threading.Event()

    def closing(data, normalize):
        begun.set()
        assert closed.wait(PATIENCE_S)
        failed.set()
        raise EdgeclipError("the decoders are closed. Start the service again.")

    jobs = opened(closing)
    jobs.start()
    job_id = jobs.submit(uploads(b"a"))
    assert begun.wait(PATIENCE_S)
    threading.Timer(0.2, closed.set).start()
    jobs.close()
    assert failed.is_set()
    assert not list((tmp_path / "jobs" / "tries").iterdir())
    again = opened()
    assert again.job(job_id).status == "queued"
    again.start()
    until(lambda: is_over(again, job_id))
    assert again.job(job_id).output == result(b"a")


def test_closing_twice_and_before_a_start(opened):
    jobs = opened()
    jobs.close()
    jobs.close()
