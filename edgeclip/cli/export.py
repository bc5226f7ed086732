"""``edgeclip export``: the door to the torch half."""

from __future__ import annotations

from pathlib import Path

import click

from edgeclip.cli import options, output
from edgeclip.errors import ExtraMissing
from edgeclip.model.manifest import Manifest


@click.command("export")
@click.argument("name")
@click.option(
    "--checkpoint", type=click.Path(path_type=Path), help="Weights on disk instead of the hub's."
)
@click.option(
    "--models",
    type=click.Path(path_type=Path),
    default=Path("models"),
    show_default=True,
    help="Where the model folder is made.",
)
@click.option("--revision", help="Another revision of the hub's repository.")
@click.option("--accept-license", is_flag=True, help="Accept a licence that restricts the use.")
@click.option("--untrained", is_flag=True, help="Seeded random weights, to measure with.")
@click.option("--verify-with", metavar="PACKAGE", help="A second reference: mobileclip.")
def export_command(
    name: str,
    checkpoint: Path | None,
    models: Path,
    revision: str | None,
    accept_license: bool,
    untrained: bool,
    verify_with: str | None,
) -> None:
    """Turn a checkpoint into a verified model folder (needs torch).

    NAME is mobileclip_s2, another MobileCLIP, vit_b_32_256 (for products), starter, or any OpenCLIP
    model with CLIP's tokenizer by its own name, such as ViT-B-32.
    """
    try:
        from edgeclip_export import export
        from edgeclip_export.progress import Bars
    except ImportError as error:
        raise ExtraMissing("export needs torch: pip install 'edgeclip[export]'") from error
    with Bars() as bars:
        folder = export(
            name,
            checkpoint=checkpoint,
            models=models,
            revision=revision,
            accept_license=accept_license,
            untrained=untrained,
            verify_with=verify_with,
            progress=bars,
        )
    _show(Manifest.load(folder))


def _show(manifest: Manifest) -> None:
    """Print the parity table and the licence, then the folder as the last line."""
    options.warn_untrained(manifest.name, manifest.untrained)
    parity, licence = manifest.record["parity"], manifest.record["license"]
    if parity:
        header = tuple(parity["rows"][0])
        output.table(header, [tuple(row.values()) for row in parity["rows"]])
        output.say(f"against {parity['reference']}\n")
    output.say(f"licence: {licence['name']} ({licence['url']}). {licence['consequence']}\n")
    output.say(str(manifest.folder))
