"""The doors to what needs onnx and no torch; importing this brings neither."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from edgeclip.errors import ExportError, ExtraMissing
from edgeclip.model.manifest import FILENAME

REFERENCE = "fp32"
PRECISIONS = (REFERENCE, "int8", "fp16", "fp16-weights", "int8-weights")
Progress = Callable[[str, int, int | None], None]
"""Called as ``progress(step, done, total)``: bytes of a download, or ``(step, 0, None)`` when
another step begins."""
_NEEDED = ("onnx", "packaging")


def quantize(
    model: Path | str,
    *,
    precision: Sequence[str] = ("fp32", "int8"),
    calibration: Path | None = None,
    output: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Add variants to a model folder, each only when it passed its gate.

    Args:
        model: the model folder.
        precision: of ``fp32``, ``int8``, ``fp16``, ``fp16-weights``, ``int8-weights``.  Without
            ``fp32`` that file is left out where another variant for the CPU passed.
        calibration: a folder with at least 64 pictures of one's own; None: no int8 for pictures.
        output: where the new folder shall stand; None: in the place of ``model``.
        progress: called as ``progress(step, 0, None)`` when another step begins.

    Returns:
        The folder; figures and refusals stand in its ``model.json``.

    Raises:
        ExtraMissing: the extra ``quantize`` is not installed.
        ExportError: or one of its kinds, when nothing that was asked for could be made; the folder
            is as it was.
    """
    check_order(precision, calibration, output)
    from edgeclip_export.precision.folder import rewrite

    tell = progress or (lambda step, done, total: None)
    folder = Path(model)
    return rewrite(
        folder, precision, calibration, Path(output or folder), lambda step: tell(step, 0, None)
    )


def add_uint8(model: Path | str, *, output: Path | None = None) -> Path:
    """Add the image graph that has the preprocessing inside: 8-bit RGB in, unit vectors out.

    Args:
        model: the model folder.
        output: where the new folder shall stand; None: in the place of ``model``.

    Returns:
        The folder, with ``image.uint8.onnx`` in it.

    Raises:
        ExtraMissing: the extra ``quantize`` is not installed.
        ExportError: or one of its kinds; nothing is changed then.
    """
    check_order((REFERENCE,), None, output)
    from edgeclip_export import uint8

    return uint8.add_uint8(Path(model), output)


def check_order(precision: Sequence[str], calibration: Path | None, output: Path | None) -> None:
    """Refuse before minutes are spent what would fail at the end.

    Raises:
        ExtraMissing: the extra ``quantize`` is not installed.
        ExportError: a name is unknown, or a folder is none.
    """
    if any(find_spec(package) is None for package in _NEEDED):
        raise ExtraMissing("this needs onnx: pip install 'edgeclip[quantize]'")
    unknown = [name for name in precision if name not in PRECISIONS]
    if unknown or not precision:
        what = repr(unknown[0]) if unknown else "nothing"
        raise ExportError(f"precision is one or more of {', '.join(PRECISIONS)}, not {what}.")
    if calibration is not None and not calibration.is_dir():
        raise ExportError(f"{calibration} is no folder. Give one with pictures for --calibration.")
    if output is not None and output.exists() and not (output / FILENAME).is_file():
        raise ExportError(f"{output} exists and is no model folder. Choose another place.")
