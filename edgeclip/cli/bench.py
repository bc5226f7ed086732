"""``edgeclip bench``: what a model costs on this board."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeclip.cli import options, output
from edgeclip.errors import EdgeclipError
from edgeclip.model.manifest import Manifest
from edgeclip.model.providers import short_name

if TYPE_CHECKING:
    from edgeclip.device.bench import Result


@click.command("bench")
@click.argument("model", required=False)
@options.models_folder
@options.tower
@click.option("--variant", "variants", multiple=True, help="Only these variants.")
@options.providers
@options.thread_counts
@click.option(
    "--batch",
    "batches",
    multiple=True,
    type=click.IntRange(1, 1024),
    help="Frames, or texts, at a time.  [default: 1, 8]",
)
@click.option(
    "--seconds",
    type=options.NumberRange(0, 3600),
    default=2.0,
    show_default=True,
    help="For each figure; at least five runs.",
)
@options.timeout("Seconds for each setting, beside --seconds.", default=300.0)
@click.option("--markdown", is_flag=True, help="Print rows to publish, with the board's name.")
@options.as_json
def bench_command(
    model: str | None,
    models: Path | None,
    markdown: bool,
    as_json: bool,
    batches: tuple[int, ...],
    **plan: Any,
) -> None:
    """Measure a model on this board, in each of its variants.

    From a frame of 640x480 pixels, or a text, to its vector, in processes of their own.
    """
    from edgeclip.device import bench
    from edgeclip.model import library

    manifest = Manifest.load(library.find(model, models=models))
    manifest.warn_if_untrained()
    chosen = bench.Plan(batches=batches or bench.BATCHES, **plan)
    count = len(bench.settings(manifest, chosen))
    if count == 0:
        raise EdgeclipError(
            f"no variant of model {manifest.name} that was asked for runs here. See: edgeclip info "
            f"{manifest.folder}"
        )
    found = list(output.progress(bench.bench(manifest, chosen), total=count, unit="setting"))
    failed = [result for result in found if result.outcome.problem]
    if as_json:
        output.json_line(_told(manifest, found))
    elif len(failed) < len(found):
        (_print_markdown if markdown else _print)(manifest, found)
        for result in failed:
            output.note(f"{_name(result)}: {output.printable(result.outcome.problem or '')}.")
    if len(failed) == len(found):
        raise EdgeclipError(
            f"nothing could be measured ({_name(failed[0])}: {failed[0].outcome.problem}). "
            "Run: edgeclip doctor"
        )


def _told(manifest: Manifest, found: Sequence[Result]) -> dict[str, Any]:
    from edgeclip.device.bench import told
    from edgeclip.device.board import board

    here = board()
    return {
        "board": {"name": here.name, "cpu": here.cpu, "cpus": here.cpus},
        "model": manifest.name,
        "versions": _versions(),
        "results": [told(result) for result in found],
    }


def _versions() -> dict[str, str]:
    from edgeclip import __version__
    from edgeclip.model.session import version_text

    return {"edgeclip": __version__, "onnxruntime": version_text()}


def _print(manifest: Manifest, found: Sequence[Result]) -> None:
    output.say(f"{output.printable(manifest.name)} on {_board()}\n")
    header = ("tower", "variant", "provider", "threads", "batch", "p50 ms", "p95", "p99", "per s")
    output.table(header, list(_latency_rows(found)))
    output.say()
    costs = ("load s", "first s", "MB", "peak MB", "file MB", "cosine")
    output.table((*header[:4], *costs), list(_cost_rows(found)))
    rates = list(_cpu_rows(found))
    if rates:
        output.say()
        output.table(("frames/s", "variant", "provider", "CPUs in use"), rates)


def _latency_rows(found: Sequence[Result]) -> Iterator[tuple[object, ...]]:
    from edgeclip.device.bench import figures

    for result in found:
        for each in figures(result):
            times = [f"{each[key]:.1f}" for key in ("p50_ms", "p95_ms", "p99_ms", "per_s")]
            yield (*_key(result), each["batch"], *times)


def _cost_rows(found: Sequence[Result]) -> Iterator[tuple[object, ...]]:
    for result in found:
        outcome = result.outcome
        if outcome.problem is None:
            sizes = (outcome.memory_bytes, outcome.peak_bytes, result.file_bytes)
            yield (
                *_key(result),
                f"{outcome.load_s:.2f}",
                f"{outcome.first_s:.2f}",
                *(f"{size / 1e6:.0f}" for size in sizes),
                "" if outcome.cosine is None else f"{outcome.cosine:.5f}",
            )


def _cpu_rows(found: Sequence[Result]) -> Iterator[tuple[object, ...]]:
    for result in found:
        for rate, used in result.outcome.cpu.items():
            shown = "too slow" if used is None else f"{used:.2f}"
            yield f"{rate:g}", result.variant, short_name(result.provider), shown


def _print_markdown(manifest: Manifest, found: Sequence[Result]) -> None:
    """Print a table in Markdown, a row for each setting at its first batch size."""
    from edgeclip.device.bench import figures

    output.say(
        "| board | model | tower | variant | provider | threads | batch | p50 ms | p95 ms "
        "| peak MB | edgeclip | onnxruntime |"
    )
    output.say("|---" * 12 + "|")
    name, versions = _board(), _versions()
    for result in found:
        for each in list(figures(result))[:1]:  # the peak is that of the first
            cells = [name, manifest.name, *_key(result), each["batch"], f"{each['p50_ms']:.1f}"]
            cells += [f"{each['p95_ms']:.1f}", f"{result.outcome.peak_bytes / 1e6:.0f}"]
            output.say(f"| {' | '.join(map(_markdown, [*cells, *versions.values()]))} |")


def _markdown(cell: object) -> str:
    return output.printable(str(cell)).replace("|", r"\|")


def _key(result: Result) -> tuple[object, ...]:
    return result.tower, result.variant, short_name(result.provider), result.threads


def _name(result: Result) -> str:
    threads = output.counted(result.threads, "thread")
    return f"{result.tower} {result.variant}, {short_name(result.provider)}, {threads}"


def _board() -> str:
    from edgeclip.device.board import board

    here = board()
    return f"{output.printable(here.name)}, {output.counted(here.cpus, 'CPU')}"
