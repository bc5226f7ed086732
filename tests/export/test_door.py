"""The door of the torch half: light, and it explains itself."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import edgeclip_export
import pytest

from edgeclip.errors import ExtraMissing

ROOT = Path(__file__).parents[2]


def test_the_front_door_fits_on_one_screen() -> None:
    assert edgeclip_export.__all__ == [
        "add_uint8",
        "check_order",
        "export",
        "quantize",
        "require",
    ]


def test_importing_it_brings_no_torch() -> None:
    script = (
        "import sys; sys.path[:0] = ['export', '.']; import edgeclip_export;"
        "print([m for m in ('torch', 'open_clip', 'onnx', 'onnxruntime') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("missing", ["torch", "open_clip", "onnx"])
def test_without_the_extra_it_gives_the_pip_command(
    missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = importlib.util.find_spec

    def find_spec(name: str, *rest: Any) -> Any:
        return None if name == missing else real(name, *rest)

    monkeypatch.setattr(edgeclip_export, "find_spec", find_spec)
    with pytest.raises(ExtraMissing, match=r"pip install 'edgeclip\[export\]'"):
        edgeclip_export.export("mobileclip_s2", models=tmp_path)
