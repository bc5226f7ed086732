"""What strangers send: the list of hostile requests, over real sockets."""

from __future__ import annotations

import base64
import json
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.serve.serving import serving


def said(served, data: bytes, *, patience_s: float = 20, shut: bool = False) -> bytes:
    """Send bytes, and return all that is answered until the service closes the connection."""
    with socket.create_connection(("127.0.0.1", served.port), patience_s) as end:
        end.settimeout(patience_s)
        end.sendall(data)
        if shut:
            end.shutdown(socket.SHUT_WR)
        found = b""
        while part := end.recv(65536):
            found += part
        return found


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def head(method: str, path: str, *headers: str, host: str = "localhost") -> bytes:
    lines = (f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers)
    return "\r\n".join((*lines, "", "")).encode()


def rss(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (("Content-Length: 99999999999",), 413),
        (("Content-Length: -1",), 400),
        (("Content-Length: many",), 400),
        (("Content-Length: 2", "Content-Length: 3"), 400),
        (("Content-Length: 2", "Transfer-Encoding: chunked"), 400),
        (("Transfer-Encoding: gzip",), 400),
        (("Transfer-Encoding: chunked", "X: a\0b"), 400),
        ((" folded: 1",), 400),
    ],
    ids=str,
)
def test_lengths_that_lie(served, headers, expected):
    sent = head("POST", "/embed/text", "Content-Type: application/json", *headers) + b"{}"
    assert status(said(served, sent)) == expected


def test_a_body_without_a_length_is_empty(served):
    sent = head("POST", "/embed/text", "Content-Type: application/json")
    assert status(said(served, sent)) == 400


def test_a_body_that_ends_too_early_is_not_taken(served):
    sent = head("POST", "/embed/image", "Content-Type: image/png", "Content-Length: 1000")
    assert said(served, sent + b"x" * 10, shut=True) == b""
    assert served.client().get("/health").status_code == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_long_is_not_kept(served, chunked):
    """40 MB are sent, where 32 are allowed; the memory stays as it was."""
    size = 40_000_000

    def body():
        for _ in range(size // 100_000):
            yield b"x" * 100_000

    before = rss(served.process.pid)
    options = {} if chunked else {"headers": {"Content-Length": str(size)}}
    with served.client() as client:
        try:
            answer = client.post("/embed/image", content=body(), **options)
        except OSError:  # it was refused and closed before all was sent
            answer = None
        except Exception as error:
            assert "Write" in type(error).__name__ or "Read" in type(error).__name__, error
            answer = None
        assert answer is None or answer.status_code == 413
        if answer is not None:
            assert answer.headers["content-type"] == "application/problem+json"
        assert client.get("/health").status_code == 200
    assert rss(served.process.pid) - before < 64_000_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"text": "a"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"text": 1e400}',
        b'{"text": NaN}',
        b'{"text": "a", "text": "b"}',
        b'{"text": "\xff"}',
        b'{"text": "a"} x',
        b"1" * 10_000,
        b"null",
        b'{"text": ["a"]}',
        b'{"text": "a", "normalize": "yes"}',
        b'{"text": "\\ud800"}',
    ],
    ids=lambda body: repr(body[:30]),
)
def test_json_that_makes_no_sense(client, body):
    answer = client.post("/embed/text", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_json_that_is_too_long(client):
    told = json.dumps({"text": "a" * 4_000_001})
    answer = client.post("/embed/text", content=told, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_forms_of_too_many_parts(client):
    answer = client.post("/jobs/clip_embedding", files=[("file", ("a", b"x"))] * 65)
    assert answer.status_code == 400
    answer = client.post(
        "/jobs/clip_embedding", files={"file": b"x"}, data={"input_paths": ["a"] * 300}
    )
    assert answer.status_code == 400
    answer = client.post("/classify", files={"file": b"x"}, data={"label": "a" * 200_000})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/page/../../etc/passwd",
        "/page/%2e%2e/%2e%2e/etc/passwd",
        "/page//etc/passwd",
        "/page/%00",
        "/items/..%2f..%2fetc%2fpasswd/picture",
        "/items/%2fetc%2fpasswd/picture",
        "/items/../etc/passwd/picture",
        "/items/%00/picture",
        "//",
        "/%ff",
    ],
)
def test_no_path_leaves_its_folder(served, path):
    answer = said(served, head("GET", path))
    assert status(answer) in (400, 404) and b"root:" not in answer


def test_a_link_out_of_the_folder_is_not_shown(served, gallery, tmp_path, client, model):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    link = gallery / "link.png"
    link.symlink_to(secret)
    try:
        vector = model.embed_text("a").tolist()
        assert client.put("/items/link.png", json={"vector": vector}).status_code == 200
        answer = client.get("/items/link.png/picture")
        assert answer.status_code == 404 and "secret" not in answer.text
    finally:
        link.unlink()
        client.delete("/items/link.png")


