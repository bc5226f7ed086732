"""A service that is killed, and clients that go away: what was acknowledged is there."""

from __future__ import annotations

import random
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import httpx
import numpy as np
import pytest

from edgeclip.index.index import Index
from edgeclip.serve.jobs.opening import opened
from tests.patience import until
from tests.pictures import encoded, photo, png
from tests.serve.serving import serving

_WAITING, _CLIENTS = 150, 4


def ask(client, data, **more):
    """Ask for a job and return its id."""
    answer = client.post("/jobs/clip_embedding", files={"file": data}, data=more)
    assert answer.status_code == 200, answer.text
    return answer.json()["job_id"]


def vector_of(client, job):
    """Return the one vector of a job that is done; None: it is not."""
    told = client.get(f"/jobs/{job}").json()
    assert told["status"] != "error", told
    if told["status"] != "ok":
        return None
    (file,) = told["task_output"]["files"]
    return file["embedding"]["embedding"]


@pytest.fixture(scope="module")
def pictures(model):
    """A few pictures, and the vector of each."""
    made = [encoded(photo(60, 40, seed), "PNG") for seed in range(8)]
    return [(data, model.embed_image(data)) for data in made]


def test_jobs_that_wait_outlive_a_kill_and_have_one_result(tmp_path, tiny_model, pictures):
    """With the real decoder: large pictures keep it busy while many small ones are sent."""
    slow = png(7000, 7000)
    sent, seen = {}, {}
    with serving(tmp_path, "--model", str(tiny_model)) as served:
        with served.client() as client:
            large = [ask(client, slow, priority=9) for _ in range(3)]

            def send(number):
                return ask(client, pictures[number % len(pictures)][0]), number

            with ThreadPoolExecutor(_CLIENTS) as threads:
                sent |= dict(threads.map(send, range(_WAITING)))
        served.stop(signal.SIGKILL)
    table, _ = opened(tmp_path / "jobs")
    waiting = table.counts()["queued"]
    table.close()
    assert waiting > 50, "they were done too soon"
    with serving(tmp_path, "--model", str(tiny_model)) as served, served.client() as client:
        for job in list(sent)[:60]:  # killed once more, in the middle
            until(lambda job=job: vector_of(client, job) is not None)
            seen[job] = vector_of(client, job)
        served.stop(signal.SIGKILL)
    with serving(tmp_path, "--model", str(tiny_model)) as served, served.client() as client:
        for job, number in sent.items():
            until(lambda job=job: vector_of(client, job) is not None)
            found = vector_of(client, job)
            assert np.allclose(found, pictures[number % len(pictures)][1], atol=1e-6)
            assert found == seen.get(job, found), "it has another result than before"
        until(lambda: all(vector_of(client, job) is not None for job in large))
        assert served.stop() == 128 + signal.SIGTERM
    table, note = opened(tmp_path / "jobs")
    counts = table.counts()
    table.close()
    assert note is None
    assert counts == {"queued": 0, "running": 0, "ok": len(sent) + len(large), "error": 0}


class Changes:
    """What clients do to items, and what of it was acknowledged."""

    def __init__(self, pictures):
        self._pictures, self._random, self._next = pictures, random.Random(5), count()
        self.wanted: dict[str, np.ndarray] = {}
        self.unsure: set[str] = set()
        """Items that were being changed when the service was killed."""

    def go_on(self, url, is_over):
        """Put pictures and vectors, and take some away, until the service is killed."""
        own: list[str] = []
        with httpx.Client(base_url=url, timeout=30) as client:
            while not is_over.is_set():
                away = len(own) > 3 and self._random.random() < 0.2
                key = own.pop(0) if away else f"a key/{next(self._next)}"
                self.unsure.add(key)
                try:
                    self._take(client, key) if away else self._put(client, key)
                except httpx.HTTPError:
                    return
                self.unsure.discard(key)
                own += [] if away else [key]

    def _put(self, client, key):
        data, vector = self._random.choice(self._pictures)
        sent = {"json": {"vector": vector.tolist()}} if key[-1] in "37" else {"content": data}
        answer = client.put(f"/items/{key}", **sent)
        assert answer.json()["status"] == "added"
        self.wanted[key] = vector

    def _take(self, client, key):
        assert client.delete(f"/items/{key}").status_code == 204
        del self.wanted[key]


