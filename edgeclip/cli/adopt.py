"""``edgeclip import``: ONNX files from elsewhere → a model folder."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import click

from edgeclip.cli import options, output
from edgeclip.model.presets import PRESETS

_file = click.Path(path_type=Path)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def _plain(_: click.Context, __: click.Parameter, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise click.BadParameter(f"{name!r} is no plain name: letters, digits, and . _ - inside.")
    return name


@click.command("import")
@click.argument("image", type=_file, metavar="IMAGE.onnx")
@click.argument("text", type=_file, required=False, metavar="[TEXT.onnx")
@click.argument("tokenizer", type=_file, required=False, metavar="TOKENIZER.json]")
@click.option("--name", required=True, callback=_plain, help="Name of the model.")
@click.option(
    "--family",
    type=click.Choice(list(PRESETS)),
    required=True,
    help="How pictures and texts are prepared: mobileclip takes pixels in [0, 1], edgeclip is this "
    "project's own converter (CLIP statistics), openclip and clip are bicubic.",
)
@options.new_models_folder
@click.option("--size", type=click.IntRange(1, 4096), help="Side of the pictures, if open.")
@click.option(
    "--filter", type=click.Choice(["bilinear", "bicubic"]), help="Instead of the family's."
)
@click.option(
    "--mean", type=options.NumberRange(0, 1), nargs=3, help="Instead of the family's; of [0, 1]."
)
@click.option(
    "--std",
    type=options.NumberRange(0, 1, min_open=True),
    nargs=3,
    help="Instead of the family's; of [0, 1].",
)
@click.option("--pad-id", type=click.IntRange(0), help="Instead of the family's.")
@click.option("--logit-scale", type=options.NumberRange(0, min_open=True), help="Already exp'd.")
@click.option("--image-output", help="Name of the image graph's vector, if it has several.")
@click.option("--text-output", help="Name of the text graph's vector, if it has several.")
@click.option("--license", help="Name of the weights' licence.")
@options.as_json
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
    as_json: bool,
    **changes: Any,
) -> None:
    """Adopt ONNX files that were made elsewhere.

    The graphs are inspected and run; their goldens are computed here, so verify notices a change
    from now on.  Without a text tower the model embeds pictures only.
    """
    from edgeclip.model.adopt import Adoption, adopt
    from edgeclip.model.manifest import Manifest

    if (text is None) != (tokenizer is None):
        raise click.UsageError("Give TEXT.onnx and TOKENIZER.json together.")
    given = {key: value for key, value in changes.items() if value is not None}
    preset = dataclasses.replace(PRESETS[family], **given)
    adoption = Adoption(image, preset, text, tokenizer, size, image_output, text_output, license)
    folder = adopt(models / name, adoption)
    output.note(f"prepared as the {family} family by your word: try it on pictures you know.")
    if as_json:
        output.json_line(options.told(Manifest.load(folder)))
    else:
        output.say(str(folder))
