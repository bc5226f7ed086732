"""``edgeclip export``: the door to the torch half."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from edgeclip.cli import options, output
from edgeclip.errors import ExtraMissing
from edgeclip.model.manifest import Manifest


@click.command("export")
@click.argument("name")
@click.option(
    "--checkpoint", type=click.Path(path_type=Path), help="Weights on disk instead of the hub's."
)
@options.new_models_folder
@click.option("--revision", help="Another revision of the hub's repository.")
@click.option("--accept-license", is_flag=True, help="Accept a licence that restricts the use.")
@click.option("--untrained", is_flag=True, help="Seeded random weights, to measure with.")
@click.option("--verify-with", metavar="PACKAGE", help="A second reference: mobileclip.")
@options.precision("fp32")
@options.calibration
@options.graph_input
@options.as_json
def export_command(
    name: str,
    checkpoint: Path | None,
    models: Path,
    revision: str | None,
    accept_license: bool,
    untrained: bool,
    verify_with: str | None,
    precision: tuple[str, ...],
    calibration: Path | None,
    graph_input: str,
    as_json: bool,
) -> None:
    """Turn a checkpoint into a verified model folder (needs torch).

    NAME is mobileclip_s2, another MobileCLIP, vit_b_32_256 (for products), starter, or any OpenCLIP
    model with CLIP's tokenizer by its own name, such as ViT-B-32.
    """
    export, bars = _door()
    with bars:
        folder = export(
            name,
            checkpoint=checkpoint,
            models=models,
            revision=revision,
            accept_license=accept_license,
            untrained=untrained,
            verify_with=verify_with,
            precision=precision,
            calibration=calibration,
            uint8=graph_input == "uint8",
            progress=bars,
        )
    manifest = Manifest.load(folder)
    manifest.warn_if_untrained()
    if as_json:
        output.json_line(options.told(manifest))
    else:
        _print(manifest)


def _door() -> tuple[Callable[..., Path], Any]:
    """Import the torch half."""
    try:
        from edgeclip_export import export
        from edgeclip_export.progress import Bars
    except ImportError as error:
        raise ExtraMissing("export needs torch: pip install 'edgeclip[export]'") from error
    return export, Bars()


def _print(manifest: Manifest) -> None:
    """Print the parity table and the licence, then the folder as the last line."""
    parity, licence = manifest.record["parity"], manifest.record["license"]
    if parity:
        header = tuple(parity["rows"][0])
        output.table(header, [tuple(row.values()) for row in parity["rows"]])
        output.say(f"against {parity['reference']}\n")
    where = f" ({licence['url']})" if licence["url"] else ""
    output.say(f"licence: {licence['name']}{where}. {licence['consequence']}\n")
    output.say(str(manifest.folder))
