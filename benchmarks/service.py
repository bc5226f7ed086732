"""The service: what HTTP, children and gathering cost over the library alone.

The client is a socket that sends prepared bytes: it shares the two cores, and must cost little.
"""

from __future__ import annotations

import contextlib
import json
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks import measure
from benchmarks.material import s2, small_photographs
from edgeclip import Index, Model
from edgeclip.index.items import Item
from tests.serve.serving import Serving, serving

_ITEMS, _PICTURES, _ROUNDS = 10_000, 24, 8
_CLIENTS, _SEARCHES = 4, 300


def rows() -> list[measure.Row]:
    """Measure and return the rows."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model = Model.load(s2())
        path = _index(folder / "photos.index", model)
        paths = small_photographs(folder / "pictures", _PICTURES)
        pictures = [each.read_bytes() for each in paths]
        with serving(folder, "--index", str(path)) as served:
            return [
                _throughput(served, model, pictures),
                _alone(served, model, pictures),
                *_search(served, model, path),
            ]


def _index(path: Path, model: Model) -> Path:
    random = np.random.default_rng(1)
    vectors = random.standard_normal((_ITEMS, model.dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with Index.open(path, model.space, model=str(model.manifest.folder)) as index:
        index.add_many(Item(f"{n:05}.jpg", vector) for n, vector in enumerate(vectors))
    return path


class _Client:
    """One connection that is kept."""

    def __init__(self, served: Serving) -> None:
        self._end = socket.create_connection(("127.0.0.1", served.port))
        self._end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> bytes:
        """Return the body of an answer of 200."""
        self._end.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._end.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        assert b" 200 " in head[:20], head
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += self._end.recv(65536)
        return body

    def close(self) -> None:
        self._end.close()


@contextlib.contextmanager
def _client(served: Serving) -> Iterator[_Client]:
    with contextlib.closing(_Client(served)) as client:
        yield client


def _request(path: str, body: bytes, kind: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _throughput(served: Serving, model: Model, pictures: Sequence[bytes]) -> measure.Row:
    requests = [_request("/embed/image", data, "image/jpeg") for data in pictures]
    local = threading.local()
    clients: list[_Client] = []

    def ask(request: bytes) -> bytes:
        if not hasattr(local, "client"):
            local.client = _Client(served)
            clients.append(local.client)
        found: bytes = local.client.ask(request)
        return found

    with ThreadPoolExecutor(_CLIENTS) as pool:
        jobs: dict[str, Callable[[], object]] = {
            "library": lambda: list(model.embed_images(pictures)),
            "service": lambda: list(pool.map(ask, requests)),
        }
        seconds = measure.in_turn(jobs, _ROUNDS)
    for client in clients:
        client.close()
    library, service = (
        len(pictures) / statistics.median(seconds[name]) for name in ("library", "service")
    )
    return measure.Row(
        f"MobileCLIP-S2, POST /embed/image from {_CLIENTS} clients: pictures a second against "
        "embed_images",
        measure.ratio(seconds["library"], seconds["service"]),
        ">= 0.90",
        f"{service:.1f} against {library:.1f} pictures/s",
    )


def _alone(served: Serving, model: Model, pictures: Sequence[bytes]) -> measure.Row:
    requests = [_request("/embed/image", data, "image/jpeg") for data in pictures]
    found: dict[str, list[float]] = {"library": [], "service": []}
    with _client(served) as client:
        for _ in range(_ROUNDS):
            for data, request in zip(pictures, requests, strict=True):
                found["library"].append(_timed(lambda data=data: model.embed_image(data)))  # type: ignore[misc]
                found["service"].append(_timed(lambda request=request: client.ask(request)))  # type: ignore[misc]
    library, service = (
        statistics.quantiles(found[name], n=20)[-1] for name in ("library", "service")
    )
    middle = measure.ratio(found["service"], found["library"])
    return measure.Row(
        "MobileCLIP-S2, POST /embed/image from one client: p95 against that of embed_image",
        service / library,
        "<= 1.15",
        f"{1000 * service:.1f} against {1000 * library:.1f} ms; in the middle {middle:.2f}",
    )


def _search(served: Serving, model: Model, path: Path) -> list[measure.Row]:
    request = _request(
        "/search", json.dumps({"query": "a dog on a beach"}).encode(), "application/json"
    )
    vector = model.embed_text("a dog on a beach")
    with contextlib.ExitStack() as stack:
        index = stack.enter_context(Index.open(path, read_only=True))
        clients = [stack.enter_context(_client(served)) for _ in range(_CLIENTS)]
        pool = stack.enter_context(ThreadPoolExecutor(_CLIENTS))
        expected = [match.key for match in index.search(vector)]
        told = json.loads(clients[0].ask(request))["matches"]
        assert [match["key"] for match in told] == expected

        def asked_by(client: _Client, count: int) -> None:
            for _ in range(count):
                client.ask(request)

        jobs: dict[str, Callable[[], object]] = {
            "process": lambda: [index.search(vector) for _ in range(_SEARCHES)],
            "one client": lambda: asked_by(clients[0], _SEARCHES),
            f"{_CLIENTS} clients": lambda: list(
                pool.map(lambda client: asked_by(client, _SEARCHES // _CLIENTS), clients)
            ),
        }
        seconds = measure.in_turn(jobs, _ROUNDS)
    rate = {name: _SEARCHES / statistics.median(each) for name, each in seconds.items()}
    return [
        measure.Row(
            f"POST /search from {name} by a text asked before, {_ITEMS:,} items: searches a second "
            "against Index.search",
            measure.ratio(seconds["process"], seconds[name]),
            target,
            f"{rate[name]:.0f} against {rate['process']:.0f} searches/s",
        )
        for name, target in ((f"{_CLIENTS} clients", ">= 0.60"), ("one client", ""))
    ]


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
