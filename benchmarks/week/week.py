"""A week before a camera that stands still: what happens when, and how it looks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image

from benchmarks.week import cutouts, scene
from benchmarks.week.cutouts import Half, Pictures
from benchmarks.week.light import DAY_S, Camera, Light
from benchmarks.week.scene import HEIGHT, MARGIN, STEPS, WIDTH
from edgeclip.model.prompts import Label
from edgeclip.watch.frame import Frame
from edgeclip.watch.replay import Truth

DEVELOPMENT, HELD = (1, 2), (104, 105)
"""Seeds; 1 and 2 shaped rules and thresholds, 101 to 103 were scored on the way."""
EVENTS_A_WEEK, FEWEST = 72, 3
"""Events of one rule in seven days, and at the least in a part of a week."""
SHORTEST_S, LONGEST_S = 6, 60
"""How long something is there."""
IDLE_S = 5
"""Between two frames while nothing is there; 1 s while something is."""
_GAP_S = 20  # at least, between two things


@dataclass(frozen=True, slots=True)
class Visit:
    """Say how one cut-out comes, stays and goes."""

    rule: str
    """Empty: of no rule."""
    start: float
    end: float
    file: str
    height: float
    """Share of the frame's."""
    x: float
    """Middle, as a share of the frame: near its own middle, since most models see that alone."""
    feet: float
    mirrored: bool
    side: int
    """-1 and 1: comes from the left or right; 0: fades in."""
    entry: float
    """Seconds that it takes to come, and to go."""


class Week:
    """A simulated week; the same seed gives the same frames.

    Args:
        seed: of every number.
        half: whose cut-outs appear.
        days: how long; a part of a week has at least `FEWEST` events of each rule.
        start_hour: of the day, at time 0.
        pictures: ``stamps``, or ``skimage`` where they are not installed: one picture a rule, the
            same in both halves.
    """

    def __init__(
        self,
        seed: int,
        half: Half,
        days: float = 7.0,
        start_hour: float = 0.0,
        *,
        pictures: Pictures = "stamps",
    ) -> None:
        self._cast = cutouts.CASTS[pictures]
        self._half: Half = half
        self._pictures: Pictures = pictures
        self._seed, self._start_hour = seed, start_hour
        self.seconds = days * DAY_S
        self.visits = _visits(self._rng(0), self._cast, half, self.seconds)

    @property
    def rules(self) -> tuple[Label, ...]:
        """What is watched for, in words."""
        return self._cast.rules

    @property
    def truth(self) -> list[Truth]:
        """What happens, in order."""
        return [Truth(v.rule, v.start, v.end) for v in self.visits if v.rule]

    @property
    def distractors(self) -> list[Truth]:
        """What else appears, in order; the name of its rule is empty."""
        return [Truth("", v.start, v.end) for v in self.visits if not v.rule]

    def times(self) -> Iterator[tuple[float, Visit | None]]:
        """Yield the times of frames, and who is there."""
        coming = iter([*self.visits, None])
        visit = next(coming)
        for second in range(int(self.seconds)):
            while visit and second > visit.end:
                visit = next(coming)
            if visit and visit.start <= second:
                yield float(second), visit
            elif second % IDLE_S == 0:
                yield float(second), None

    def frames(self) -> Iterator[Frame]:
        """Yield the frames; each is drawn when it is asked for."""
        stage = self._stage()
        for time, visit in self.times():
            yield Frame(time, np.asarray(stage.draw(time, visit)))

    def _stage(self) -> _Stage:
        rng = self._rng(1)
        furniture = cutouts.taken(self._cast.furniture, self._half)
        chosen = [furniture[i] for i in rng.permutation(len(furniture))[:3]]
        ground = scene.build(rng, chosen, self._pictures)
        lamp = _lamp(rng, self.visits, self.seconds, self._start_hour)
        light = Light(rng, self.seconds, lamp)
        return _Stage(self._rng(2), ground, light, self._pictures, self._start_hour)

    def _rng(self, part: int) -> Generator:
        return np.random.default_rng([self._seed, part])


