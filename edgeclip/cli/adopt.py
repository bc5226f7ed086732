"""``edgeclip import``: ONNX files from elsewhere → a model folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from edgeclip.cli import output

FAMILIES = ("mobileclip", "edgeclip", "openclip", "clip", "siglip")
_path = click.Path(path_type=Path)


@click.command("import")
@click.argument("image", type=_path, metavar="IMAGE.onnx")
@click.argument("text", type=_path, required=False, metavar="[TEXT.onnx")
@click.argument("tokenizer", type=_path, required=False, metavar="TOKENIZER.json]")
@click.option("--name", required=True, help="Name of the model.")
@click.option(
    "--family",
    type=click.Choice(FAMILIES),
    required=True,
    help="How pictures and texts are prepared: mobileclip takes pixels in [0, 1], edgeclip is this "
    "project's own converter (CLIP statistics), openclip and clip are bicubic.",
)
@click.option("--models", type=_path, default=Path("models"), show_default=True)
@click.option("--size", type=click.IntRange(1, 4096), help="Side of the pictures, if open.")
@click.option(
    "--filter", type=click.Choice(["bilinear", "bicubic"]), help="Instead of the family's."
)
@click.option("--mean", type=float, nargs=3, help="Instead of the family's.")
@click.option("--std", type=float, nargs=3, help="Instead of the family's.")
@click.option("--pad-id", type=int, help="Instead of the family's.")
@click.option("--logit-scale", type=click.FloatRange(min=0, min_open=True), help="Already exp'd.")
@click.option("--image-output", help="Name of the image graph's vector, if it has several.")
@click.option("--text-output", help="Name of the text graph's vector, if it has several.")
@click.option("--license", help="Name of the weights' licence.")
def import_command(
    image: Path,
    text: Path | None,
    tokenizer: Path | None,
    name: str,
    family: str,
    models: Path,
    size: int | None,
    image_output: str | None,
    text_output: str | None,
    license: str | None,
    **changes: Any,
) -> None:
    """Adopt ONNX files that were made elsewhere.

    The graphs are inspected and run; their goldens are computed here, so verify notices a change
    from now on.  Without a text tower the model embeds pictures only.
    """
    from edgeclip.model.adopt import Adoption, adopt
    from edgeclip.model.presets import PRESETS

    if (text is None) != (tokenizer is None):
        raise click.UsageError("Give TEXT.onnx and TOKENIZER.json together.")
    given = {key: value for key, value in changes.items() if value is not None}
    preset = dataclasses.replace(PRESETS[family], **given)
    adoption = Adoption(image, preset, text, tokenizer, size, image_output, text_output, license)
    folder = adopt(models / name, adoption)
    output.note(f"prepared as the {family} family by your word: try it on pictures you know.")
    output.say(str(folder))
