"""The commands and programs of docs/coach.md run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TEXT = (Path(__file__).parent.parent / "docs" / "coach.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(bash|python)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
RUNS = [
    (language, line)
    for language, code in BLOCKS
    for line in (code.splitlines() if language == "bash" else [code])
]
UNSUITABLE = 3


def test_there_are_blocks():
    assert {language for language, _ in BLOCKS} == {"bash", "python"} and len(RUNS) >= 5


@pytest.mark.parametrize(("language", "code"), RUNS)
def test_it_runs(language, code, tmp_path, photos):
    shutil.copy(photos / "chelsea.png", tmp_path / "dog.jpg")
    start = [sys.executable, "-c", code]
    if language == "bash":
        start = ["bash", "-c", f'edgeclip() {{ {sys.executable} -m edgeclip "$@"; }}; {code}']
    done = subprocess.run(start, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode in ((0, UNSUITABLE) if "coach" in code else (0,)), done.stderr
    assert done.stdout and "Traceback" not in done.stderr
