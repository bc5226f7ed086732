"""Peak memory of processes that a small board would run: only words, only pictures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import measure
from benchmarks.material import jpeg, quantised_s2

_CODE = """
import json, re, sys
from edgeclip import Model
model = Model.load(sys.argv[1], **json.loads(sys.argv[2]))
for _ in range(5):
    model.embed_image(sys.argv[3]) if sys.argv[3] else model.embed_text("a photo of a cat")
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""
_SEARCH = """
import json, re, sys
from edgeclip import Index, Model
model = Model.load(sys.argv[1], **json.loads(sys.argv[2]))
with Index.open(sys.argv[3], model.space, read_only=True) as index:
    for _ in range(5):
        index.search(model.embed_text("a photo of a cat"), count=5)
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""
_VECTORS = 1_000


def rows() -> list[measure.Row]:
    """Measure and return the rows."""
    folder = str(quantised_s2())
    with tempfile.TemporaryDirectory() as scratch:
        photo, index = Path(scratch) / "photo.jpg", Path(scratch) / "photos.index"
        photo.write_bytes(jpeg(640, 480))
        _fill(index, folder)
        words = {v: _peak(_SEARCH, folder, {"text_variant": v}, index) for v in ("fp32", "int8")}
        pictures = _peak(_CODE, folder, {}, photo)
        lean = _peak(_CODE, folder, {}, photo, MALLOC_MMAP_THRESHOLD_="131072")
    return [
        measure.Row(
            "MobileCLIP-S2, searching by words alone: peak memory of int8 against fp32",
            words["int8"] / words["fp32"],
            "<= 0.45",
            f"{words['int8']:.0f} against {words['fp32']:.0f} MB",
        ),
        measure.Row(
            "MobileCLIP-S2, embedding pictures alone: peak memory in MB",
            pictures,
            "<= 260",
            f"{lean:.0f} MB with MALLOC_MMAP_THRESHOLD_=131072",
            digits=0,
        ),
    ]


def _fill(index: Path, folder: str) -> None:
    import numpy as np

    from edgeclip import Index
    from edgeclip.model.manifest import Manifest

    vectors = np.random.default_rng(0).normal(size=(_VECTORS, 512)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with Index.open(index, Manifest.load(folder).space) as opened:
        opened.add_many((f"{i}.jpg", vector) for i, vector in enumerate(vectors))


def _peak(code: str, folder: str, options: dict[str, str], thing: Path, **more: str) -> float:
    """Return the most that a process held, in MB; the second run finds a kept graph."""
    command = [sys.executable, "-W", "ignore", "-c", code, folder, json.dumps(options), str(thing)]
    for _ in range(2):
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env=os.environ | more
        )
    return int(done.stdout.split()[-1]) / 1024
