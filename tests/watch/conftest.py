"""What the tests of watching share: a short video, a camera that is not there, and no leftovers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.patience import until
from tests.programs import needed
from tests.usage import children
from tests.watch.captures import Control

COUNT, RATE = 12, 4


def encode(path: Path, pictures, rate: float = RATE) -> Path:
    """Write RGB pictures as a video of JPEGs."""
    height, width = pictures[0].shape[:2]
    code = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, rate, (width, height))
    assert writer.isOpened()
    for picture in pictures:
        writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def ffmpeg(*arguments: object) -> None:
    """Run ffmpeg with arguments in which blanks part words."""
    words = [word for argument in arguments for word in str(argument).split()]
    subprocess.run([needed("ffmpeg"), "-v", "error", "-y", *words], check=True)


def coloured(number: int, width: int = 160, height: int = 120) -> np.ndarray:
    """A picture whose red tells its number."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = number * 20, 100, 30
    return picture


@pytest.fixture(scope="session")
def video(tmp_path_factory) -> Path:
    """Three seconds; the red of each frame tells its number."""
    pictures = [coloured(number) for number in range(COUNT)]
    return encode(tmp_path_factory.mktemp("video") / "a video.avi", pictures)


@pytest.fixture
def control(tmp_path):
    """A camera that is unplugged by a word; it is opened instead of any other."""
    with Control(tmp_path / "camera").installed() as control:
        yield control


@pytest.fixture(autouse=True)
def _no_child_is_left():
    before = set(children())
    yield
    until(lambda: set(children()) <= before)  # a killed one is reaped by a thread
