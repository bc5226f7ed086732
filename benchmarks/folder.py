"""A folder of pictures: the first run beside bare embedding, a second run with nothing to do."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import measure
from benchmarks.material import s2, small_photographs
from edgeclip import Index, Model
from edgeclip.index.folder import sync

_PHOTOGRAPHS, _FILES, _DIFFERENT = 300, 10_000, 20
_STARTER = Path(__file__).parent.parent / "models" / "starter"


def rows() -> list[measure.Row]:
    """Measure and return the rows."""
    with tempfile.TemporaryDirectory() as folder:
        return [_first_run(Path(folder) / "first"), _second_run(Path(folder) / "second")]


def _first_run(folder: Path) -> measure.Row:
    model = Model.load(s2())
    paths = small_photographs(folder / "photos", _PHOTOGRAPHS)
    list(model.embed_images(paths[:4]))
    turns = iter(range(9))

    def ours() -> None:
        with Index.open(folder / f"{next(turns)}.index", model.space) as index:
            added = [entry.status for entry in sync(index, model, folder / "photos")]
        assert added == ["added"] * _PHOTOGRAPHS

    seconds = measure.in_turn(
        {"ours": ours, "bare": lambda: list(model.embed_images(paths))}, rounds=2
    )
    rates = {name: _PHOTOGRAPHS / statistics.median(times) for name, times in seconds.items()}
    return measure.Row(
        f"edgeclip index of {_PHOTOGRAPHS} photographs: rate against embed_images alone",
        measure.ratio(seconds["bare"], seconds["ours"]),
        ">= 0.90",
        f"{rates['ours']:.1f} against {rates['bare']:.1f} pictures/s",
    )


def _second_run(folder: Path) -> measure.Row:
    """Index 10,000 files (copies: the index knows their content), and then once more."""
    different = small_photographs(folder / "different", _DIFFERENT)
    for number in range(_FILES):
        target = folder / "photos" / f"{number // 1000}" / f"{number:05}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(different[number % _DIFFERENT], target)
    index = ["--index", str(folder / "index"), "--model", str(_STARTER)]
    command = [sys.executable, "-m", "edgeclip", "index", str(folder / "photos"), *index]
    subprocess.run(command, check=True, capture_output=True)
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds.append(time.perf_counter() - started)
    assert f"{_FILES}" in done.stdout, done.stdout
    return measure.Row(
        f"edgeclip index of {_FILES:,} unchanged files: seconds of the whole process",
        statistics.median(seconds),
        "<= 2.00",
        f"{os.cpu_count()} CPUs, page cache warm",
    )
