"""Every example runs, and none is longer than 40 lines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(example: str, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / example), *arguments],
        cwd=folder,
        env=os.environ | {"EDGECLIP_MODEL": "starter"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_is_short_and_tested(example: str) -> None:
    assert len((EXAMPLES / example).read_text("utf-8").splitlines()) <= 40
    assert f'run("{example}"' in Path(__file__).read_text("utf-8")


def test_demo(tmp_path: Path) -> None:
    shown = run("demo.py", tmp_path)
    assert shown.index("rocket.jpg") < shown.index("chelsea.png") < shown.index("coffee.png")
    assert all(word in shown for word in ("added", "model_load_s", "text_per_query_ms"))
    giraffe = shown.split("a giraffe\n")[1].split("$")[0]
    assert "no good match" in giraffe and shown.count("no good match") == 1
    assert "keep             motorcycle_left.png" in shown and "7 groups with 16 of 27" in shown
    _, classified = shown.split("\n$ ")[-1].split("\n", 1)
    assert "cat" in classified.split("dog")[0]
    with Image.open(tmp_path / "contact-sheet.png") as sheet:
        assert sheet.width > 800
        assert sheet.height > 1000


def test_zero_shot(photos: Path, tmp_path: Path) -> None:
    shown = run("zero_shot.py", tmp_path, "cat,rocket", str(photos / "chelsea.png"))
    assert "chelsea.png: cat" in shown


def test_folder_search(photos: Path, tmp_path: Path) -> None:
    shown = run("folder_search.py", tmp_path, "a cup of coffee", str(photos))
    assert shown.splitlines()[0].endswith("coffee.png")


def test_folder_search_says_how_it_is_used(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "folder_search.py"), "a cat"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("usage: python folder_search.py QUERY")
    assert not list(tmp_path.iterdir())


def test_own_session(photos: Path, tmp_path: Path) -> None:
    assert len(run("own_session.py", tmp_path, str(photos / "chelsea.png")).split()) >= 4
