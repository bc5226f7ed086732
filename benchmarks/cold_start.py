"""From an empty process to the first picture vector: time and peak memory, beside a bare script."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import measure
from benchmarks.material import jpeg, s2

_OURS = """
import sys
from edgeclip import Model
Model.load(sys.argv[1]).embed_image(sys.argv[2])
"""
_BARE = """
import sys
import numpy as np
import onnxruntime
from PIL import Image
session = onnxruntime.InferenceSession(sys.argv[1] + "/image.onnx")
picture = Image.open(sys.argv[2]).convert("RGB")
scale = 256 / min(picture.size)
picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), 2)
left, top = (picture.width - 256) // 2, (picture.height - 256) // 2
pixels = np.asarray(picture.crop((left, top, left + 256, top + 256)), np.float32) / 255
pixels = (pixels - np.float32([0.481, 0.458, 0.408])) / np.float32([0.269, 0.261, 0.276])
session.run(["image_embeds"], {"pixel_values": pixels.transpose(2, 0, 1)[None]})
"""


def rows() -> list[measure.Row]:
    """Measure and return the rows."""
    folder = str(s2())
    with tempfile.TemporaryDirectory() as scratch:
        photo = Path(scratch) / "photo.jpg"
        photo.write_bytes(jpeg(640, 480))
        runs: dict[str, list[tuple[float, float]]] = {"ours": [], "bare": []}
        for turn in range(8):
            for name, script in (("ours", _OURS), ("bare", _BARE)):
                found = _child([sys.executable, "-c", script, folder, str(photo)])
                if turn:
                    runs[name].append(found)
    times = {name: [run[0] for run in found] for name, found in runs.items()}
    peaks = {name: [run[1] for run in found] for name, found in runs.items()}
    medians = {name: statistics.median(values) for name, values in peaks.items()}
    return [
        measure.time_row(
            "cold process to the first picture vector: time against a bare onnxruntime script",
            times["ours"],
            times["bare"],
            "<= 1.30",
        ),
        measure.Row(
            "cold process to the first picture vector: peak memory against that script",
            measure.ratio(peaks["ours"], peaks["bare"]),
            "<= 1.30",
            f"{medians['ours']:.0f} against {medians['bare']:.0f} MB",
        ),
    ]


def _child(command: Sequence[str]) -> tuple[float, float]:
    """Run a command; return its seconds and its peak memory in MB."""
    code = (
        "import resource, subprocess, sys, time; s = time.perf_counter(); "
        "subprocess.run(sys.argv[1:], check=True); t = time.perf_counter() - s; "
        "print(t, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    # An interpreter in between: the peak of "all children" would be the greatest of all runs.
    found = subprocess.run(
        [sys.executable, "-c", code, *command], check=True, capture_output=True, text=True
    )
    seconds, peak = found.stdout.split()[-2:]
    return float(seconds), float(peak)
