"""What `edgeclip tune` chooses, measured again beside every other setting, in turn."""

from __future__ import annotations

import statistics
from pathlib import Path

from benchmarks import measure
from benchmarks.material import ROOT, quantised_s2
from edgeclip.device import settings, trial, tune
from edgeclip.model.manifest import Manifest
from edgeclip.model.tuned import Setting

_ROUNDS = 4


def rows() -> list[measure.Row]:
    """Measure and return the rows."""
    return [
        _row("starter", ROOT / "models" / "starter", "image"),
        _row("MobileCLIP-S2", quantised_s2(), "text"),
    ]


def _row(title: str, folder: Path, tower: str) -> measure.Row:
    manifest = Manifest.load(folder)
    counts = settings.thread_counts()
    grid = tune.all_settings(manifest, tower, settings.providers_here(None), counts)
    chosen = tune.choose(tune.tune(manifest, tower, grid))
    assert chosen
    best = _again(manifest, tower, grid)
    quickest = min(best.values())
    return measure.Row(
        f"{title}, {tower} tower: what tune chose against the best of the grid, measured again",
        best[tune.label(chosen.setting)] / quickest,
        "<= 1.10",
        f"{tune.label(chosen.setting)}; {len(grid)} settings, "
        f"{quickest * 1e3:.1f} to {max(best.values()) * 1e3:.1f} ms",
    )


def _again(manifest: Manifest, tower: str, grid: list[Setting]) -> dict[str, float]:
    """Return the least median of the rounds for each setting."""
    found: dict[str, float] = {}
    for _ in range(_ROUNDS):
        for setting in grid:
            asked = trial.Trial(str(manifest.folder), tower, setting, check=False)
            outcome = trial.run(asked)
            name = tune.label(setting)
            seconds = statistics.median(outcome.latencies_s[1])
            found[name] = min(found.get(name, seconds), seconds)
    return found