class _Stage:
    """Draw one frame after the other; time only goes forward."""

    def __init__(
        self,
        rng: Generator,
        ground: Image.Image,
        light: Light,
        pictures: Pictures,
        start_hour: float,
    ) -> None:
        self._rng, self._light, self._pictures = rng, light, pictures
        self._start_hour = start_hour
        self._grounds = scene.swayed(ground)
        self._camera = Camera(rng)
        self._sway, self._pan = np.zeros(2), np.zeros(2)
        self._visit: Visit | None = None
        self._body = ground

    def draw(self, time: float, visit: Visit | None) -> Image.Image:
        shift = self._shift()
        steps = np.round(shift * STEPS).astype(int)
        (left, top), (right, down) = steps // STEPS, steps % STEPS
        left, top = int(left) + MARGIN, int(top) + MARGIN
        picture = self._grounds[down][right].crop((left, top, left + WIDTH, top + HEIGHT))
        if visit:
            self._place(picture, visit, time, shift)
        hour = (self._start_hour + time / 3600) % 24
        return self._camera.take(picture, self._light.at(time, hour), time)

    def _shift(self) -> np.ndarray:
        """Move by parts of a pixel, and now and then slowly by 1 to 3."""
        self._sway = 0.8 * self._sway + self._rng.normal(0, 0.18, 2)
        if self._rng.random() < 0.02:
            self._pan = np.clip(self._pan + self._rng.normal(0, 0.5, 2), -3, 3)
        return np.clip(self._sway + self._pan, 1 - MARGIN, MARGIN - 1)

    def _place(self, picture: Image.Image, visit: Visit, time: float, shift: np.ndarray) -> None:
        if visit is not self._visit:
            self._visit, self._body = visit, _sized(visit, self._pictures)
        body = self._body
        there = min(
            1.0, (time - visit.start + 1) / visit.entry, (visit.end - time + 1) / visit.entry
        )
        leaving = time - visit.start > visit.end - time
        side = -visit.side if leaving else visit.side  # goes on as it came
        middle = visit.x * WIDTH + 4 * math.sin(time / 2.3)
        away = (WIDTH / 2 + body.width / 2 + side * (middle - WIDTH / 2) * -1) * (1 - there)
        x = middle + side * away - body.width / 2 - shift[0]
        y = visit.feet * HEIGHT - body.height + 1.5 * math.sin(time * 1.7) - shift[1]
        mask = body
        if visit.side == 0 and there < 1:
            mask = body.getchannel("A").point([int(a * there) for a in range(256)])
        picture.paste(body, (round(x), round(y)), mask)


def _sized(visit: Visit, pictures: Pictures) -> Image.Image:
    cutout = cutouts.read(visit.file, pictures)
    if visit.mirrored:
        cutout = cutout.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    scale = min(visit.height * HEIGHT / cutout.height, 0.6 * WIDTH / cutout.width)
    return scene.grounded(cutout, (round(cutout.width * scale), round(cutout.height * scale)))


def _visits(rng: Generator, cast: cutouts.Cast, half: Half, seconds: float) -> list[Visit]:
    """Spread events, and as many visits of no rule, over the time; never two at once."""
    each = max(FEWEST, round(EVENTS_A_WEEK * seconds / (7 * DAY_S)))
    names = [rule.name for rule in cast.rules for _ in range(each)]
    names += [""] * len(names)
    if len(names) * (LONGEST_S + _GAP_S) > seconds:
        raise ValueError(f"{seconds:.0f} s are too short for {len(names)} visits")
    files = cutouts.appearing(cast, half)
    taken: list[tuple[float, float]] = []
    visits = []
    for name in names:
        start, length = _free_span(rng, taken, seconds)
        taken.append((start, start + length))
        visits.append(_visit(rng, name, start, length, files[name]))
    return sorted(visits, key=lambda visit: visit.start)


def _free_span(
    rng: Generator, taken: list[tuple[float, float]], seconds: float
) -> tuple[float, float]:
    """Return start and length of a visit that keeps its distance from the others."""
    length = float(rng.integers(SHORTEST_S, LONGEST_S + 1))
    for _ in range(10_000):
        start = float(rng.integers(IDLE_S, int(seconds - length - IDLE_S)))
        if not any(start < e + _GAP_S and s < start + length + _GAP_S for s, e in taken):
            return start, length
    raise ValueError(f"no room is left among {len(taken)} visits in {seconds:.0f} s")


def _visit(rng: Generator, rule: str, start: float, length: float, files: list[str]) -> Visit:
    return Visit(
        rule=rule,
        start=start,
        end=start + length,
        file=files[rng.integers(len(files))],
        height=float(rng.uniform(0.35, 0.75)),
        x=float(rng.uniform(0.38, 0.62)),
        feet=float(rng.uniform(0.80, 0.97)),
        mirrored=bool(rng.random() < 0.5),
        side=int(rng.integers(-1, 2)),
        entry=float(min(rng.uniform(1, 4), length / 4)),
    )


def _lamp(
    rng: Generator, visits: list[Visit], seconds: float, start_hour: float
) -> list[tuple[float, float]]:
    """Return when the lamp is lit: for whatever comes in the dark, and a few times for nothing."""
    spans = []
    for visit in visits:
        hour = (start_hour + visit.start / 3600) % 24
        if not 6.5 < hour < 17.5:
            spans.append((visit.start - rng.uniform(0, 1), visit.end + rng.uniform(1, 20)))
    for _ in range(math.ceil(seconds / DAY_S * 5)):
        start = rng.uniform(0, seconds)
        spans.append((start, start + rng.choice([30, 300, 2400]) * rng.uniform(0.5, 1.5)))
    joined: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((float(start), float(end)))
    return joined
