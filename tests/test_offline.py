"""Nothing phones home: no file below the user's home, no connection, from any of the libraries."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import sys, time
import numpy as np
from edgeclip import Model
model = Model.load(sys.argv[1])
for _ in range(20):
    model.embed_image(np.zeros((40, 40, 3), np.uint8))
    model.embed_text("a cat")
    time.sleep(0.05)
"""


def test_nothing_appears_in_an_empty_home(tiny_model: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "ORT_", "HF_"))}
    environment = kept | {"HOME": str(home)}
    command = [sys.executable, "-c", _SCRIPT, str(tiny_model)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path.name for path in home.rglob("*")] == []


def test_onnxruntime_is_told_before_it_is_imported() -> None:
    code = "import edgeclip.model.session, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ORT_")}
    done = subprocess.run([sys.executable, "-c", code], env=kept, capture_output=True, text=True)
    assert done.stdout == "1\n"
