"""The commands and programs of docs/classifiers.md run, in their order and in one folder."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from PIL import Image

TEXT = (Path(__file__).parent.parent / "docs" / "classifiers.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(bash|python|toml)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
FOLDERS = {
    "cats": "chelsea.png",
    "others": "rocket.jpg",
    "shown/mug": "coffee.png",
    "shown/scooter": "motorcycle_left.png",
}


def crops(photo: Path, folder: Path) -> None:
    """Write eight pieces of a photograph, no two alike."""
    folder.mkdir(parents=True)
    picture = Image.open(photo).convert("RGB")
    width, height = picture.width * 2 // 3, picture.height * 2 // 3
    for i in range(8):
        left, top = (i % 4) * picture.width // 12, (i // 4) * picture.height // 3
        picture.crop((left, top, left + width, top + height)).save(folder / f"{i}.png")


def test_it_runs(tmp_path, photos):
    for folder, photo in FOLDERS.items():
        crops(photos / photo, tmp_path / folder)
    Image.open(photos / "chelsea.png").save(tmp_path / "photo.jpg")
    assert {language for language, _ in BLOCKS} == {"bash", "python", "toml"}
    for language, code in BLOCKS:
        if language == "toml":
            (tmp_path / code.split()[1]).write_text(code, "utf-8")
        elif language == "bash":
            run(
                ["bash", "-ec", f'edgeclip() {{ {sys.executable} -m edgeclip "$@"; }}; {code}'],
                tmp_path,
            )
        else:
            run([sys.executable, "-c", code], tmp_path)


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout and "Traceback" not in done.stderr, done.stderr
