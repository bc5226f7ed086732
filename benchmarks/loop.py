"""A camera loop: CPU seconds of ten frames a second, and memory after many frames."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from typing import Any

from benchmarks import measure
from benchmarks.material import ROOT

_FRAMES, _RATE = 200, 10.0
_ROUNDS = 5

_COMMON = """
import json, sys, time
import numpy as np
frames = np.random.default_rng(0).integers(0, 256, (4, 480, 640, 3)).astype(np.uint8)

def loop(work, count, rate):
    started, used = time.perf_counter(), time.process_time()
    for i in range(count):
        work(frames[i % 4])
        time.sleep(max(0.0, started + (i + 1) / rate - time.perf_counter()))
    return time.process_time() - used
"""
_OURS = """
from edgeclip import Model
model = Model.load("starter", threads=1)
work = model.embed_image
"""
# Decoded already; resized, cropped and scaled as a careful script would, then run.
_BARE = """
import onnxruntime
from PIL import Image
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = onnxruntime.InferenceSession(
    "models/starter/image.onnx", options, providers=["CPUExecutionProvider"]
)
mean = np.float32([0.48145466, 0.4578275, 0.40821073])
std = np.float32([0.26862954, 0.26130258, 0.27577711])

def work(frame):
    picture = Image.fromarray(frame)
    scale = 256 / min(picture.size)
    size = int(picture.width * scale), int(picture.height * scale)
    picture = picture.resize(size, Image.Resampling.BICUBIC)
    left, top = (picture.width - 256) // 2, (picture.height - 256) // 2
    pixels = np.asarray(picture.crop((left, top, left + 256, top + 256)), np.float32) / 255
    tensor = ((pixels - mean) / std).transpose(2, 0, 1)[None]
    return session.run(["image_embeds"], {"pixel_values": np.ascontiguousarray(tensor)})[0][0]
"""
_LOOP = """
for frame in frames:
    work(frame)
print(json.dumps(loop(work, int(sys.argv[1]), float(sys.argv[2]))))
"""
_MEMORY = """
import re
def held():
    return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
found = {}
for i in range(1, 20001):
    work(frames[i % 4])
    if i in (1000, 20000):
        found[i] = held()
print(json.dumps(found))
"""


def rows() -> list[measure.Row]:
    """Measure and return the rows."""
    used: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(_ROUNDS):
        for name, setup in (("ours", _OURS), ("bare", _BARE)):
            used[name].append(_child(_COMMON + setup + _LOOP, _FRAMES, _RATE))
    memory = _child(_COMMON + _OURS + _MEMORY)
    first, last = memory["1000"], memory["20000"]
    ours, bare = (statistics.median(used[name]) for name in ("ours", "bare"))
    return [
        measure.Row(
            "starter, a loop of 10 frames/s: CPU seconds against a bare loop",
            measure.ratio(used["ours"], used["bare"]),
            "<= 1.10",
            f"{ours / _FRAMES * _RATE:.3f} against {bare / _FRAMES * _RATE:.3f} CPUs in use",
        ),
        measure.Row(
            "starter: MB that 20,000 frames hold more than 1,000",
            last - first,
            "<= 5.00",
            f"{last:.1f} against {first:.1f} MB",
        ),
    ]


def _child(code: str, *arguments: object) -> Any:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return json.loads(done.stdout.splitlines()[-1])
