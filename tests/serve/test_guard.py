"""Guard: what a request costs beyond its own answer, over a real service."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.patience import PROMPT_S
from tests.serve.serving import serving
from tests.serve.test_hostile import head, rss, said, status
from tests.usage import children

JSON = "Content-Type: application/json"


def problem(answer: bytes) -> bool:
    return b"content-type: application/problem+json" in answer.partition(b"\r\n\r\n")[0].lower()


@pytest.fixture
def stuck(tmp_path, indexed):
    """A service whose decoders stand still, and whose deadline is near."""
    with serving(tmp_path, "--index", str(indexed), "--read-only", "--deadline", "2") as served:
        pids = children(served.process.pid)
        assert pids
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield served
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def test_requests_that_were_cut_leave_little_behind(stuck):
    """Bodies and threads count until the work has ended, not until its client was told no."""
    pid, before = stuck.process.pid, rss(stuck.process.pid)
    body = b"\x89PNG\r\n\x1a\n" + b"x" * 8_000_000

    def ask(_):
        with stuck.client() as client:
            answer = client.post("/embed/image", content=body)
            assert answer.headers["content-type"] == "application/problem+json"
            return answer.status_code, answer.headers.get("retry-after")

    with ThreadPoolExecutor(48) as pool:
        found = list(pool.map(ask, range(96)))
    assert {code for code, _ in found} <= {503, 415, 422} and (503, None) not in found
    assert len(list(Path(f"/proc/{pid}/task").iterdir())) < 90
    assert rss(pid) - before < 300_000_000
    assert stuck.client().get("/health").status_code == 200


def test_an_answer_that_takes_too_long(stuck):
    data = b"\x89PNG\r\n\x1a\n"
    with stuck.client() as client:
        begun = time.monotonic()
        answer = client.post("/embed/image", content=data)
        assert 1.5 < time.monotonic() - begun < PROMPT_S
    assert answer.status_code == 503 and answer.headers["retry-after"]
    assert "2 s" in answer.json()["detail"]


def test_a_name_that_is_there_twice_is_found_quickly(locked):
    """Before any token: 4 MB of names would hold up everybody."""
    names = ",".join(f'"{number}":1' for number in range(1500))
    begun = time.monotonic()
    sent = f'{{{names},"last":1,"last":2}}'.encode()
    length = f"Content-Length: {len(sent)}"
    assert status(said(locked, head("POST", "/session", JSON, length) + sent)) in (400, 413)
    assert time.monotonic() - begun < PROMPT_S


def test_nobody_without_a_token_sends_much(locked):
    sent = head("POST", "/session", JSON, "Content-Length: 20000")
    answer = said(locked, sent + b" " * 20000)
    assert status(answer) == 413 and problem(answer)


@pytest.fixture(scope="module")
def locked(tmp_path_factory, tiny_model):
    folder = tmp_path_factory.mktemp("locked")
    options = ("--model", str(tiny_model))
    with serving(folder, *options, EDGECLIP_TOKEN="0123456789abcdef") as running:
        yield running


@pytest.mark.parametrize("origin", ["http://[", "null", "http://evil.example", "x", "http://a:b:c"])
def test_an_origin_that_makes_no_sense(served, origin):
    answer = said(served, head("GET", "/model", f"Origin: {origin}"))
    assert status(answer) == 403 and problem(answer)


def test_weights_of_zero(client):
    answer = client.post("/search", json={"terms": [{"key": "coffee.png", "weight": 0}]})
    assert answer.status_code == 400 and "zero" in answer.json()["detail"]


def test_a_charset_that_is_none(served):
    for charset in ("undefined", "no-such", "\\"):
        kind = f"Content-Type: multipart/form-data; boundary=x; charset={charset}"
        sent = b'--x\r\nContent-Disposition: form-data; name="search"\r\n\r\na\r\n--x--\r\n'
        lines = (kind, f"Content-Length: {len(sent)}")
        answer = said(served, head("POST", "/search", *lines) + sent)
        assert status(answer) == 400 and problem(answer), answer


@pytest.mark.parametrize(
    "where",
    [
        {"a": {"in": list(range(1001))}},
        {"a": list(range(1001))},
        {f"a{number}": 1 for number in range(101)},
        {"a": {f"{number}": 1 for number in range(101)}},
    ],
    ids=["in", "list", "fields", "parts"],
)
def test_filters_that_take_too_long(client, where):
    answer = client.post("/search", json={"query": "a", "where": where})
    assert answer.status_code == 400 and "1,000 values" in answer.json()["detail"]


def test_too_many_labels_times_templates(client, gallery):
    data = {"label": [f"l{n}" for n in range(20)], "template": [f"{n} {{}}" for n in range(20)]}
    files = {"file": (gallery / "coffee.png").read_bytes()}
    answer = client.post("/classify", files=files, data=data)
    assert answer.status_code == 400 and "256" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"nonsense\r\n\r\n", 400),
        (head("POST", "/embed/text", JSON, "Content-Length: -1"), 400),
        (head("GET", "/health", *(f"X-{number}: a" for number in range(101))), 431),
        (head("GET", "/health", "X: " + "a" * 20_000), 431),
        (head("GET", "/" + "a" * 20_000), 431),
        (head("GET", "/health", "X: a\0b"), 400),
    ],
    ids=["nonsense", "length", "headers", "long", "address", "nul"],
)
def test_what_is_no_http_is_told_so(served, sent, expected):
    answer = said(served, sent)
    assert status(answer) == expected and problem(answer), answer[:300]


def test_only_the_head(served):
    whole = said(served, head("GET", "/health")).partition(b"\r\n\r\n")
    only = said(served, head("HEAD", "/health")).partition(b"\r\n\r\n")
    assert whole[2] and not only[2] and status(only[0]) == 200
    assert b"content-length: %d" % len(whole[2]) in only[0].lower()
    assert status(said(served, head("HEAD", "/nothing"))) == 404
    assert status(said(served, head("HEAD", "/items/coffee.png/picture"))) == 200
    text = served.client().get("/metrics").text
    assert 'http_request_method="HEAD",http_response_status_code="200",http_route="/health"' in text


def test_too_many_files(client):
    answer = client.post("/embed/image", files=[("file", b"x")] * 65)
    assert answer.status_code == 400 and "64" in answer.json()["detail"]


def test_what_is_not_of_the_folder_has_no_picture(client, gallery, indexed, tmp_path):
    """A program may add an item of any name, also of a file that is no picture."""
    (gallery / "secret.txt").write_text("not for everybody")
    try:
        vector = [1.0] + [0.0] * (client.get("/model").json()["dim"] - 1)
        added = client.put("/items/secret.txt", json={"vector": vector})
        assert added.status_code == 200, added.text
        answer = client.get("/items/secret.txt/picture")
        assert answer.status_code == 404 and "not for" not in answer.text
    finally:
        client.delete("/items/secret.txt")
        (gallery / "secret.txt").unlink()


def test_more_connections_than_there_may_be(tmp_path, tiny_model):
    with serving(tmp_path, "--model", str(tiny_model)) as served:
        ends = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(512)]
        time.sleep(0.2)
        answer = said(served, head("GET", "/health"))
        assert status(answer) == 503 and problem(answer) and b"retry-after" in answer.lower()
        for end in ends:
            end.close()
        time.sleep(0.2)
        assert status(said(served, head("GET", "/health"))) == 200


def test_bodies_of_all_together(tmp_path, tiny_model):
    """Of 128 MB at once no more is held; who comes then may come again."""
    with serving(tmp_path, "--model", str(tiny_model)) as served:
        sent = head("POST", "/embed/image", "Content-Length: 31000000") + b"x" * 30_000_000
        ends = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(5)]
        pushing = [threading.Thread(target=push, args=(end, sent)) for end in ends]
        for each in pushing:
            each.start()
        for each in pushing:
            each.join()
        told = [end.recv(200) for end in ends if readable(end)]
        assert told and all(status(each) == 503 for each in told)
        for end in ends:
            end.close()
        time.sleep(0.2)
        assert served.client().post("/embed/image", content=b"x" * 30_000_000).status_code == 415


def push(end: socket.socket, data: bytes) -> None:
    try:
        end.sendall(data)
    except OSError:
        return


def readable(end: socket.socket) -> bool:
    end.settimeout(1)
    try:
        return bool(end.recv(1, socket.MSG_PEEK))
    except OSError:
        return False


def test_cut_off_by_the_end_of_the_service(stuck):
    """What cannot be finished is told so, and the service ends all the same."""
    found = []

    def ask():
        with stuck.client() as client:
            try:
                found.append(client.post("/embed/image", content=b"\x89PNG\r\n\x1a\n"))
            except httpx.HTTPError as error:
                found.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.5)
    begun = time.monotonic()
    assert stuck.stop() == 128 + signal.SIGTERM
    assert time.monotonic() - begun < PROMPT_S
    asking.join()
    assert isinstance(found[0], httpx.Response), found
    assert found[0].status_code == 503 and found[0].headers["retry-after"]


@pytest.mark.parametrize(
    ("path", "fields", "known"),
    [
        ("/search", {"query": "snow"}, ", search"),
        ("/classify", {"label": "cat", "labels": "dog"}, ", label, template, negative, none"),
        ("/embed/image", {"normalise": "false"}, ""),
    ],
)
def test_fields_that_nobody_knows(client, gallery, path, fields, known):
    files = {"file": (gallery / "coffee.png").read_bytes()}
    answer = client.post(path, files=files, data=fields)
    assert answer.status_code == 400 and f"Known are file{known}." in answer.json()["detail"]


def test_the_name_of_a_picture_is_no_word(client):
    answer = client.post("/search", json={"query": "photos/chelsea.png + snow"})
    assert answer.status_code == 400 and "text:" in answer.json()["detail"]
    assert client.post("/search", json={"query": "text:chelsea.png"}).status_code == 200


@pytest.mark.parametrize("path", ["/embed/text", "/coach", "/session"])
def test_json_that_is_not_called_so(client, path):
    answer = client.post(path, content=b'{"text": "a"}', headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415 and "application/json" in answer.json()["detail"]


def test_jobs_that_are_no_form(client):
    answer = client.post("/jobs/clip_embedding", json={"input_paths": ["coffee.png"]})
    assert answer.status_code == 415 and "multipart/form-data" in answer.json()["detail"]
    answer = client.post("/jobs/clip_embedding", data={"file": "coffee.png"})
    assert answer.status_code == 400 and "file=@" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/items?limit=2"), ("POST", "/search?count=2"), ("GET", "/groups?treshold=0.5")],
)
def test_parameters_that_nobody_knows(client, method, path):
    answer = client.request(method, path, json={"query": "a"} if method == "POST" else None)
    assert answer.status_code == 400 and "there is no parameter" in answer.json()["detail"]


def test_the_page_minds_no_parameters(client):
    assert client.get("/?from=mail").status_code == 200
