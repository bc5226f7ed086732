"""Watching a camera: what it costs over bare inference, and what looking only at changes saves."""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks import measure, scenes
from benchmarks.material import ROOT, s2
from benchmarks.pictures import bare_session
from edgeclip import ChangeGate, Frame, Model, Watcher, frames
from edgeclip.model.pack import PromptPack
from edgeclip.watch import reader
from edgeclip.watch.ahead import Ahead
from edgeclip.watch.clock import RecordedClock
from edgeclip.watch.rules import compiled
from edgeclip.watch.watcher import Prepared
from tests import tiny
from tests.usage import children

RULES = ("a person at the door", "a red van in the street", "a dog on the grass")
_STARTER = ROOT / "models" / "starter"
_WAIT_S = 60.0
# Short turns: what else the machine does then slows both.
_ROUNDS, _NOT_TIMED = 30, 2
_STILL_S, _STILL_FPS = 20.0, 5.0
_TILES = ("1x1", "2x1", "2x2", "3x2")
_SECONDS, _VARY = 7200, 0.02


def rows() -> list[measure.Row]:
    """Measure and return the rows."""
    with tempfile.TemporaryDirectory() as scratch:
        nothing = Model.load(tiny.make(Path(scratch) / "tiny"), fit="pad")
        small, large = Model.load(_STARTER, fit="pad"), Model.load(s2(), fit="pad")
        packs = {model: compiled(RULES, model) for model in (nothing, small, large)}
        return [
            _end_to_end("MobileCLIP-S2", large, packs[large], 6, ">= 0.92"),
            _end_to_end("starter", small, packs[small], 30, ""),
            _gated("MobileCLIP-S2", large, packs[large], "<= 0.15"),
            _gated("starter", small, packs[small], ""),
            _gated("a model that costs nothing", nothing, packs[nothing], ""),
            *_tiles(large, packs[large]),
            _without_inference(small, 1),
            _without_inference(small, 20),
        ]


def _end_to_end(name: str, model: Model, pack: PromptPack, count: int, target: str) -> measure.Row:
    """Take a film through three rules as fast as it goes."""
    watcher = Watcher(model, pack, clock=RecordedClock())
    session = bare_session(model.manifest, threads=None)
    with contextlib.closing(Ahead(_film(watcher))) as ahead:
        tensors = [_next(ahead).tensors[0][None] for _ in range(8)]

        def ours(frames: int) -> None:
            for _ in range(frames):
                watcher(_next(ahead))

        def bare(frames: int) -> None:
            for i in range(frames):
                session.run(["image_embeds"], {"pixel_values": tensors[i % len(tensors)]})

        seconds = _in_short_turns({"ours": ours, "bare": bare}, count)
    rates = {job: count / statistics.median(found) for job, found in seconds.items()}
    return measure.Row(
        f"{name}, a 720p film through three rules: frames a second against session.run alone",
        measure.ratio(seconds["bare"], seconds["ours"]),
        target,
        f"{rates['ours']:.1f} against {rates['bare']:.1f} frames/s",
    )


def _film(watcher: Watcher) -> Generator[Prepared, None, None]:
    while True:
        yield from map(watcher.prepare, frames(scenes.film()))


def _next(ahead: Ahead[Prepared]) -> Prepared:
    found = ahead.take(_WAIT_S)
    assert found is not None
    return found


