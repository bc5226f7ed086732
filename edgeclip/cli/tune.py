"""``edgeclip tune``: find how a model runs best on this board, and remember it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeclip.cli import options, output
from edgeclip.errors import EdgeclipError
from edgeclip.model.manifest import Manifest
from edgeclip.model.providers import short_name

if TYPE_CHECKING:
    from edgeclip.device.tune import Entry
    from edgeclip.model.tuned import Setting


@click.command("tune")
@click.argument("model", required=False)
@options.models_folder
@options.tower
@options.providers
@options.thread_counts
@click.option("--any-space", is_flag=True, help="Also choose a variant with a space of its own.")
@options.timeout("Seconds for each trial.", default=120.0)
@click.option("--forget", is_flag=True, help="Forget what was found for this model on this board.")
@options.as_json
def tune_command(
    model: str | None,
    models: Path | None,
    towers: tuple[str, ...],
    providers: tuple[str, ...],
    threads: tuple[int, ...],
    any_space: bool,
    timeout_s: float,
    forget: bool,
    as_json: bool,
) -> None:
    """Find how a model runs best on this board, and remember it.

    Threads, variants, providers, arena and the rewriting of the graph are tried in processes of
    their own; what is off parity is refused.  Every later edgeclip of this user uses the winner.
    """
    from edgeclip.device import settings
    from edgeclip.model import library

    if forget and any((towers, providers, threads, any_space)):
        raise click.UsageError("--forget forgets all that was found for a model. Leave the others.")
    manifest = Manifest.load(library.find(model, models=models))
    if forget:
        _forget(manifest, as_json)
        return
    manifest.warn_if_untrained()
    # What cannot be tried is refused before minutes are spent on the rest.
    chosen = dict.fromkeys(towers or settings.towers_of(manifest))
    grids = {tower: _grid(manifest, tower, providers, threads) for tower in chosen}
    found = {}
    for tower, grid in grids.items():
        found[tower] = _measured(manifest, tower, grid, timeout_s, any_space)
        if not as_json:
            _print(tower, found[tower])
    _remember(manifest, found, as_json)


def _forget(manifest: Manifest, as_json: bool) -> None:
    from edgeclip.model import tuned

    known = tuned.forget(manifest)
    if as_json:
        output.json_line({"forgotten": known})
    else:
        output.note("forgotten." if known else "nothing was remembered.")


def _grid(
    manifest: Manifest, tower: str, providers: Sequence[str], threads: Sequence[int]
) -> list[Setting]:
    from edgeclip.device import settings, tune

    counts = threads or settings.thread_counts()
    return tune.all_settings(manifest, tower, settings.providers_here(providers), counts)


def _measured(
    manifest: Manifest, tower: str, grid: Sequence[Setting], timeout_s: float, any_space: bool
) -> list[Entry]:
    from edgeclip.device import tune

    return tune.tune(
        manifest, tower, grid, timeout_s=timeout_s, any_space=any_space, progress=output.remark
    )


def _remember(manifest: Manifest, found: dict[str, list[Entry]], as_json: bool) -> None:
    """Write the winners and tell of them; what went wrong is raised when all the rest is told."""
    from edgeclip.device import tune

    best = {tower: entry for tower in found if (entry := tune.choose(found[tower]))}
    winners = {tower: tune.kept(manifest, tower, entry) for tower, entry in best.items()}
    path, problem = None, _without_winner(manifest, found, best)
    try:
        path = tune.remember(manifest, winners, best) if best else None
    except EdgeclipError as error:
        problem = error
    if as_json:
        rows = {tower: [tune.told(entry) for entry in entries] for tower, entries in found.items()}
        chosen = {tower: tune.told(entry) for tower, entry in best.items()}
        output.json_line({"chosen": chosen, "tried": rows, "remembered_in": path})
    else:
        for tower, entry in best.items():
            output.say(f"{tower}: {output.printable(tune.label(entry.setting))}")
        if path is not None:
            output.say(f"remembered in {path}")
    if problem is not None:
        raise problem


def _without_winner(
    manifest: Manifest, found: dict[str, list[Entry]], best: dict[str, Entry]
) -> EdgeclipError | None:
    for tower, entries in found.items():
        if tower not in best:
            why = entries[0].problem if entries else "no variant is for these providers"
            return EdgeclipError(
                f"the {tower} tower of {manifest.name} ran in no setting ({why}). "
                "Run: edgeclip doctor"
            )
    return None


def _print(tower: str, entries: Sequence[Entry]) -> None:
    from edgeclip.device.tune import outcomes, told

    rows = []
    for entry, verdict in outcomes(entries):
        row = told(entry)
        times = f"{entry.best_s * 1e3:.1f}" if entry.medians_s else ""
        cosine = "" if entry.cosine is None else f"{entry.cosine:.5f}"
        peak = f"{entry.peak_bytes / 1e6:.0f}" if entry.peak_bytes else ""
        provider = short_name(row["provider"])
        arena = "yes" if row["arena"] else "no"
        key = (row["variant"], provider, row["threads"], arena, row["optimisation"])
        rows.append((*key, times, peak, cosine, verdict))
    header = ("variant", "provider", "threads", "arena", "graph", "p50 ms", "peak MB", "cosine")
    output.say(f"{tower} tower")
    output.table((*header, "verdict"), rows)
    output.say()
