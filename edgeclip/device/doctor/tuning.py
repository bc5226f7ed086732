"""What `edgeclip tune` chose for a model on this board, and how to undo it.

A child process is asked: what was chosen is bound to onnxruntime, which crashes on some boards.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgeclip.device.doctor.findings import Finding, command_line, ok
from edgeclip.model import child, tuned
from edgeclip.model.manifest import Manifest
from edgeclip.model.places import user_config
from edgeclip.model.providers import short_name

_MODULE = "edgeclip.device.doctor.tuning"


def findings(folder: Path, *, timeout_s: float = 600.0) -> Iterator[Finding]:
    """Say how a model is run here, where that was chosen.

    Args:
        folder: the model's.
        timeout_s: how long onnxruntime may take to start.
    """
    config = user_config()
    if config is None or not os.path.exists(config / tuned.FILENAME):  # noqa: PTH110 - never raises
        return  # mostly so, and then no process need be started
    try:
        found = child.ask(_MODULE, os.fspath(folder.absolute()), timeout_s=timeout_s)
    except child.ChildFailed:
        return  # the line of onnxruntime says it
    if found:
        text = "; ".join(f"{tower} {how}" for tower, how in found.items())
        undo = command_line("edgeclip", "tune", folder, "--forget")
        # No next step: nothing is wrong.
        yield ok("tuned", f"{folder.name}: {text} ({config / tuned.FILENAME}; undone by: {undo})")


def _found(folder: str) -> Any:
    read = tuned.read(Manifest.read(Path(folder)))
    return {tower: _shown(setting) for tower, setting in read.items()}


def _shown(setting: tuned.Setting) -> str:
    names = ", ".join(map(short_name, setting.options.providers or ["any provider"]))
    count = setting.options.threads
    threads = "all CPUs" if count is None else f"{count} thread{'s' * (count > 1)}"
    return f"{setting.variant} on {names} with {threads}"


if __name__ == "__main__":
    child.reply(_found)