def _in_short_turns(
    jobs: Mapping[str, Callable[[int], None]], count: int
) -> dict[str, list[float]]:
    """Time each job for ``count`` frames in turn: what else the machine does slows both."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(_ROUNDS):
        for name, job in jobs.items():
            job(_NOT_TIMED)  # the next frame of a film is fetched in the time of the other job
            started = time.perf_counter()
            job(count)
            seconds[name].append(time.perf_counter() - started)
    return seconds


def _gated(name: str, model: Model, pack: PromptPack, target: str) -> measure.Row:
    """Watch a camera before which nothing moves."""
    with _still_camera():
        changes, share = _watched(Watcher(model, pack, gate=ChangeGate()))
        all_frames, _ = _watched(Watcher(model, pack))
    return measure.Row(
        f"{name}, a still scene at 5 frames/s: CPU seconds against looking at every frame",
        changes / all_frames,
        target,
        f"{changes / _STILL_S:.3f} against {all_frames / _STILL_S:.3f} CPUs in use, with the "
        f"process that reads the camera; {share:.1%} of the frames are looked at",
    )


@contextlib.contextmanager
def _still_camera() -> Iterator[None]:
    before, reader.OPENER = reader.OPENER, "benchmarks.scenes:still"
    os.environ["PYTHONPATH"] = str(ROOT)  # of the child
    try:
        yield
    finally:
        reader.OPENER = before


def _watched(watcher: Watcher) -> tuple[float, float]:
    """Return the CPU seconds of this process and its child, and the share of frames looked at."""
    with contextlib.closing(frames(0, fps=_STILL_FPS)) as live:
        watcher(next(live))  # opens the tower
        watcher.inferences = seen = 0
        before, end = _cpu_seconds(), time.monotonic() + _STILL_S
        while time.monotonic() < end:
            watcher(next(live))
            seen += 1
        return _cpu_seconds() - before, watcher.inferences / seen


def _cpu_seconds() -> float:
    stats = [Path(f"/proc/{child}/stat").read_text().rpartition(")")[2] for child in children()]
    ticks = sum(int(number) for stat in stats for number in stat.split()[11:13])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def _tiles(model: Model, pack: PromptPack) -> list[measure.Row]:
    """Look at parts of a frame, too."""
    frame = Frame(0.0, scenes.photograph())
    watchers = {tiles: Watcher(model, _with(pack, tiles=tiles)) for tiles in _TILES}
    jobs = {tiles: partial(watcher, frame) for tiles, watcher in watchers.items()}
    seconds = measure.in_turn(jobs, rounds=9)
    return [
        measure.Row(
            f"MobileCLIP-S2, tiles = {tiles}: time a frame against the whole frame alone",
            measure.ratio(seconds[tiles], seconds["1x1"]),
            "",
            f"{watchers[tiles].inferences // 10} inferences; "
            f"{measure.median_ms(seconds[tiles])} against {measure.median_ms(seconds['1x1'])}",
        )
        for tiles in _TILES[1:]
    ]


def _with(pack: PromptPack, **settings: Any) -> PromptPack:
    labels = tuple(replace(label, settings=settings) for label in pack.labels)
    return replace(pack, labels=labels)


class _Vectors:
    """In a model's place: its vectors are already there."""

    def __init__(self, space: str) -> None:
        self.space = space

    def embed_tensor(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        return tensor


def _without_inference(model: Model, count: int) -> measure.Row:
    """Take two hours of vectors, a second apart, through rules that learn and alert."""
    pack = _with(compiled([f"thing number {i}" for i in range(count)], model), false_alerts=24)
    watcher = Watcher(cast("Model", _Vectors(model.space)), pack, clock=RecordedClock())
    random = np.random.default_rng(0)
    usual, picture = model.embed_image(scenes.photograph()), scenes.photograph()
    seconds = []
    for second in range(_SECONDS):
        vector = usual + _VARY * random.normal(size=usual.shape).astype(np.float32)
        prepared = Prepared(Frame(float(second), picture), (vector / np.linalg.norm(vector),))
        started = time.perf_counter()
        watcher(prepared)
        seconds.append(time.perf_counter() - started)
    return measure.Row(
        f"rules, thresholds and events without inference, {count} rule{'s' * (count > 1)}: ms a "
        "frame",
        1000 * statistics.mean(seconds),
        "",
        f"median {1000 * statistics.median(seconds):.3f} ms, the slowest "
        f"{1000 * max(seconds):.0f} ms, which learns anew; two hours at a frame a second",
        digits=3,
    )
