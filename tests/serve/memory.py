"""What a service holds over many requests: ``python -m tests.serve.memory --requests 20000``.

Each round asks once for everything: vectors, labels, searches, items that come and go, a job that
is done, refusals.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx
import numpy as np

from tests.serve import fuzz
from tests.serve.serving import Serving, serving
from tests.usage import children

MOST_MB = 1.0
_JOBS, _ROUNDS, _TEXTS = 2600, 1100, 200
"""So many jobs and rounds fill most of SQLite's caches of pages, 2 MB for each of its files; until
then memory grows by about 1.5 MB.  So many texts are asked again and again: what is remembered of
others has its limits, too, but they are far away."""


@dataclass
class Report:
    """What was seen."""

    requests: int
    memory_kb: list[int]
    """Of the process that answers, after each round."""
    files: tuple[int, int]
    children: tuple[int, int]
    each: int
    """Requests in a round."""

    @property
    def slope_mb(self) -> float:
        """By how much it grows in as many requests, by least squares."""
        looks = np.arange(len(self.memory_kb)) * self.each
        return float(np.polyfit(looks, self.memory_kb, 1)[0]) * self.requests / 1024


def run(folder: Path, requests: int) -> Report:
    """Ask so many times, and look after each round."""
    with serving(folder, *fuzz.options(folder)) as served, served.client() as client:
        picture = (folder / "pictures" / "a.png").read_bytes()
        warm_up(client, picture)
        memory: list[int] = []
        asked, first = 0, holds(served)
        for number in count():
            each = ask(client, picture, number)
            asked += each
            memory.append(rss_kb(served))
            if asked >= requests:
                break
        last = holds(served)
    return Report(asked, memory, (first[0], last[0]), (first[1], last[1]), each)


def warm_up(client: httpx.Client, picture: bytes) -> None:
    """Fill what has a limit."""
    for _ in range(_JOBS):
        job = client.post("/jobs/clip_embedding", files={"file": picture}).json()["job_id"]
    while client.get(f"/jobs/{job}").json()["status"] != "ok":
        time.sleep(0.1)
    for number in range(_ROUNDS):
        ask(client, picture, number)


def ask(client: httpx.Client, picture: bytes, number: int) -> int:
    """Ask once for everything; return how many requests that were."""
    job = client.post("/jobs/clip_embedding", files={"file": picture}).json()["job_id"]
    key = f"/items/of%20round%20{number % 50}"
    told = [
        (200, client.post("/embed/image", content=picture)),
        (200, client.post("/embed/image", files=[("file", picture), ("file", b"bad")])),
        (200, client.post("/embed/text", json={"text": f"number {number % _TEXTS}"})),
        (200, client.post("/classify", files={"file": picture}, data={"label": ["a", "b"]})),
        (200, client.post("/search", json={"query": f"a dog {number % _TEXTS}"})),
        (200, client.put(key, content=picture)),
        (200, client.get("/items/a.png/thumbnail")),
        (200, client.get("/items/a.png/picture")),
        (200, client.get("/items/a.png/similar")),
        (200, client.get("/groups")),
        (200, client.get("/metrics")),
        (200, client.get("/camera/frame")),
        (200, client.post("/coach", json={"query": "three cats"})),
        (400, client.post("/search", json={"query": ""})),
        (415, client.post("/embed/image", content=b"no picture")),
        (404, client.get("/nothing")),
        (204, client.delete(key)),
        (200, client.get(f"/jobs/{job}")),
    ]
    for status, answer in told:
        assert answer.status_code == status, (answer.request.url, answer.text)
    return len(told) + 1


def rss_kb(served: Serving) -> int:
    status = Path(f"/proc/{served.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1])


def holds(served: Serving) -> tuple[int, int]:
    """Return how many files and children the service has."""
    pid = served.process.pid
    return len(list(Path(f"/proc/{pid}/fd").iterdir())), len(children(pid))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    with tempfile.TemporaryDirectory() as folder:
        report = run(Path(folder), parser.parse_args().requests)
    first, last = report.memory_kb[0] / 1024, report.memory_kb[-1] / 1024
    print(
        f"{report.requests:,} requests; before them, with full caches, {first:.1f} MB, "
        f"{report.files[0]} files, {report.children[0]} children; at the end {last:.1f} MB, "
        f"{report.files[1]} files, {report.children[1]} children."
    )
    print(
        f"Memory grows by {report.slope_mb:.2f} MB in {report.requests:,} requests (least squares "
        f"over {len(report.memory_kb)} looks; at most {MOST_MB:g})."
    )
    tenths = report.memory_kb[:: max(1, len(report.memory_kb) // 10)]
    print("MB at each tenth:", *(f"{look / 1024:.1f}" for look in tenths))
    same = report.files[1] <= report.files[0] + 4 and report.children[1] <= report.children[0] + 2
    return 0 if report.slope_mb <= MOST_MB and same else 1


if __name__ == "__main__":
    sys.exit(main())
