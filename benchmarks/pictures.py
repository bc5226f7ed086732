"""From a picture to its vector: what the library costs over the bare steps."""

from __future__ import annotations

import statistics
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import measure
from benchmarks.material import jpeg, s2, small_photographs
from edgeclip import Model
from edgeclip.model import images
from edgeclip.model.manifest import Manifest


def rows() -> list[measure.Row]:
    """Measure and return the rows."""
    folder = s2()
    model = Model.load(folder, threads=1)
    both = Model.load(folder)
    return [_one_picture(model), _many_pictures(both), _draft(folder)]


def _one_picture(model: Model) -> measure.Row:
    data = jpeg(640, 480)
    tower = model.manifest.image
    model.embed_image(data)
    session = bare_session(model.manifest, threads=1)

    def bare() -> None:
        with Image.open(BytesIO(data)) as picture:
            pixels = np.asarray(images.squared(picture.convert("RGB"), tower), np.float32)
        tensor = pixels.transpose(2, 0, 1)[None] / np.float32(255)
        mean, std = np.asarray(tower.mean, np.float32), np.asarray(tower.std, np.float32)
        tensor = (tensor - mean[:, None, None]) / std[:, None, None]
        session.run(["image_embeds"], {"pixel_values": tensor})

    seconds = measure.in_turn({"ours": lambda: model.embed_image(data), "bare": bare}, rounds=15)
    what = "embed_image of a 640x480 JPEG: time against decode + resize + session.run, bare"
    return measure.time_row(what, seconds["ours"], seconds["bare"], "<= 1.05")


def _many_pictures(model: Model) -> measure.Row:
    with tempfile.TemporaryDirectory() as folder:
        paths = small_photographs(Path(folder), 200)
        session = bare_session(model.manifest, threads=None)
        tensor = model.image_tensor(paths[0])[None]
        list(model.embed_images(paths[:4]))

        def bare() -> None:
            for _ in paths:
                session.run(["image_embeds"], {"pixel_values": tensor})

        seconds = measure.in_turn(
            {"ours": lambda: list(model.embed_images(paths)), "bare": bare}, rounds=2
        )
    rates = {name: 200 / statistics.median(times) for name, times in seconds.items()}
    return measure.Row(
        "embed_images of 200 small photographs: rate against session.run alone",
        measure.ratio(seconds["bare"], seconds["ours"]),
        ">= 0.92",
        f"{rates['ours']:.1f} against {rates['bare']:.1f} pictures/s",
    )


def _draft(folder: Path) -> measure.Row:
    data = jpeg(4000, 3000)
    full, draft = Model.load(folder), Model.load(folder, draft=True)
    seconds = measure.in_turn(
        {"draft": lambda: draft.image_tensor(data), "full": lambda: full.image_tensor(data)},
        rounds=7,
    )
    what = "a 12 MP baseline JPEG to a tensor: draft=True against full decoding"
    return measure.time_row(what, seconds["draft"], seconds["full"], "<= 0.50")


def bare_session(manifest: Manifest, threads: int | None) -> Any:
    """Open the graph as a script would that knows to switch spinning off."""
    import onnxruntime

    from edgeclip.model.cpus import usable_cpus

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or usable_cpus()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    path = manifest.folder / "image.onnx"
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
