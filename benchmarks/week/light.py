"""Light over the day, and what a cheap camera makes of it."""

from __future__ import annotations

import math
from io import BytesIO

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from benchmarks.week.scene import HEIGHT, WIDTH

DAY_S = 86_400.0
_COLUMNS, _ROWS = 32, 18  # of the map of light
_NIGHT, _LAMP, _BRIGHTEST = 0.012, 0.22, 40.0  # of full daylight; greatest gain of the camera
_LEVELS = np.arange(256) / 255.0


class Light:
    """Light of each place and moment, from clouds, sun, night and a lamp."""

    def __init__(self, rng: Generator, seconds: float, lamp: list[tuple[float, float]]) -> None:
        minutes = int(seconds / 60) + 3
        walk = np.zeros(minutes)
        steps = rng.normal(size=minutes)
        for i in range(1, minutes):  # half an hour's memory
            walk[i] = walk[i - 1] * (1 - 1 / 30) + steps[i] * 0.35
        self._clouds = 1 / (1 + np.exp(-walk))
        self._lamp = np.array(sorted(lamp), float).reshape(-1, 2)
        y, x = np.mgrid[0:_ROWS, 0:_COLUMNS]
        self._x, self._y = x / _COLUMNS, y / _ROWS
        bulb = rng.uniform(0.3, 0.7)
        far = (self._x - bulb) ** 2 + (self._y - 0.15) ** 2
        self._bulb = 1 / (0.35 + 2.5 * far)
        self._edge = rng.uniform(-0.2, 0.2)

    def lamp(self, time: float) -> bool:
        """Tell whether the lamp is lit."""
        i = int(np.searchsorted(self._lamp[:, 0], time, "right")) - 1
        return bool(i >= 0 and time < self._lamp[i, 1])

    def at(self, time: float, hour: float) -> NDArray[np.float64]:
        """Return the light as ``(rows, columns, 3)``; 1 is a clear noon."""
        height = math.sin((hour - 6) / 12 * math.pi)  # of the sun: up from 6 to 18
        day = 1 / (1 + math.exp(-height / 0.06))
        cloud = float(np.interp(time / 60, np.arange(len(self._clouds)), self._clouds))
        sky = _NIGHT + day * (0.25 + 0.25 * max(height, 0.0))
        edge = self._x + 0.5 * self._y - (hour - 12) / 8 - 0.6 + self._edge
        shade = 1 / (1 + np.exp(-edge / 0.03))  # of a roof, which moves over the day
        sun = max(height, 0.0) ** 0.5 * day * (1 - cloud) * 0.7 * (0.35 + 0.65 * shade)
        low = math.exp(-((height / 0.35) ** 2))
        light = sky * np.array([0.94, 1.0, 1.08]) + sun[..., None] * [
            1,
            1 - 0.12 * low,
            1 - 0.3 * low,
        ]
        if self.lamp(time):
            light = light + _LAMP * self._bulb[..., None] * [1.0, 0.86, 0.62]
        return np.asarray(light)


class Camera:
    """Expose, add noise and compress; its gain follows the light within seconds."""

    def __init__(self, rng: Generator) -> None:
        self._rng = rng
        self._gain = 1.0
        self._time: float | None = None
        self._noise = [_noise(rng) for _ in range(3)]

    def take(self, scene: Image.Image, light: NDArray[np.float64], time: float) -> Image.Image:
        """Return the picture of a lit scene."""
        top = float(light.max())
        lit = Image.fromarray((light * (255 / top)).astype(np.uint8))
        seen = ImageChops.multiply(scene, lit.resize(scene.size, Image.Resampling.BILINEAR))
        self._adapt(0.68 / float(light.mean()), time)
        grey = math.exp(-top / 0.25) * 0.6  # few photons: little colour
        if grey > 0.02:
            seen = Image.blend(seen, seen.convert("L").convert("RGB"), grey)
        curve = np.clip(_LEVELS * top * self._gain, 0, None)
        curve = (1 - np.exp(-curve)) / (1 - math.exp(-1.0))  # a soft shoulder
        out = np.clip(255 * curve ** (1 / 1.1), 0, 255).astype(np.uint8)
        picture = self._noisy(seen.point(out.tolist() * 3), 0.8 + 0.34 * self._gain**0.8)
        return _compressed(picture)

    def _adapt(self, wanted: float, time: float) -> None:
        # At night the gain ends before the picture is as bright as by day.
        wanted = min(wanted, wanted**0.85, _BRIGHTEST)
        passed = DAY_S if self._time is None else time - self._time
        self._gain *= (wanted / self._gain) ** (1 - math.exp(-passed / 2.0))
        self._time = time

    def _noisy(self, picture: Image.Image, deviation: float) -> Image.Image:
        bank = self._noise[self._rng.integers(len(self._noise))]
        left, top = self._rng.integers(0, 64, 2).tolist()
        noise = bank.crop((left, top, left + WIDTH, top + HEIGHT))
        table = np.clip(np.round((np.arange(256) - 128) / 32 * deviation) + 128, 0, 255)
        scaled = noise.point(table.astype(np.uint8).tolist() * 3)
        return ImageChops.add(picture, scaled, 1, -128)


def _noise(rng: Generator) -> Image.Image:
    """Return noise around 128 with a deviation of 32, grainy as a camera's own smoothing has it."""
    fine = rng.normal(size=(HEIGHT + 64, WIDTH + 64, 3)).astype(np.float32)
    fine = 0.75 * fine + 0.45 * fine[..., :1]
    plane = Image.fromarray(np.clip(fine * 32 + 128, 0, 255).astype(np.uint8))
    soft = np.asarray(plane.filter(ImageFilter.GaussianBlur(0.6)), np.float32) - 128
    return Image.fromarray(np.clip(soft * 32 / soft.std() + 128, 0, 255).astype(np.uint8))


def _compressed(picture: Image.Image) -> Image.Image:
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=78)
    return Image.open(buffer).convert("RGB")