def test_items_that_were_acknowledged_outlive_kills(tmp_path, tiny_model, pictures):
    path, changes = tmp_path / "own.index", Changes(pictures)
    asked = ("--model", str(tiny_model), "--index", str(path))
    for enough in (40, 80, 120):
        is_over = threading.Event()
        with serving(tmp_path, *asked) as served, ThreadPoolExecutor(_CLIENTS) as threads:
            clients = [threads.submit(changes.go_on, served.url, is_over) for _ in range(_CLIENTS)]
            until(lambda enough=enough: len(changes.wanted) >= enough)
            served.stop(signal.SIGKILL)
            is_over.set()
            for each in clients:
                each.result()
        with Index.open(path, read_only=True) as index:
            found = {item.key: item.vector for item in index.items()}
        assert set(found) - changes.unsure == set(changes.wanted) - changes.unsure
        for key in set(changes.wanted) & set(found):
            assert np.allclose(found[key], changes.wanted[key], atol=1e-3)
    with serving(tmp_path, *asked) as served, served.client() as client:
        assert client.get("/model").json()["items"] == len(found)


def head(path, *lines, method="GET"):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode()


def body_of(data):
    """A form with one file, and the lines of the head that describe it."""
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    form += data + b"\r\n--x--\r\n"
    kind = "Content-Type: multipart/form-data; boundary=x"
    return form, (kind, f"Content-Length: {len(form)}")


def test_clients_that_go_away_change_nothing_for_their_jobs(tmp_path, tiny_model, pictures):
    data, vector = pictures[0]
    form, lines = body_of(data)
    request = head("/jobs/clip_embedding", *lines, method="POST") + form

    def say(said, resets):
        with socket.create_connection(("127.0.0.1", served.port), 10) as connection:
            connection.sendall(said)
            if resets:  # as a client that was killed
                linger = bytes([1, 0, 0, 0, 0, 0, 0, 0])
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    with serving(tmp_path, "--model", str(tiny_model)) as served, served.client() as client:
        for resets in (True, False):
            say(request[: len(request) // 2], resets)  # in the middle of its picture
        first = ask(client, data)
        until(lambda: vector_of(client, first) is not None)
        assert counted(client) == {"ok": 1}
        assert not list((tmp_path / "jobs" / "uploads").iterdir())
        for resets in (True, False) * 5:
            say(request, resets)  # nobody is told of the job
        slow = ask(client, png(7000, 7000), priority=9)
        for resets in (True, False) * 5:  # while it polls
            say(head(f"/jobs/{slow}"), resets)
        until(lambda: vector_of(client, slow) is not None)
        # What was not acknowledged is done, or was never taken.
        until(lambda: set(counted(client)) == {"ok"})
        assert 2 <= counted(client)["ok"] <= 12
        last = ask(client, data)
        until(lambda: vector_of(client, last) is not None)
        assert np.allclose(vector_of(client, last), vector, atol=1e-6)
        assert not list((tmp_path / "jobs" / "uploads").iterdir())
        assert served.stop() == 128 + signal.SIGTERM
    assert "Traceback" not in "".join(served.said)


def counted(client):
    """Return how many jobs there are of each status, of those that there are."""
    found = {}
    for line in client.get("/metrics").text.splitlines():
        if line.startswith("edgeclip_jobs{"):
            status, value = line.split('"')[1], float(line.rpartition(" ")[2])
            found |= {status: int(value)} if value else {}
    return found
