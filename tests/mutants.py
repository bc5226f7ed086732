"""Mutated pictures: each must be answered with a vector or a refusal, by a process that lives on.

Run ``python -m tests.mutants --count 3000``.  The work is done in child processes, so that a
decoder that crashes or hangs is counted instead of ending the run.  The mutants depend on the seed
alone.
"""

from __future__ import annotations

import argparse
import json
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from tests.pictures import encoded, formats, photo

SEED = 20260101
LIMIT_S = 5.0
"""CPU time that one mutant may take."""
PATIENCE_S = 30.0
"""A child that is silent for longer is killed and counted as a hang."""


@dataclass
class Tally:
    """What became of the mutants."""

    counts: Counter[str] = field(default_factory=Counter)
    """``vector``, ``refusal``, ``escape`` (another exception), ``crash`` or ``hang``."""
    failures: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    slowest: str = ""
    peak_mb: float = 0.0
    """Greatest resident memory of a child."""


def originals() -> dict[str, list[bytes]]:
    """Eight formats, each in the forms that take another way through its decoder."""
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = [photo(32, 24, seed) for seed in (1, 2)]
    deep = Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100)
    more = {
        "JPEG": [
            encoded(photo(), "JPEG", progressive=True, exif=exif),
            encoded(photo().convert("CMYK"), "JPEG"),
            encoded(photo().convert("L"), "JPEG"),
        ],
        "PNG": [
            encoded(photo().quantize(8), "PNG", transparency=3),
            encoded(deep, "PNG"),
            encoded(photo().convert("RGBA"), "PNG", exif=exif),
            encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]),
        ],
        "WEBP": [
            encoded(photo().convert("RGBA"), "WEBP", lossless=True),
            encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]),
        ],
        "GIF": [encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])],
        "BMP": [encoded(photo().convert("1"), "BMP"), encoded(photo().quantize(16), "BMP")],
        "TIFF": [
            encoded(photo(), "TIFF"),
            encoded(photo().convert("1"), "TIFF", compression="group4"),
            encoded(deep, "TIFF", compression="tiff_deflate"),
            encoded(photo(), "TIFF", compression="jpeg", exif=exif),
        ],
        "PPM": [b"P5 30 20 65535\n" + deep.tobytes(), b"P3 2 1 9\n1 2 3 4 5 6\n"],
        "AVIF": [encoded(photo().convert("RGBA"), "AVIF", exif=exif)],
    }
    return {form: [plain, *more[form]] for form, plain in formats().items()}


def mutant(number: int, pool: dict[str, list[bytes]], seed: int = SEED) -> tuple[str, bytes]:
    """Return format and bytes of one mutant; the formats take turns."""
    rng = random.Random(f"{seed}:{number}")
    form = sorted(pool)[number % len(pool)]
    data = bytearray(rng.choice(pool[form]))
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        _mutate(data, rng, pool)
    return form, bytes(data)


def _mutate(data: bytearray, rng: random.Random, pool: dict[str, list[bytes]]) -> None:
    # Half of the wounds are in the head, where the sizes and tables stand.
    size = len(data)
    at = rng.randrange(max(1, min(size, 64) if rng.random() < 0.5 else size))
    match rng.randrange(8):
        case 0:
            data[at : at + 1] = bytes([(data[at] if at < size else 0) ^ 1 << rng.randrange(8)])
        case 1:
            data[at : at + 4] = rng.randbytes(4)
        case 2:
            data[at : at + 4] = rng.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"))
        case 3:
            del data[at:]
        case 4:
            del data[at : at + rng.randrange(1, 40)]
        case 5:
            data[at:at] = rng.randbytes(rng.randrange(1, 40))
        case 6:
            data[at:at] = data[at : at + rng.randrange(1, 200)]
        case 7:
            other = rng.choice(pool[rng.choice(sorted(pool))])
            cut = rng.randrange(len(other))
            data[at : at + 64] = other[cut : cut + 64]


