"""Bench: what a model costs on this board, in each of its variants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edgeclip.device import trial
from edgeclip.device.settings import pairs, providers_here, tower_of, towers_of
from edgeclip.errors import ModelError
from edgeclip.model.cpus import usable_cpus
from edgeclip.model.manifest import Manifest
from edgeclip.model.options import SessionOptions
from edgeclip.model.tuned import Setting

BATCHES = (1, 8)
RATES = (1.0, 5.0, 10.0)
"""Frames a second at which the use of the CPU is measured."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, beside variants and providers."""

    towers: tuple[str, ...] = ()
    """Empty: all that the model has."""
    variants: tuple[str, ...] = ()
    """Empty: all that may run here."""
    providers: tuple[str, ...] = ()
    """Empty: all that compute on this board but TensorRT."""
    threads: tuple[int, ...] = ()
    """Empty: one, and all CPUs of this process."""
    batches: tuple[int, ...] = BATCHES
    seconds: float = 2.0
    """For each batch and rate."""
    timeout_s: float = trial.TIMEOUT_S
    """For each setting, beside what `seconds` takes."""


@dataclass(frozen=True, slots=True)
class Result:
    """One tower in one setting."""

    tower: str
    variant: str
    provider: str
    threads: int
    file_bytes: int
    """Size on disk."""
    outcome: trial.Outcome


def bench(
    manifest: Manifest,
    plan: Plan,
    *,
    run: Callable[..., trial.Outcome] = trial.run,
) -> Iterator[Result]:
    """Measure a model, one setting after the other, each in a process of its own.

    Raises:
        ModelError: the model has no such tower or variant, or onnxruntime no such provider.
    """
    for tower, setting in settings(manifest, plan):
        options = setting.options
        asked = trial.Trial(
            str(manifest.folder),
            tower,
            setting,
            batches=plan.batches,
            seconds=plan.seconds,
            rates=RATES if tower == "image" and options.threads == _most(plan) else (),
        )
        # What is kept of a graph is made when it is first opened; that is not what is measured.
        warm = trial.Trial(str(manifest.folder), tower, setting, seconds=0.0, check=False)
        outcome = run(warm, timeout_s=plan.timeout_s)
        if outcome.problem is None:
            asked_s = plan.seconds * (len(asked.batches) + len(asked.rates))
            outcome = run(asked, timeout_s=plan.timeout_s + asked_s)
        file = tower_of(manifest, tower).variants[setting.variant].file
        (provider,) = options.providers or ("",)
        size = manifest.files[file].bytes
        yield Result(tower, setting.variant, provider, options.threads or 0, size, outcome)


def settings(manifest: Manifest, plan: Plan) -> list[tuple[str, Setting]]:
    """Return what a plan measures: tower and setting.

    Raises:
        ModelError: the model has no such tower or variant, or onnxruntime no such provider.
    """
    providers = providers_here(plan.providers)
    towers = {name: tower_of(manifest, name) for name in plan.towers or towers_of(manifest)}
    known = dict.fromkeys(name for tower in towers.values() for name in tower.variants)
    for variant in plan.variants:
        if variant not in known:
            raise ModelError(
                f"model {manifest.name} has no {variant!r} variant. It has: {', '.join(known)}."
            )
    return [
        (name, Setting(variant, SessionOptions(count, (provider,))))
        for name, tower in towers.items()
        for variant, provider in pairs(tower, providers)
        for count in sorted({*plan.threads} or {1, usable_cpus()})
        if not plan.variants or variant in plan.variants
    ]


def figures(result: Result) -> Iterator[dict[str, Any]]:
    """Yield what is told of a result, one dict for each batch size."""
    for batch, seconds in result.outcome.latencies_s.items():
        p50, p95, p99 = np.percentile(seconds, [50, 95, 99]) * 1e3
        yield {
            "batch": batch,
            "p50_ms": float(p50),
            "p95_ms": float(p95),
            "p99_ms": float(p99),
            "per_s": float(batch * 1e3 / p50),
            "runs": len(seconds),
        }


def told(result: Result) -> dict[str, Any]:
    """Return a result for programs."""
    outcome = asdict(result.outcome)
    del outcome["latencies_s"]
    outcome["cpu"] = {f"{rate:g}": used for rate, used in result.outcome.cpu.items()}
    here = {key: value for key, value in asdict(result).items() if key != "outcome"}
    return {**here, **outcome, "latency": list(figures(result))}


def _most(plan: Plan) -> int:
    return max(plan.threads or (usable_cpus(),))
