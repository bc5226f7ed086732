"""What the benchmarks work on: MobileCLIP-S2 with seeded weights, and real photographs."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from edgeclip.errors import ModelError
from edgeclip.model.manifest import Manifest

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "bench"
MODELS = BUILD / "models"


def s2() -> Path:
    """Return MobileCLIP-S2 with seeded random weights, exported once."""
    folder = MODELS / "mobileclip_s2"
    try:
        Manifest.load(folder)
    except ModelError:  # not made yet, or by an older version
        from edgeclip_export import export

        export("mobileclip_s2", models=MODELS, untrained=True)
    return folder


def quantised_s2() -> Path:
    """Return it with the variants that passed their gates, made once."""
    return _quantised(s2(), ("fp32", "int8", "fp16-weights"))


def quantised_starter() -> Path:
    """Return the starter with the variants that passed their gates, made once."""
    return _quantised(ROOT / "models" / "starter", ("fp32", "int8"))


def _quantised(source: Path, precision: tuple[str, ...]) -> Path:
    folder = BUILD / "quantised" / source.name
    if not (folder / "model.json").is_file():
        from edgeclip_export import quantize

        quantize(source, precision=precision, calibration=_calibration(), output=folder)
    return folder


def clothing() -> list[Path]:
    """Return the photographs of ``EDGECLIP_CLOTHING``, whose folders are their labels."""
    folder = os.environ.get("EDGECLIP_CLOTHING")
    return sorted(Path(folder).glob("*/*.jpg")) if folder else []


def _calibration() -> Path:
    """Return a folder of pictures to calibrate with: half of the clothing, or pieces."""
    folder = BUILD / "calibration"
    folder.mkdir(parents=True, exist_ok=True)
    for path in clothing()[::2]:
        shutil.copy(path, folder / f"{path.parent.name}-{path.name}")
    if not clothing():
        small_photographs(folder, 256)
    return folder


def photographs() -> list[Image.Image]:
    """Return the colour photographs of scikit-image's wheel."""
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the benchmarks need scikit-image: pip install --no-deps scikit-image")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    names = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png")
    return [Image.open(folder / name).convert("RGB") for name in names if (folder / name).is_file()]


def jpeg(width: int, height: int, quality: int = 90) -> bytes:
    """Make a baseline JPEG of real texture: photographs side by side, not one blown up.

    An enlarged photograph would have almost no detail, and its entropy decoding would be too easy.
    """
    canvas = Image.new("RGB", (width, height))
    shots, x, y, row, i = photographs(), 0, 0, 0, 0
    while y < height:
        shot = shots[i % len(shots)]
        canvas.paste(shot, (x, y))
        row, x, i = max(row, shot.height), x + shot.width, i + 1
        if x >= width:
            x, y, row = 0, y + row, 0
    buffer = BytesIO()
    canvas.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def small_photographs(folder: Path, count: int = 200) -> list[Path]:
    """Write ``count`` different JPEGs of about 320×240 and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    shots, random = photographs(), np.random.default_rng(7)
    paths = []
    for i in range(count):
        shot = shots[i % len(shots)]
        left = int(random.integers(0, max(1, shot.width - 320)))
        top = int(random.integers(0, max(1, shot.height - 240)))
        path = folder / f"{i:03}.jpg"
        shot.crop((left, top, left + 320, top + 240)).save(path, "JPEG", quality=88)
        paths.append(path)
    return paths
