"""Add to a model folder the image graph that has the preprocessing inside; no torch."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from edgeclip.model.manifest import Manifest
from edgeclip.model.model import Model
from edgeclip.model.towers import reference
from edgeclip.model.writer import bare, write_model
from edgeclip_export import pixels


def add_uint8(folder: Path, output: Path | None = None) -> Path:
    """Write a model folder anew, with ``image.uint8.onnx`` in it.

    Args:
        folder: of the model.
        output: where the new folder shall stand; None: in the place of the old one.

    Returns:
        The folder; the parity with the usual way stands in ``model.json`` at ``image.pixels``.

    Raises:
        ExportError: the graph cannot be made, or its vectors differ; nothing is changed then.
    """
    manifest = Manifest.load(folder)
    tower = manifest.image
    # Not of int8: moving one pixel in 5,000 by a level changes its vectors by 0.005 and more.
    name = reference(tower)
    record = bare(manifest.record)
    files: dict[str, Path | bytes] = {each: manifest.verified(each) for each in manifest.files}

    def check(temporary: Path) -> dict[str, Any]:
        model = Model.load(temporary, image_variant=name)
        agreement = pixels.compare(model, temporary / pixels.FILE)
        entry = {**pixels.entry(tower, agreement), "variant": name}
        return {"image": {**record["image"], "pixels": entry}}

    with tempfile.TemporaryDirectory(prefix="edgeclip-uint8-") as scratch:
        graph = manifest.verified(tower.variants[name].file)
        files[pixels.FILE] = pixels.with_pixels(graph, tower, Path(scratch) / pixels.FILE)
        return write_model(Path(output or folder), record, files, check=check)