def run(count: int, *, seed: int = SEED) -> Tally:
    """Embed mutants 0 to ``count`` in child processes and count what became of them."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        start = 0
        while start < count:
            start = _child_run(start, count, seed, Path(folder) / "mutant", tally)
    return tally


def _child_run(start: int, count: int, seed: int, path: Path, tally: Tally) -> int:
    """Start one child; return the number of the first mutant that it left undone."""
    command = [sys.executable, "-m", "tests.mutants", "--child", f"{start}:{count}:{seed}:{path}"]
    root = Path(__file__).resolve().parent.parent
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=root
    )
    number, first = start, True
    try:
        for line in _lines(child, first_s=60.0):
            if not first:
                _count(tally, json.loads(line), number)
                number += 1
            first = False
        if number < count:
            child.wait()
            _failed(tally, "crash", number, f"exit {child.returncode}")
            number += 1
    except queue.Empty:
        _failed(tally, "hang", number, f"over {PATIENCE_S:g} s")
        number += 1
    finally:
        child.kill()
        child.wait()
    return number


def _lines(child: subprocess.Popen[str], first_s: float) -> Iterator[str]:
    """Yield the child's lines; raise `queue.Empty` when one takes too long."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in child.stdout or ():
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    patience = first_s  # starting Python and the model takes longer than a mutant may
    while (line := lines.get(timeout=patience)) is not None:
        yield line
        patience = PATIENCE_S


def _count(tally: Tally, answer: dict, number: int) -> None:
    if answer["kind"] == "escape":
        _failed(tally, "escape", number, answer["what"])
    else:
        tally.counts[answer["kind"]] += 1
    tally.peak_mb = max(tally.peak_mb, answer["peak_mb"])
    if answer["seconds"] > LIMIT_S:
        tally.failures.append(f"mutant {number}: slow: {answer['seconds']:.1f} s")
    if answer["seconds"] > tally.slowest_s:
        tally.slowest_s, tally.slowest = answer["seconds"], f"{answer['form']} {number}"


def _failed(tally: Tally, kind: str, number: int, what: str) -> None:
    tally.counts[kind] += 1
    tally.failures.append(f"mutant {number}: {kind}: {what}")


def _child(start: int, stop: int, seed: int, path: Path) -> None:
    """Embed mutants one after the other; a line of JSON for each."""
    from edgeclip.model.model import Model
    from tests import tiny

    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        model = Model.load(tiny.make(Path(folder) / "tiny"), threads=1)
        model.open()
    pool = originals()
    print("ready", flush=True)
    for number in range(start, stop):
        form, data = mutant(number, pool, seed)
        path.write_bytes(data)
        started = time.process_time()
        kind, what = _embedded(model, path)
        seconds = time.process_time() - started
        line = {"kind": kind, "what": what, "form": form, "seconds": seconds, "peak_mb": _peak()}
        print(json.dumps(line), flush=True)


def _embedded(model, path: Path) -> tuple[str, str]:
    from edgeclip.errors import ImageRejected

    try:
        vector = model.embed_image(path)
    except ImageRejected as error:
        line = str(error)
        return ("refusal", "") if line.isprintable() and str(path) in line else ("escape", line)
    except BaseException as error:
        return "escape", f"{type(error).__name__}: {error}"
    good = np.all(np.isfinite(vector)) and abs(float(np.linalg.norm(vector)) - 1) < 1e-3
    return ("vector", "") if good else ("escape", f"vector of length {np.linalg.norm(vector)}")


def _peak() -> float:
    """Return the greatest resident memory of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def main() -> int:
    """Print what became of the mutants; answer 1 when one of them was not answered properly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        start, stop, seed, path = options.child.split(":", 3)
        _child(int(start), int(stop), int(seed), Path(path))
        return 0
    started = time.perf_counter()
    tally = run(options.count, seed=options.seed)
    counts = ", ".join(f"{n} {kind}" for kind, n in sorted(tally.counts.items()))
    print(f"{options.count} mutants in {time.perf_counter() - started:.0f} s: {counts}")
    print(f"slowest {tally.slowest_s:.2f} s ({tally.slowest}), peak {tally.peak_mb:.0f} MB")
    for failure in tally.failures:
        print(failure)
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
