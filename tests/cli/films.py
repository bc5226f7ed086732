"""Films for ``edgeclip watch``: grey with red times, and packs that tell red from grey."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from PIL import Image

from tests.watch.conftest import encode
from tests.watch.test_watcher import GREY, RED, made, picture

TIMES = range(5, 12)
"""Seconds that are red, unless others are asked for."""
_WATCHING = r"edgeclip: (\w+): watching; it alerts above 0\.00, now -?\d+\.\d\d\."


def shown(seconds: int, red=TIMES, begin: int = 0):
    """Return the pictures of a film, one a second."""
    span = range(begin, begin + seconds)
    return [picture(RED if second in red else GREY, second) for second in span]


def folder_of(path: Path, seconds: int = 20, red=TIMES, begin: int = 0) -> Path:
    """Write a film as a folder of pictures."""
    path.mkdir()
    for number, each in enumerate(shown(seconds, red, begin)):
        Image.fromarray(each).save(path / f"{number}.png")
    return path


def video_of(path: Path, seconds: int = 20, red=TIMES, begin: int = 0) -> Path:
    """Write a film as a video with a picture a second."""
    return encode(path, shown(seconds, red, begin), rate=1)


def pack_of(path: Path, model, space: str | None = None, **settings) -> Path:
    """Write a pack with the rules red and blue, whose prompts are two pictures each."""
    pack = made(model, **settings)
    labels = (replace(label, prompts=(label.name, "again")) for label in pack.labels)
    replace(pack, labels=tuple(labels), space=space or pack.space).save(path)
    return path


def rules_told(err: str) -> list[str | None]:
    """Return the rules that are said to be watched, each in a line; None for any other line."""
    found = [re.fullmatch(_WATCHING, line) for line in err.splitlines()]
    return [each and each[1] for each in found]
