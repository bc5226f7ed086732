"""The workshop: from a checkpoint to a model folder (torch), and its smaller forms (onnx).

Importing this package is light; torch comes with the first `export`, onnx with `quantize`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgeclip.errors import ExportError, ExtraMissing
from edgeclip_export.smaller import Progress, add_uint8, check_order, quantize

__all__ = ["add_uint8", "check_order", "export", "quantize", "require"]

STARTER = "starter"
"""The model that ``edgeclip_export.starter`` builds."""
_NEEDED = ("torch", "torchvision", "open_clip", "timm", "onnx", "onnxscript", "huggingface_hub")


def require() -> None:
    """Pass when the extra ``export`` is installed.

    Raises:
        ExtraMissing: with the pip command.
    """
    if any(find_spec(package) is None for package in _NEEDED):
        raise ExtraMissing("export needs torch: pip install 'edgeclip[export]'")


def export(
    name: str,
    *,
    checkpoint: Path | None = None,
    models: Path = Path("models"),
    revision: str | None = None,
    accept_license: bool = False,
    untrained: bool = False,
    verify_with: str | None = None,
    precision: Sequence[str] = ("fp32",),
    calibration: Path | None = None,
    uint8: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Export a model to ``models/NAME`` and prove that it equals torch.

    Args:
        name: of ``edgeclip_export.recipes.RECIPES``, open_clip's ``ARCHITECTURE[/TAG]``, or
            ``starter``.
        checkpoint: a ``.pt``, ``.bin`` or ``.safetensors`` file; None: fetched from the hub.
        models: the folder that the model folder is made in.
        revision: of the hub's repository; None: the recipe's.
        accept_license: research-only weights need it, or ``EDGECLIP_ACCEPT_LICENSE=1``.
        untrained: random weights of a fixed seed, for measuring; the answers mean nothing.
        verify_with: ``mobileclip``: Apple's package as a second reference.
        precision: variants to make, see `quantize`.
        calibration: a folder of pictures, see `quantize`.
        uint8: also make the image graph that has the preprocessing inside, see `add_uint8`.
        progress: called as ``progress(step, done, total)``; see ``edgeclip_export.progress``.

    Returns:
        The model folder; parity and licence stand in its ``model.json``.

    Raises:
        ExtraMissing: the extra is not installed.
        ExportError: or one of its kinds; nothing is left behind, but for a whole model where only
            its variants failed.
    """
    require()
    check_order(precision, calibration, None)
    folder = _exported(
        name,
        Path(models),
        progress,
        checkpoint=checkpoint,
        revision=revision,
        accept_license=accept_license,
        untrained=untrained,
        verify_with=verify_with,
    )
    if uint8:
        add_uint8(folder)
    if tuple(precision) != ("fp32",):
        quantize(folder, precision=precision, calibration=calibration, progress=progress)
    return folder


def _exported(name: str, models: Path, progress: Progress | None, **order: Any) -> Path:
    if name == STARTER:
        if any(order[key] for key in order if key != "accept_license"):
            raise ExportError(
                "the starter is made of packages and takes none of --checkpoint, --revision, "
                "--untrained and --verify-with. Leave them."
            )
        from edgeclip_export.starter import build

        return build(models / STARTER)
    from edgeclip_export.pipeline import Order, export_model
    from edgeclip_export.recipes import find_recipe

    return export_model(Order(find_recipe(name), models, **order), progress)
