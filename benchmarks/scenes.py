"""What the camera benchmarks look at: a film that moves, and a camera whose scene does not."""

from __future__ import annotations

import shutil
import subprocess
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.material import BUILD, jpeg
from edgeclip.watch.camera import Picture, to_rgb

WIDTH, HEIGHT = 1280, 720
_FRAMES, _RATE = 750, 25
_CAMERA_RATE = 30.0
_NOISE, _SHOTS = 3.0, 24
"""Levels of 255, as of a small sensor indoors; and how many different pictures have it."""


def film() -> Path:
    """Return half a minute of H.264 in which the camera moves over photographs, encoded once."""
    path = BUILD / "camera.mp4"
    if path.is_file():
        return path
    program = shutil.which("ffmpeg")
    if program is None:
        raise SystemExit("the benchmarks need ffmpeg: sudo apt-get install ffmpeg")
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = path.with_suffix(".part.mp4")
    raw = f"-f rawvideo -pix_fmt rgb24 -s {WIDTH}x{HEIGHT} -r {_RATE} -i -"
    coded = "-c:v libx264 -preset veryfast -crf 23 -pix_fmt yuv420p"
    command = [program, "-v", "error", "-y", *raw.split(), *coded.split(), str(begun)]
    wide = _photograph(WIDTH + _FRAMES, HEIGHT + 240)
    shots = b"".join(
        wide[y : y + HEIGHT, x : x + WIDTH].tobytes()
        for x, y in ((i, round(120 + 110 * np.sin(i / 40))) for i in range(_FRAMES))
    )
    subprocess.run(command, input=shots, check=True)
    return begun.rename(path)


def photograph() -> NDArray[np.uint8]:
    """Return real photographs side by side, as large as a frame."""
    return _photograph(WIDTH, HEIGHT)


def _photograph(width: int, height: int) -> NDArray[np.uint8]:
    return np.array(Image.open(BytesIO(jpeg(width, height))))


def still(source: Any, size: Any) -> Still:
    """Open the still camera, in the child process that reads it."""
    return Still()


class Still:
    """A USB camera that gives 30 JPEGs a second of a scene in which only the noise changes."""

    def __init__(self) -> None:
        self._shots = [_noisy(seed) for seed in range(_SHOTS)]
        self._count, self._due = 0, time.monotonic()

    def grab(self) -> bool:
        """Wait for the next frame."""
        self._due = max(self._due + 1 / _CAMERA_RATE, time.monotonic())
        time.sleep(max(0.0, self._due - time.monotonic()))
        self._count += 1
        return True

    def picture(self) -> Picture:
        """Decode it, as OpenCV does."""
        import cv2

        shot: Any = cv2.imdecode(self._shots[self._count % _SHOTS], cv2.IMREAD_COLOR)
        return to_rgb(shot)

    def position(self) -> float:
        """A camera has none."""
        return 0.0

    def release(self) -> None:
        """There is nothing to let go of."""


def _noisy(seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(0, _NOISE, (HEIGHT, WIDTH, 1))
    shot = np.clip(photograph() + noise, 0, 255).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(shot).save(file, "JPEG", quality=85)
    return np.frombuffer(file.getvalue(), np.uint8)
