"""Tune: find how a model runs best on this board, by trying.

Each setting is a process of its own, with a time limit.  All are measured once; those that come
near the best are measured again in turns, nearer and nearer, so that a board that grows warm, or a
neighbour that wakes up, meets them all alike.  What counts is the least median of the rounds, of
one picture or text.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgeclip.device import trial
from edgeclip.device.settings import grid, tower_of
from edgeclip.model import tuned, verify
from edgeclip.model.manifest import Manifest
from edgeclip.model.providers import short_name
from edgeclip.model.tuned import Setting

NEAR = (2.0, 1.25, 1.1)
"""Times the best median, for each further round: those below are measured again."""
Run = Callable[..., trial.Outcome]


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting and what became of it."""

    setting: Setting
    medians_s: tuple[float, ...] = ()
    """Of each round."""
    cosine: float | None = None
    """Least cosine to the goldens on this board."""
    peak_bytes: int = 0
    problem: str | None = None
    """Why it cannot be chosen, in a clause."""

    @property
    def best_s(self) -> float:
        """The least median: what the board can do when nothing disturbs it."""
        return min(self.medians_s)


def choose(entries: Sequence[Entry]) -> Entry | None:
    """Return the quickest entry that may be chosen; of equals the one that stands first."""
    good = [entry for entry in entries if entry.problem is None and entry.medians_s]
    return min(good, key=lambda entry: entry.best_s, default=None)


def tune(
    manifest: Manifest,
    tower: str,
    settings: Sequence[Setting],
    *,
    timeout_s: float = trial.TIMEOUT_S,
    any_space: bool = False,
    run: Run = trial.run,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Entry]:
    """Measure settings of a tower.

    Args:
        manifest: the model's.
        tower: ``image`` or ``text``.
        settings: what is compared, see `edgeclip.device.settings.grid`.
        timeout_s: for each trial.
        any_space: also choose variants whose vectors cannot stand beside those of the default one.
        run: runs a trial.
        progress: is told what is measured now.

    Returns:
        An entry for each setting, in the order given; `choose` picks the best.
    """
    measured = []
    for i, setting in enumerate(settings):
        progress(f"{tower} {i + 1}/{len(settings)}: {label(setting)}")
        entry = _measure(Entry(setting), manifest, tower, run, timeout_s)
        measured.append(_judged(entry, manifest, tower, any_space))
    for number, near in enumerate(NEAR, start=2):
        for i in _near(measured, near):
            progress(f"{tower}, round {number}: {label(measured[i].setting)}")
            measured[i] = _measure(measured[i], manifest, tower, run, timeout_s)
    return measured


def kept(manifest: Manifest, tower: str, entry: Entry, *, run: Run = trial.run) -> Setting:
    """Open a chosen setting as `Model.load` will, so that its graph is kept from now on.

    Returns:
        The setting to remember: as it was tried where the kept graph does not do.
    """
    setting = Setting(entry.setting.variant, replace(entry.setting.options, cache=True))
    outcome = run(trial.Trial(str(manifest.folder), tower, setting, seconds=0.0))
    off = _off_parity(outcome.cosine, manifest, tower, setting.variant)
    return entry.setting if outcome.problem or off else setting


def all_settings(
    manifest: Manifest, tower: str, providers: Sequence[str], threads: Sequence[int]
) -> list[Setting]:
    """Return the full grid of a tower, without keeping graphs while it is tried."""
    found = grid(tower_of(manifest, tower), providers, threads)
    return [Setting(s.variant, replace(s.options, cache=False)) for s in found]


def label(setting: Setting) -> str:
    """Name a setting for people."""
    options = setting.options
    provider = short_name((options.providers or ("",))[0])
    threads = f"{options.threads} thread" + ("s" if options.threads != 1 else "")
    arena = "arena" if options.arena else "no arena"
    return f"{setting.variant}, {provider}, {threads}, {arena}, {options.optimisation}"


def told(entry: Entry) -> dict[str, Any]:
    """Return an entry for programs."""
    options = entry.setting.options
    return {
        "variant": entry.setting.variant,
        "provider": (options.providers or ("",))[0],
        "threads": options.threads,
        "arena": options.arena,
        "optimisation": options.optimisation,
        "p50_ms": [median * 1e3 for median in entry.medians_s],
        "cosine": entry.cosine,
        "peak_bytes": entry.peak_bytes,
        "problem": entry.problem,
    }


def remember(manifest: Manifest, settings: dict[str, Setting], entries: dict[str, Entry]) -> str:
    """Write what was chosen for `Model.load`; settings of the other tower stay.

    Returns:
        The path of the file.
    """
    old = tuned.read(manifest)
    measured = {tower: told(entry) for tower, entry in entries.items()}
    return str(tuned.write(manifest, {**old, **settings}, measured))


def _near(entries: Sequence[Entry], near: float) -> list[int]:
    """Return where those stand that come near the best; none where the best is alone."""
    best = choose(entries)
    if best is None:
        return []
    good = [i for i, e in enumerate(entries) if e.problem is None and e.medians_s]
    found = [i for i in good if entries[i].best_s <= near * best.best_s]
    return found if len(found) > 1 else []


def _measure(entry: Entry, manifest: Manifest, tower: str, run: Run, timeout_s: float) -> Entry:
    first = not entry.medians_s
    asked = trial.Trial(str(manifest.folder), tower, entry.setting, check=first)
    outcome = run(asked, timeout_s=timeout_s)
    if outcome.problem is not None:
        return replace(entry, problem=outcome.problem)
    return replace(
        entry,
        medians_s=(*entry.medians_s, statistics.median(outcome.latencies_s[1])),
        cosine=outcome.cosine if first else entry.cosine,
        peak_bytes=max(entry.peak_bytes, outcome.peak_bytes),
    )


def _judged(entry: Entry, manifest: Manifest, tower: str, any_space: bool) -> Entry:
    """Refuse what is wrong on this board, and what would make vectors of another space."""
    if entry.problem is not None:
        return entry
    variant = entry.setting.variant
    problem = _off_parity(entry.cosine, manifest, tower, variant)
    if problem is None and not any_space and not _stays(manifest, tower, variant):
        problem = "its vectors have a space of their own: --any-space allows it"
    return replace(entry, problem=problem)


def _off_parity(cosine: float | None, manifest: Manifest, tower: str, variant: str) -> str | None:
    if cosine is None:
        usual = variant == tower_of(manifest, tower).default
        return None if usual else "the model has no goldens to compare it with"
    needed = verify.needed(manifest, tower, variant)
    if cosine >= needed:
        return None
    return f"off parity here: least cosine {cosine:.4f}, needed {needed:.4f}"


def _stays(manifest: Manifest, tower: str, variant: str) -> bool:
    """Tell whether a variant makes vectors of the space that the model has by default."""
    image, text = (variant, None) if tower == "image" else (None, variant)
    return manifest.space_id(image_variant=image, text_variant=text) == manifest.space_id()


def outcomes(entries: Sequence[Entry]) -> Iterator[tuple[Entry, str]]:
    """Yield each entry with its verdict: ``best``, ``slower``, or why it cannot be chosen."""
    best = choose(entries)
    for entry in entries:
        if entry.problem is not None:
            yield entry, entry.problem
        else:
            yield entry, "best" if entry is best else "slower"
