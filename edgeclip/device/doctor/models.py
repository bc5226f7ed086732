"""A model folder: whether it is there, whole and right on this board, and whether it fits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edgeclip.device.doctor import tuning
from edgeclip.device.doctor.findings import Finding, command_line, failed, ok, size, warning
from edgeclip.errors import ModelError
from edgeclip.model import onnx_file
from edgeclip.model.manifest import Manifest
from edgeclip.model.places import OFF
from edgeclip.model.verify import verify

# Python, numpy and onnxruntime take this before any model.
_BARE_BYTES = 100 << 20


def findings(
    folder: Path, *, quick: bool = False, timeout_s: float = 600.0, available: int | None = None
) -> Iterator[Finding]:
    """Look at a model folder.

    Args:
        folder: the model's.
        quick: hash the files, and do not replay the goldens.
        timeout_s: how long the goldens, and onnxruntime's start, may take.
        available: bytes of memory that can be had; None: unknown.
    """
    try:
        manifest = Manifest.read(folder)
        yield _hashed(manifest) if quick else _verified(folder, timeout_s)
    except ModelError as error:
        yield failed("model", str(error), "edgeclip models")
        return
    yield from _fitting(manifest, available)
    yield from _meaning(manifest)
    yield from tuning.findings(folder, timeout_s=timeout_s)


def _hashed(manifest: Manifest) -> Finding:
    spared = manifest.spared
    for name in (each for each in manifest.files if each not in spared):
        manifest.check_file(name)
        path = manifest.verified(name)
        if path.suffix == ".onnx":
            onnx_file.refuse_external_data(path)
    return ok("model", f"{manifest.folder}: the files are whole; the goldens were left out")


def _verified(folder: Path, timeout_s: float) -> Finding:
    # Nothing is kept of a graph that is opened for this: a diagnosis changes nothing.
    verdict = verify(folder, timeout_s=timeout_s, environment={"EDGECLIP_CACHE": OFF})
    if not verdict.ok:
        message = f"verdict on {folder}: {verdict.verdict}. {verdict.reason}"
        return failed("model", message, command_line("edgeclip", "verify", folder))
    cosines = ", ".join(f"{tower} {cosine:.5f}" for tower, cosine in verdict.goldens.items())
    return ok("model", f"{folder}: files and goldens are right (least cosine: {cosines})")


def _fitting(manifest: Manifest, available: int | None) -> Iterator[Finding]:
    """Say when a model cannot fit into what memory is free: its weights alone are more."""
    towers = (manifest.image, manifest.text)
    files = [tower.variants[tower.default].file for tower in towers if tower is not None]
    needed = _BARE_BYTES + sum(manifest.files[name].bytes for name in files)
    if available is not None and needed > available:
        yield warning(
            "model",
            f"{manifest.name} needs at least {size(needed)} of memory, and {size(available)} are "
            "free. Stop other programs, or use a smaller model.",
            "edgeclip models",
        )


def _meaning(manifest: Manifest) -> Iterator[Finding]:
    """Say what its answers are worth, and where they may be used."""
    if manifest.untrained:
        yield warning(
            "model",
            f"{manifest.name} has random weights: its answers mean nothing. Use a trained one.",
            "edgeclip models",
        )
    licence = manifest.record["license"]
    if licence["commercial_use"] is not True:
        yield ok("licence", f"{manifest.name}, {licence['name']}: {licence['consequence']}")
