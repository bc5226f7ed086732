"""Clients that dawdle, and a good one beside them: ``python -m tests.serve.slow --clients 200``.

Some send a byte of their headers each second, some of their body, some of a body that was refused
already, some empty lines after an answer; some take a byte of a large answer.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from edgeclip.index.folder import sync
from edgeclip.index.index import Index
from edgeclip.model.model import Model
from tests import tiny
from tests.serve.serving import Serving, serving

CUT = ("headers", "body", "refused", "blank")
_KINDS = (*CUT, "reader")
_STEP_S = 1.0
LATE_S = 3.0
"""A slow client notices that it was cut with its next byte, or the one after it."""
_LARGE, _LEAST = "large.png", 11_000_000
"""A picture of noise, and how many bytes it has at least."""


def asked_by(kind: str) -> bytes:
    if kind == "headers":
        return b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: "
    if kind == "body":
        return b"POST /embed/image HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    if kind == "refused":
        return b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    if kind == "blank":
        return b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    return f"GET /items/{_LARGE}/picture HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


async def dawdle(port: int, kind: str, deadline: float) -> float:
    """Be slow until the service has had enough; return after how many seconds."""
    loop, begun = asyncio.get_running_loop(), time.monotonic()
    with socket.socket() as end:
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(end, ("127.0.0.1", port))
        await loop.sock_sendall(end, asked_by(kind))
        if kind == "reader":
            return await read_slowly(end, deadline)
        with contextlib.suppress(OSError):
            while True:
                await asyncio.sleep(_STEP_S)
                await loop.sock_sendall(end, b"\r\n" if kind == "blank" else b"x")
                with contextlib.suppress(BlockingIOError):
                    if not end.recv(1000):  # what is told before it closes may be read
                        break
    return time.monotonic() - begun


async def read_slowly(end: socket.socket, deadline: float) -> float:
    """Take a byte each second; return when the service had given up, which is seen by its end."""
    loop, begun, taken = asyncio.get_running_loop(), time.monotonic(), 0
    with contextlib.suppress(ConnectionResetError):
        while time.monotonic() - begun < 2 * deadline:
            taken += len(await loop.sock_recv(end, 1))
            await asyncio.sleep(_STEP_S)
        # What the kernels had taken before still comes, and no more.
        while part := await loop.sock_recv(end, 1 << 16):
            taken += len(part)
    assert taken < _LEAST, "the whole answer was sent to a reader that did not read"
    return time.monotonic() - begun


def alone(served: Serving, seconds: float) -> list[float]:
    """Ask as fast as the answers come; return the seconds of each."""
    times, until = [], time.monotonic() + seconds
    with served.client() as client:
        while time.monotonic() < until:
            begun = time.perf_counter()
            answer = client.post("/embed/text", json={"text": f"number {len(times)}"})
            times.append(time.perf_counter() - begun)
            assert answer.status_code == 200, answer.text
    return times


async def together(
    served: Serving, clients: int, deadline: float
) -> tuple[list[float], list[list[float]]]:
    """Let them all dawdle while the good one asks; return its seconds, and theirs by kind."""
    kinds = [_KINDS[number % len(_KINDS)] for number in range(clients)]
    slow = [asyncio.create_task(dawdle(served.port, kind, deadline)) for kind in kinds]
    times: list[float] = []
    while not all(each.done() for each in slow):
        times += await asyncio.to_thread(alone, served, 0.5)
    ends = [await each for each in slow]
    return times, [
        [end for end, of in zip(ends, kinds, strict=True) if of == kind] for kind in _KINDS
    ]


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def made(folder: Path) -> tuple[str, ...]:
    """Make a model and an index with a picture of some megabytes; return the options for them."""
    pictures = folder / "pictures"
    pictures.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), np.uint8)
    Image.fromarray(noise).save(pictures / _LARGE)
    model = Model.load(tiny.make(folder / "tiny"))
    with Index.open(folder / "photos.index", model.space, model=str(folder / "tiny")) as index:
        assert [entry.status for entry in sync(index, model, pictures)] == ["added"]
    return "--index", str(folder / "photos.index")


class Outcome(NamedTuple):
    """What became of the slow clients, and of the good one."""

    ends: dict[str, list[float]]
    """Kind → after how many seconds each was cut."""
    answers: int
    ratio: float
    """p95 of the good one beside them, to that of the good one alone."""
    files: tuple[int, int]
    """That the service had open before and after."""


def run(folder: Path, clients: int, deadline: float) -> Outcome:
    """Serve them all."""
    options = made(folder)
    with serving(folder, *options, "--deadline", str(deadline)) as served:
        alone(served, 1.0)
        normal, before = p95(alone(served, deadline)), files(served)
        times, ends = asyncio.run(together(served, clients, deadline))
        after = files(served)
    return Outcome(
        dict(zip(_KINDS, ends, strict=True)), len(times), p95(times) / normal, (before, after)
    )


def files(served: Serving) -> int:
    return len(list(Path(f"/proc/{served.process.pid}/fd").iterdir()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--deadline", type=float, default=5.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(Path(folder), asked.clients, asked.deadline)
    for kind, seconds in outcome.ends.items():
        first, last = min(seconds), max(seconds)
        print(f"{len(seconds)} slow with {kind}: gone after {first:.1f} to {last:.1f} s")
    print(
        f"a good client beside them: {outcome.answers} answers, "
        f"p95 {outcome.ratio:.2f} times of alone"
    )
    before, after = outcome.files
    print(f"{before} files open before, {after} afterwards")
    late = max(max(outcome.ends[kind]) for kind in CUT) > asked.deadline + LATE_S
    return 1 if late or outcome.ratio >= 2 else 0


if __name__ == "__main__":
    sys.exit(main())
