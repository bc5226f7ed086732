"""The tiny model with further variants of its towers, honestly hashed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests import folders, tiny

NEAR = {"mean": 0.9999, "least": 0.999, "over": "8 pictures", "goldens": 0.9995}
"""An agreement that shares the space of the reference."""
FAR = {"mean": 0.6, "least": -1.0, "over": "8 pictures", "goldens": -1.0}
"""One that has a space of its own."""


def with_variant(
    folder: Path,
    name: str,
    data: bytes | None = None,
    *,
    tower: str = "image",
    agreement: dict[str, Any] = NEAR,
    providers: Sequence[str] | None = None,
    default: bool = False,
) -> Path:
    """Add a variant to a tower of a model folder; without data it answers as the first does."""
    graphs = {"image": tiny.image_graph, "text": tiny.text_graph}
    file = f"{tower}.{name}.onnx"
    (folder / file).write_bytes(data or graphs[tower]())
    entry: dict[str, Any] = {"file": file, "agreement": agreement}
    if providers is not None:
        entry["providers"] = [*providers]

    def add(record: dict[str, Any]) -> None:
        record["files"][file] = {}
        record[tower]["variants"][name] = entry
        if default:
            record[tower]["default"] = name

    return folders.edited(folder, add)


def other_image_graph() -> bytes:
    """The image graph with other weights: its vectors are far from those of the tiny model."""
    return folders.image_graph_with(folders.swap_weights)