def test_long_addresses_and_many_headers(served):
    assert status(said(served, head("GET", "/" + "a" * 100_000))) in (400, 414, 431)
    many = [f"X-{number}: a" for number in range(101)]
    assert status(said(served, head("GET", "/health", *many))) in (400, 431)
    assert status(said(served, head("GET", "/health", "X: " + "a" * 20_000))) in (400, 431)
    # Headers that never end, in pieces.
    endless = head("GET", "/health")[:-2] + b"X-1: " + b"a" * 30_000
    assert status(said(served, endless)) in (400, 431)
    assert status(said(served, head("GET", "/health", *many[:90]))) == 200


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00", b"nonsense\r\n\r\n", b"\0" * 100])
def test_what_is_no_http(served, data):
    assert status(said(served, data)) in (0, 400)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:80", 200),
        ("192.168.1.7", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("user@localhost", 403),
        ("", 403),
        ("local host", 403),
    ],
)
def test_the_name_that_it_is_called_by(served, host, expected):
    assert status(said(served, head("GET", "/health", host=host))) == expected


def test_no_host_and_two_of_them(served):
    two = head("GET", "/health", "Host: localhost")
    assert status(said(served, two)) == 400
    none = b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n"
    assert status(said(served, none)) == 400


def test_pages_of_other_sites(served, client):
    own = {"Origin": served.url}
    assert client.get("/model", headers=own).status_code == 200
    for origin in ("http://evil.example", "null", "http://localhost:1", "https://127.0.0.1"):
        answer = client.post("/embed/text", json={"text": "a"}, headers={"Origin": origin})
        assert answer.status_code == 403, origin
    crossed = {"Sec-Fetch-Site": "cross-site"}
    assert client.get("/items/coffee.png/picture", headers=crossed).status_code == 403


TOKEN = "0123456789abcdef-token"


@pytest.fixture(scope="module")
def locked(tmp_path_factory, tiny_model):
    folder = tmp_path_factory.mktemp("locked")
    (folder / "token").write_text(TOKEN + "\n")
    asked = ("--model", str(tiny_model), "--token-file", str(folder / "token"))
    with serving(folder, *asked) as running:
        yield running


def test_the_token(locked):
    with locked.client() as client:
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": f"Basic {base64.b64encode(TOKEN.encode()).decode()}"},
            {"Authorization": TOKEN},
            {"Authorization": "Bearer \xff".encode("latin-1")},
            {"Cookie": f"edgeclip_session={TOKEN}"},
            {"Cookie": 'edgeclip_session="\\'},
        ):
            answer = client.get("/model", headers=headers)
            assert answer.status_code == 401, headers
            assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get(f"/model?token={TOKEN}").status_code == 401
        assert client.get("/metrics").status_code == 401
        assert client.get("/nothing").status_code == 401
        assert client.get("/health").status_code == 200
        shown = {"Authorization": f"Bearer {TOKEN}"}
        assert client.get("/model", headers=shown).status_code == 200


def test_a_browser_shows_something_else(locked):
    with locked.client() as client:
        assert client.post("/session", json={"token": "wrong"}).status_code == 401
        answer = client.post("/session", json={"token": TOKEN})
        assert answer.status_code == 204
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie and TOKEN not in cookie
        assert client.get("/model").status_code == 200
        assert client.delete("/session").status_code == 204
        assert client.get("/model").status_code == 401


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--host", "0.0.0.0"), "there is no token"),
        (("--host", "::"), "there is no token"),
        (("--host", "192.168.0.1"), "there is no token"),
        (("--token-file", "nothing"), "cannot be read"),
        (("--token-file", "short"), "16 characters"),
        (("--port", "1"), None),
        (("--jobs", "short"), None),
    ],
    ids=str,
)
def test_no_start(tmp_path, tiny_model, arguments, expected):
    (tmp_path / "short").write_text("abc")
    if arguments == ("--port", "1") and os.geteuid() == 0:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            refused(tmp_path, tiny_model, ("--port", str(taken.getsockname()[1])), "in use")
        return
    refused(tmp_path, tiny_model, arguments, expected)


def refused(folder, model, arguments, expected):
    command = [sys.executable, "-m", "edgeclip", "serve", "--model", str(model)]
    jobs = () if "--jobs" in arguments else ("--jobs", str(folder / "jobs"))
    done = subprocess.run(
        [*command, *jobs, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("edgeclip: ") and (expected or "") in line and line.endswith((".", '"'))
