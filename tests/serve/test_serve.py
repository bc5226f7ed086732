"""How the service starts and ends."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
import time

import httpx
import pytest
from PIL import Image

from tests.patience import PATIENCE_S, PROMPT_S, until
from tests.serve.jobs.servers import RedisServer
from tests.serve.serving import serving


def are_done(client, jobs):
    return {client.get(f"/jobs/{job}").json()["status"] for job in jobs} == {"ok"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_to(tmp_path, tiny_model, number):
    with serving(tmp_path, "--model", str(tiny_model)) as served:
        begun = time.monotonic()
        code = served.stop(number)
        assert time.monotonic() - begun < PROMPT_S
    assert code == 128 + number
    assert "Traceback" not in "".join(served.said)


def test_told_twice(tmp_path, tiny_model):
    with serving(tmp_path, "--model", str(tiny_model)) as served:
        served.process.send_signal(signal.SIGTERM)
        assert served.stop() == 128 + signal.SIGTERM
    assert "Traceback" not in "".join(served.said)


def test_what_is_in_flight_is_finished(tmp_path, tiny_model, gallery):
    """Requests that were taken are answered, those that come later are not; jobs are kept."""
    data = (gallery / "coffee.png").read_bytes()
    statuses, jobs = [], []

    def ask(client):
        while True:
            try:
                answer = client.post("/jobs/clip_embedding", files={"file": data})
            except Exception:
                return
            statuses.append(answer.status_code)
            jobs.append(answer.json()["job_id"])

    with serving(tmp_path, "--model", str(tiny_model)) as served, served.client() as client:
        asking = threading.Thread(target=ask, args=(client,))
        asking.start()
        time.sleep(0.5)
        assert served.stop() == 128 + signal.SIGTERM
        asking.join(PATIENCE_S)
    assert statuses and set(statuses) == {200}
    with serving(tmp_path, "--model", str(tiny_model)) as served, served.client() as client:
        until(lambda: are_done(client, jobs), pause_s=0.1)


def test_killed_and_started_again(tmp_path, tiny_model, gallery):
    """An acknowledged job is done after a restart, with one result."""
    data = (gallery / "coffee.png").read_bytes()
    with serving(tmp_path, "--model", str(tiny_model)) as served, served.client() as client:
        jobs = [
            client.post("/jobs/clip_embedding", files={"file": data}).json()["job_id"]
            for _ in range(30)
        ]
        served.stop(signal.SIGKILL)
    with serving(tmp_path, "--model", str(tiny_model)) as served, served.client() as client:
        until(lambda: are_done(client, jobs), pause_s=0.1)


def test_one_service_for_a_folder_of_jobs(tmp_path, tiny_model):
    with serving(tmp_path, "--model", str(tiny_model)):
        command = [sys.executable, "-m", "edgeclip", "serve", "--port", "0"]
        options = ["--model", str(tiny_model), "--jobs", str(tmp_path / "jobs")]
        done = subprocess.run(
            [*command, *options], capture_output=True, text=True, timeout=PATIENCE_S
        )
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    assert "in use" in done.stderr or "another" in done.stderr


def test_a_new_index_and_no_index(tmp_path, tiny_model, gallery):
    data = (gallery / "coffee.png").read_bytes()
    new = tmp_path / "new.index"
    asked = ("--model", str(tiny_model), "--index", str(new))
    with serving(tmp_path, *asked) as served, served.client() as client:
        assert client.put("/items/a", content=data).json()["status"] == "added"
    with serving(tmp_path, "--index", str(new)) as served, served.client() as client:
        assert client.get("/model").json()["items"] == 1
    with serving(tmp_path, "--model", str(tiny_model)) as served, served.client() as client:
        assert client.get("/model").json()["items"] is None
        for answer in (
            client.post("/search", json={"query": "a"}),
            client.get("/items"),
            client.put("/items/a", content=data),
            client.delete("/items/a"),
        ):
            assert answer.status_code == 404 and "--index" in answer.json()["detail"]


def test_an_index_that_another_process_writes(tmp_path, tiny_model, model, gallery):
    from edgeclip.index.index import Index

    path, data = tmp_path / "own.index", (gallery / "coffee.png").read_bytes()
    with Index.open(path, model.space, model=str(tiny_model)) as index:
        index.add("a", model.embed_image(data))
        with serving(tmp_path, "--index", str(path)) as served, served.client() as client:
            assert "only read" in "".join(served.said)
            assert client.get("/items/a").status_code == 200
            assert client.put("/items/b", content=data).status_code == 409
            assert client.delete("/items/a").status_code == 409
            index.add("c", model.embed_image(data))
            found = client.post("/search", json={"query": "a"}).json()["matches"]
            assert {match["key"] for match in found} == {"a", "c"}


def test_beside_edgeclip_index(tmp_path, tiny_model, gallery):
    """A service that only reads keeps nobody from writing, and tells how far that has come."""
    folder, path = shutil.copytree(gallery, tmp_path / "gallery"), tmp_path / "own.index"
    data = (gallery / "coffee.png").read_bytes()
    command = [sys.executable, "-m", "edgeclip", "index", str(folder), "--index", str(path)]
    command += ["--model", str(tiny_model)]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S)
    asked = ("--index", str(path), "--read-only")
    with serving(tmp_path, *asked) as served, served.client() as client:
        assert client.get("/model").json()["progress"] is None
        assert client.put("/items/b", content=data).status_code == 409
        for number in range(50):
            Image.new("RGB", (400, 300), (number, 0, 0)).save(folder / f"{number}.png")
        told, silent = [], {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, **silent) as work:
            while work.poll() is None:
                told.append(client.get("/model").json()["progress"])
        assert work.returncode == 0
        seen = [(each["done"], each["total"]) for each in told if each is not None]
        # The first four are compared again: a file of the last moment may still be written.
        assert seen == sorted(seen) and seen[0][0] == 0
        assert {total for _, total in seen} <= {50, 54}
        now = client.get("/model").json()
        assert now["items"] == 54 and now["progress"] is None


def test_read_only_needs_an_index(tmp_path, tiny_model):
    command = [sys.executable, "-m", "edgeclip", "serve", "--model", str(tiny_model), "--read-only"]
    done = subprocess.run(
        [*command, "--index", str(tmp_path / "none"), "--jobs", str(tmp_path / "jobs")],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    assert "edgeclip index" in done.stderr


def test_a_second_worker(tmp_path, tiny_model, gallery):
    """Redis hands jobs out; the worker is killed in the middle, and nothing is lost."""
    redis = RedisServer(tmp_path)
    data = (gallery / "coffee.png").read_bytes()
    asked = ("--model", str(tiny_model), "--queue", redis.url)
    worker = None
    try:
        with serving(tmp_path, *asked) as served, served.client() as client:
            worker = subprocess.Popen(
                [sys.executable, "-m", "edgeclip", "serve", "--worker", *asked]
                + ["--jobs", str(tmp_path / "jobs")],
                stderr=subprocess.PIPE,
                text=True,
            )
            assert worker.stderr and worker.stderr.readline() == "edgeclip: waiting for jobs\n"
            other = subprocess.run(
                [sys.executable, "-m", "edgeclip", "serve", "--worker", *asked, "--fit", "pad"]
                + ["--jobs", str(tmp_path / "jobs")],
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
            )
            assert other.returncode == 1 and "this worker one of" in other.stderr
            jobs = [
                client.post("/jobs/clip_embedding", files={"file": data}).json()["job_id"]
                for _ in range(60)
            ]
            left = set(jobs)
            end = time.monotonic() + PATIENCE_S
            while left and time.monotonic() < end:
                told = {job: client.get(f"/jobs/{job}").json() for job in left}
                left -= {job for job, each in told.items() if each["status"] == "ok"}
                if worker.poll() is None and len(left) < 40:
                    worker.kill()
            assert not left
    finally:
        if worker is not None:
            worker.kill()
            worker.wait()
            worker.stderr.close()
        redis.kill()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--worker",), "--queue"),
        (("--rules", "x.toml"), "--camera"),
        (("--camera", "0"), "--rules or --alert"),
        (("--camera", "0", "--rules", "x", "--alert", "y"), "one of them"),
    ],
    ids=str,
)
def test_wrong_use(arguments, expected):
    command = [sys.executable, "-m", "edgeclip", "serve", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 2 and expected in done.stderr


def test_a_program_that_starts_it(tmp_path, tiny_model):
    command = [sys.executable, "-m", "edgeclip", "serve", "--port", "0", "--json"]
    command += ["--model", str(tiny_model), "--jobs", str(tmp_path / "jobs")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as started:
        assert started.stdout
        url = json.loads(started.stdout.readline())["url"]
        assert httpx.get(f"{url}/health").status_code == 200
        started.terminate()
        assert started.wait(PATIENCE_S) == 143
