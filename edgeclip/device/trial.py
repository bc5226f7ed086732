"""A trial: one tower, run one way, measured by a child process of its own.

The child may crash, hang or take all memory: then the trial has failed, and nothing else.  What is
timed is what a user gets: a frame of 640x480 pixels, or a text, to its vector.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeclip.model import child, parts, patience
from edgeclip.model.goldens import golden_picture
from edgeclip.model.manifest import Manifest
from edgeclip.model.model import Model
from edgeclip.model.options import SessionOptions
from edgeclip.model.providers import TENSORRT
from edgeclip.model.tuned import Setting

if TYPE_CHECKING:
    from edgeclip.vectors import Vector

TIMEOUT_S = 300.0
LEAST_RUNS = 5
_COMPILING_S = 1800.0
_COMPILES = "a setting is tried for which TensorRT may compile first, which takes minutes"
_WIDTH, _HEIGHT = 640, 480
_TEXT = "a photo of a cat on a sofa"


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried."""

    folder: str
    """Of the model."""
    tower: str
    """``image`` or ``text``."""
    setting: Setting
    batches: tuple[int, ...] = (1,)
    """Frames or texts in one run; each is measured."""
    seconds: float = 1.0
    """How long each is measured; at least five runs."""
    rates: tuple[float, ...] = ()
    """Frames a second at which the use of the CPU is measured."""
    check: bool = True
    """Whether the goldens are replayed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial found."""

    problem: str | None = None
    """Why there is nothing else, in a clause; None when all went well."""
    load_s: float = 0.0
    """Importing what runs the tower, hashing and opening it."""
    first_s: float = 0.0
    """From the start of the process to the first vector."""
    cosine: float | None = None
    """Least cosine to the goldens; None where there are none, or they were not asked for."""
    latencies_s: Mapping[int, list[float]] = field(default_factory=dict)
    """Batch → seconds of each run."""
    cpu: Mapping[float, float | None] = field(default_factory=dict)
    """Frames a second → CPUs in use; None where the board does not keep up."""
    memory_bytes: int = 0
    """What the process holds after the first batch size."""
    peak_bytes: int = 0
    """The most that it held until then."""


def run(trial: Trial, *, timeout_s: float = TIMEOUT_S) -> Outcome:
    """Run a trial in a child process."""
    compiles = TENSORRT in (trial.setting.options.providers or ())
    limit = max(timeout_s, _COMPILING_S) if compiles else timeout_s
    try:
        with patience.told(_COMPILES) if compiles else contextlib.nullcontext():
            told = child.ask(__name__, asdict(trial), timeout_s=limit)
    except child.ChildFailed as error:
        return Outcome(problem=error.reason.rstrip("."))
    for name, number in (("latencies_s", int), ("cpu", float)):
        told[name] = {number(key): value for key, value in told[name].items()}
    return Outcome(**told)


def _measured(told: Mapping[str, Any]) -> dict[str, Any]:
    """Do what a trial says, in this process."""
    setting = Setting(told["setting"]["variant"], SessionOptions(**told["setting"]["options"]))
    manifest = Manifest.load(Path(told["folder"]))
    model = Model(
        manifest,
        lambda: parts.open_image(manifest, setting),
        lambda: parts.open_text(manifest, setting),
    )
    tower = told["tower"]
    embed = _embedding(model, tower)
    load_s = _timed(lambda: model.open(tower))
    embed(1)
    first_s = _age_s()
    latencies, memory = {}, (0, 0)
    for batch in told["batches"]:
        latencies[batch] = _latencies(lambda: embed(batch), told["seconds"])  # noqa: B023
        memory = memory if any(memory) else _memory()
    return asdict(
        Outcome(
            load_s=load_s,
            first_s=first_s,
            cosine=_cosine(model, tower) if told["check"] else None,
            latencies_s=latencies,
            cpu={rate: _cpu(lambda: embed(1), rate, told["seconds"]) for rate in told["rates"]},
            memory_bytes=memory[0],
            peak_bytes=memory[1],
        )
    )


def _embedding(model: Model, tower: str) -> Callable[[int], Iterable[Vector]]:
    """Return what embeds a number of frames or texts at once."""
    frame = golden_picture("waves", _WIDTH, _HEIGHT, 1)

    def frames(count: int) -> Iterable[Vector]:
        if count == 1:  # as a camera loop does it, without threads that read ahead
            return [model.embed_image(frame)]
        return list(model.embed_images([frame] * count, batch_size=count))

    def texts(count: int) -> Iterable[Vector]:
        return [model.embed_text(_TEXT)] if count == 1 else list(model.embed_texts([_TEXT] * count))

    return texts if tower == "text" else frames


def _cosine(model: Model, tower: str) -> float | None:
    from edgeclip.model import verify

    if not model.manifest.record.get("goldens"):  # a model may be without
        return None
    return verify.replay(model, towers=(tower,)).get(tower)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _latencies(work: Callable[[], object], seconds: float) -> list[float]:
    work()
    found: list[float] = []
    while len(found) < LEAST_RUNS or sum(found) < seconds:
        found.append(_timed(work))
    return found


def _cpu(work: Callable[[], object], rate: float, seconds: float) -> float | None:
    """Return the CPUs that a loop of ``rate`` runs a second uses, None when it falls behind."""
    count = max(LEAST_RUNS, round(rate * seconds))
    started, used = time.perf_counter(), time.process_time()
    for i in range(count):
        work()
        if time.perf_counter() - started > 1.05 * count / rate:
            return None  # at once: on a slow board the rest would take minutes
        time.sleep(max(0.0, started + (i + 1) / rate - time.perf_counter()))
    return (time.process_time() - used) / (time.perf_counter() - started)


def _memory() -> tuple[int, int]:
    """Return what this process holds, and the most that it held, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    told = {key: value.split() for key, _, value in (line.partition(":") for line in lines)}
    return int(told["VmRSS"][0]) << 10, int(told["VmHWM"][0]) << 10


def _age_s() -> float:
    """Return how long ago this process was started; the kernel counts in hundredths."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    child.reply(_measured)
