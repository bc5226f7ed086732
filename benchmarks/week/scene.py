"""The scene: a wall, a lawn and a path from photographs, with a few things that always stand there.

What stands here is reflectance, 0 to 255: light comes later (`benchmarks.week.light`).
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from benchmarks.week import cutouts

WIDTH, HEIGHT, MARGIN = 512, 288, 8
STEPS = 4
"""Parts of a pixel that the camera may sway by."""
_WIDE, _HIGH = WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN


def build(rng: Generator, furniture: list[str], pictures: cutouts.Pictures) -> Image.Image:
    """Return the scene with a margin on each side, for a camera that moves a little."""
    wall_tint = np.array([(168, 96, 76), (190, 170, 140), (150, 150, 156)][rng.integers(3)])
    lawn, path = np.array((92, 116, 58)), np.array((150, 142, 130))
    horizon = int(rng.uniform(0.40, 0.50) * _HIGH)
    scene = Image.new("RGB", (_WIDE, _HIGH))
    wall = _texture("brick.png", wall_tint, (horizon, _WIDE), 0.45)
    scene.paste(wall.transpose(Image.Transpose.ROTATE_90), (0, 0))  # its bricks stand upright
    scene.paste(_texture("grass.png", lawn, (_WIDE, _HIGH - horizon), 0.4), (0, horizon))
    left, width = rng.uniform(0.1, 0.6) * _WIDE, rng.uniform(0.2, 0.35) * _WIDE
    mask = Image.new("L", scene.size)
    slant = rng.uniform(-0.3, 0.3) * _WIDE
    corners = [(left + width * 0.3, horizon), (left + width * 0.7, horizon)]
    corners += [(left + width + slant, _HIGH), (left + slant, _HIGH)]
    ImageDraw.Draw(mask).polygon(corners, fill=255)
    mask = mask.filter(ImageFilter.GaussianBlur(2))
    scene.paste(_texture("gravel.png", path, scene.size, 0.35), (0, 0), mask)
    _door(scene, left + width * 0.5, horizon, rng)
    for name in furniture:
        _stand(scene, cutouts.read(name, pictures), horizon, rng)
    return scene


def swayed(scene: Image.Image) -> list[list[Image.Image]]:
    """Return the scene moved by each part of a pixel: ``[down][right]``, `STEPS` × `STEPS`."""
    size, kind = scene.size, Image.Transform.AFFINE
    return [
        [
            scene.transform(
                size, kind, (1, 0, x / STEPS, 0, 1, y / STEPS), Image.Resampling.BICUBIC
            )
            for x in range(STEPS)
        ]
        for y in range(STEPS)
    ]


def grounded(cutout: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scale a cut-out and lay a soft shadow under it."""
    body = cutout.resize(size, Image.Resampling.LANCZOS)
    wide, high = size
    shadow = Image.new("L", (wide, high + high // 12))
    box = (wide * 0.08, high * 0.94, wide * 0.92, high * 1.05)
    ImageDraw.Draw(shadow).ellipse(box, fill=130)
    whole = Image.new("RGBA", shadow.size, (12, 12, 10, 0))
    whole.putalpha(shadow.filter(ImageFilter.GaussianBlur(max(2, high / 40))))
    whole.alpha_composite(body)
    return whole


def _texture(name: str, tint: np.ndarray, size: tuple[int, int], scale: float) -> Image.Image:
    """Tile a grey photograph, scaled, and colour it so that ``tint`` is its mean."""
    grey = Image.open(cutouts.photographs() / name).convert("L")
    side = int(grey.width * scale)
    tile = np.asarray(grey.resize((side, side), Image.Resampling.LANCZOS), np.float32)
    tile = np.concatenate([tile, tile[:, ::-1]], 1)  # mirrored: no seam
    tile = np.concatenate([tile, tile[::-1]], 0)
    reps = (-(-size[1] // len(tile)), -(-size[0] // len(tile)))
    whole = np.tile(tile, reps)[: size[1], : size[0], None] / tile.mean()
    return Image.fromarray(np.clip(whole * tint, 0, 255).astype(np.uint8))


def _door(scene: Image.Image, middle: float, horizon: int, rng: Generator) -> None:
    draw = ImageDraw.Draw(scene)
    wide, high = 46, min(horizon - 12, 100)
    frame = (middle - wide / 2, horizon - high, middle + wide / 2, horizon)
    colour = [(58, 74, 96), (88, 52, 38), (60, 84, 62)][rng.integers(3)]
    draw.rectangle(frame, fill=(205, 200, 190))
    draw.rectangle((frame[0] + 4, frame[1] + 4, frame[2] - 4, frame[3]), fill=colour)
    draw.rectangle(
        (frame[0] + 10, frame[1] + 12, frame[2] - 10, frame[1] + 38), fill=(96, 106, 112)
    )
    draw.ellipse(
        (frame[2] - 12, horizon - high * 0.45, frame[2] - 8, horizon - high * 0.4), fill="#ccb"
    )


def _stand(scene: Image.Image, cutout: Image.Image, horizon: int, rng: Generator) -> None:
    """Put a thing at the left or the right, its feet on the ground."""
    high = int(rng.uniform(0.30, 0.55) * HEIGHT)
    wide = min(int(high * cutout.width / cutout.height), WIDTH // 4)
    thing = grounded(cutout, (wide, int(wide * cutout.height / cutout.width)))
    side = rng.uniform(0.0, 0.22) if rng.random() < 0.5 else rng.uniform(0.78, 1.0)
    feet = rng.uniform(horizon + 8, horizon + 60)
    scene.paste(thing, (int(side * _WIDE - wide / 2), int(feet - thing.height)), thing)
