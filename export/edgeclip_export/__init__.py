"""The torch half: from a checkpoint to a model folder. Needs the extra ``export``.

Importing this package is light; torch comes with the first `export`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from edgeclip.errors import ExportError, ExtraMissing

__all__ = ["export", "require"]

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
    progress: Callable[[str, int, int | None], None] | None = None,
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
        progress: called as ``progress(step, done, total)``; see ``edgeclip_export.progress``.

    Returns:
        The model folder; parity and licence stand in its ``model.json``.

    Raises:
        ExtraMissing: the extra is not installed.
        ExportError: or one of its kinds; nothing is left behind.
    """
    require()
    if name == STARTER:
        if checkpoint or revision or untrained or verify_with:
            raise ExportError(
                "the starter is made of packages and takes none of --checkpoint, --revision, "
                "--untrained and --verify-with. Leave them."
            )
        from edgeclip_export.starter import build

        return build(Path(models) / STARTER)
    from edgeclip_export.pipeline import Order, export_model
    from edgeclip_export.recipes import find_recipe

    order = Order(
        find_recipe(name),
        Path(models),
        checkpoint=checkpoint,
        revision=revision,
        accept_license=accept_license,
        untrained=untrained,
        verify_with=verify_with,
    )
    return export_model(order, progress)
