"""``edgeclip quantize``: smaller and faster forms of a model, each measured before it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from edgeclip.cli import options, output
from edgeclip.model import library, tuned
from edgeclip.model.manifest import Manifest
from edgeclip.model.towers import reference


@click.command("quantize")
@click.argument("model")
@options.precision("fp32,int8")
@options.calibration
@options.graph_input
@click.option(
    "--output",
    "target",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write another model folder instead of adding to this one.",
)
@options.models_folder
@options.as_json
def quantize_command(
    model: str,
    precision: tuple[str, ...],
    calibration: Path | None,
    graph_input: str,
    target: Path | None,
    models: Path | None,
    as_json: bool,
) -> None:
    """Make smaller and faster forms of a model, and keep what agrees.

    Each is measured against fp32 on this machine.  One that is too far off or wins nothing is
    refused with its figures; the model works as before.
    """
    folder = library.find(model, models=models)
    before = Manifest.load(folder)
    _door().check_order(precision, calibration, target)
    made, was_tuned = target or folder, target is None and bool(tuned.read(before))
    with _bars() as bars:
        if graph_input == "uint8":
            folder = _door().add_uint8(folder, output=target)
        # Who asks for this graph alone need not wait for int8.
        if graph_input != "uint8" or options.is_given("precision"):
            _door().quantize(
                folder, precision=precision, calibration=calibration, output=target, progress=bars
            )
    if was_tuned:
        output.note(f"what tune found counts no more. Run once more: edgeclip tune {model}")
    rows = list(_rows(before, Manifest.load(made)))
    if as_json:
        output.json_line({"folder": str(made), "variants": rows})
    else:
        _print(rows, Manifest.load(made))


def _door() -> Any:
    """Import the half that quantises; it needs no torch."""
    import edgeclip_export

    return edgeclip_export


def _bars() -> Any:
    from edgeclip_export.progress import Bars

    return Bars()


def _rows(before: Manifest, after: Manifest) -> Iterator[dict[str, Any]]:
    """Yield what is said of each variant, kept ones first."""
    for tower in ("image", "text"):
        record = after.record[tower]
        if record is None:
            continue
        whole = _whole(before, tower)
        for name, entry in record["variants"].items():
            size = after.files[entry["file"]].bytes
            verdict = "default" if name == record["default"] else "kept"
            sizes = {"bytes": size, "of_reference": round(size / whole, 3)}
            yield {"tower": tower, "variant": name, **sizes, **_figures(entry), "verdict": verdict}
        for name, entry in record.get("refused", {}).items():
            said = {"verdict": "refused", "reason": entry["reason"]}
            yield {"tower": tower, "variant": name, **_figures(entry), **said}


def _whole(before: Manifest, tower: str) -> int:
    """Return the bytes of the variant that the others are compared with."""
    entry = before.tower(tower)
    assert entry is not None
    return before.files[entry.variants[reference(entry)].file].bytes


def _figures(entry: dict[str, Any]) -> dict[str, Any]:
    agreement = entry.get("agreement") or {}
    figures = {key: agreement.get(key) for key in ("mean", "least", "neighbours", "over")}
    return {**figures, "time_ratio": entry.get("time_ratio")}


def _print(rows: list[dict[str, Any]], manifest: Manifest) -> None:
    """Print the table, the reasons of what was refused, and the folder as the last line."""
    header = (
        "tower", "variant", "MB", "of fp32", "mean", "least", "neighbours", "time", "verdict"
    )  # fmt: skip
    output.table(header, [_cells(row) for row in rows])
    output.say()
    for row in rows:
        if row["verdict"] == "refused":
            output.say(f"{row['tower']} {row['variant']} is refused: {row['reason']}")
    pixels = manifest.record["image"].get("pixels")
    if pixels:
        least = pixels["agreement"]["least"]
        output.say(f"{pixels['file']}: least cosine to the usual preprocessing {least:.6f}")
    output.say(str(manifest.folder))


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    size = f"{row['bytes'] / 1e6:.1f}" if "bytes" in row else ""
    keys = (
        ("of_reference", 2), ("mean", 5), ("least", 5), ("neighbours", 3), ("time_ratio", 2)
    )  # fmt: skip
    figures = ("" if row.get(k) is None else f"{row[k]:.{digits}f}" for k, digits in keys)
    return (row["tower"], row["variant"], size, *figures, row["verdict"])
