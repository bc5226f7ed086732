"""Kill ``edgeclip index`` at random moments while its folder changes; nothing it told may be lost.

Run ``python -m tests.index.kill_folder --cycles 200``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from edgeclip.index.index import Index
from edgeclip.model.model import Model
from tests.index.albums import Album, Oracle

_FAILED = re.compile(rb"^edgeclip: \d+ failed, each of them named", re.MULTILINE)


def cycles(count: int, place: Path, model_folder: Path, seed: int = 0) -> dict[str, int]:
    """Change a folder, index it, kill that; as often as is said, and once to the end.

    Returns:
        How many keys were told, and in how many cycles the process was killed at work.
    """
    album = Album(place / "album", seed + 1)
    oracle = Oracle(Model.load(model_folder))
    told = killed = 0
    for _ in range(count):
        album.change(album.random.randrange(10, 60))
        lines, ended = _killed(place, model_folder, album)
        told, killed = told + len(lines), killed + (not ended)
        _check(place / "index", album, oracle, lines)
    done = subprocess.run(_command(place, model_folder), capture_output=True, timeout=120)
    _assert_carried_out(done.returncode, done.stderr)
    with Index.open(place / "index") as index:
        oracle.check(index, album)
    return {"cycles": count, "killed at work": killed, "told": told}


def _command(place: Path, model: Path) -> list[str]:
    folder, index = str(place / "album"), str(place / "index")
    options = ["--index", index, "--json", "--allow-empty", "-m", str(model), "--threads", "1"]
    return [sys.executable, "-m", "edgeclip", "index", folder, *options]


def _killed(place: Path, model: Path, album: Album) -> tuple[list[dict], bool]:
    """Return the whole lines that were told, and whether the process came to its end."""
    rng, said = album.random, place / "stderr"
    with said.open("wb") as stderr:
        process = subprocess.Popen(_command(place, model), stdout=subprocess.PIPE, stderr=stderr)
    lines: list[bytes] = []
    assert process.stdout is not None
    reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
    reader.start()
    # Some before the first line, most while pictures come in.
    least = rng.choice((0, 0, 1, rng.randrange(1, 80)))
    until = time.monotonic() + (rng.uniform(0.1, 0.8) if least == 0 else 30)
    while process.poll() is None and time.monotonic() < until:
        if least and len(lines) >= least:
            break
        time.sleep(0.001)
    time.sleep(rng.choice((0, rng.uniform(0, 0.05))))
    ended = process.poll() is not None
    process.send_signal(signal.SIGKILL)
    process.wait()
    reader.join()
    process.stdout.close()
    if ended:
        _assert_carried_out(process.returncode, said.read_bytes())
    return [json.loads(line) for line in lines if line.endswith(b"\n")], ended


def _assert_carried_out(code: int, stderr: bytes) -> None:
    """Assert that a run came to its end; of the pictures, some are broken."""
    assert code == 0 or (code == 1 and _FAILED.search(stderr)), (code, stderr.decode())


def _check(path: Path, album: Album, oracle: Oracle, lines: list[dict]) -> None:
    """Assert that all that was told is kept, and nothing twice or wrong."""
    if not (path / "store.db").exists():
        assert not lines
        return
    with Index.open(path) as index:
        assert not index.notes, index.notes
        assert index.verify().ok
        items = list(index.items())
        assert len({item.key for item in items}) == len(items) == len(index)
        there = {item.key: item for item in items}
        for line in lines:
            file = album.root / line["key"]
            if line["status"] in ("added", "updated", "renamed", "unchanged"):
                expected = oracle.vector(file.read_bytes())
                assert np.array_equal(there[line["key"]].vector, expected), line
            else:
                assert line["key"] not in there, line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    arguments = parser.parse_args()
    from tests import tiny

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        model = tiny.make(place / "tiny")
        print(f"seed {arguments.seed}", flush=True)
        begun = time.monotonic()
        found = cycles(arguments.cycles, place, model, arguments.seed)
    print(json.dumps({**found, "lost": 0, "duplicates": 0, "s": time.monotonic() - begun}))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    main()
