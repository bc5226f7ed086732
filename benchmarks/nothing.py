"""None of these: right labels accepted, absent labels refused, with the starter model.

Pictures are the photographs of ``EDGECLIP_CLOTHING`` and those of scikit-image's wheel, and count
alike in sum.  Each is asked for its own label among absent ones, and for absent ones alone.
Pictures (alternately, class by class) and absent labels are halved; what is fixed in
`edgeclip.model.nothing` was chosen with the development half.
"""

from __future__ import annotations

from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

import numpy as np

from benchmarks import material, measure
from edgeclip import Model, PromptPack
from edgeclip.model.prompts import Prompts
from edgeclip.vectors import Vector

HALVES = ("development", "held")
_TRIALS = 12
_SHOWN = {
    "astronaut.png": "astronaut",
    "chelsea.png": "cat",
    "coffee.png": "cup of coffee",
    "rocket.jpg": "rocket",
    "motorcycle_left.png": "motorcycle",
    "motorcycle_right.png": "motorcycle",
    "coins.png": "coins",
    "clock_motion.png": "clock",
    "horse.png": "horse",
    "hubble_deep_field.jpg": "galaxy",
    "moon.png": "moon",
    "page.png": "page of text",
    "brick.png": "brick wall",
    "grass.png": "grass",
    "gravel.png": "gravel",
    "camera.png": "photographer",
    "retina.jpg": "eye",
}
_CALLED = {"longsleeve": "long-sleeved shirt", "outwear": "coat", "pants": "trousers"}
_ABSENT = """
dog|car|pizza|elephant|bicycle|house|tree|guitar|bird|fish|boat|aeroplane|mountain|beach|flower
computer|book|chair|banana|spider|castle|bridge|truck|baby|football|piano|snow|waterfall|lion|sheep
butterfly|train|telephone|bottle|cake|apple|knife|umbrella|fire|wind turbine|tiger|bed|oven|tractor
candle|mushroom|penguin|snake|lighthouse|police officer|wedding|desert|swimming pool|bus|frog
hamburger|lamp|door|violin|ladder
"""
Shown = tuple[Path, str, float]


def pictures(half: int) -> list[Shown]:
    """Return path, label and weight of a half's pictures; the two sets weigh alike."""
    spec = find_spec("skimage")
    assert spec is not None and spec.submodule_search_locations, "the benchmarks need scikit-image"
    folder = Path(spec.submodule_search_locations[0]) / "data"
    names = sorted(_SHOWN, key=lambda name: (name.endswith(".jpg"), name))[half::2]
    single = [(folder / name, _SHOWN[name], 1 / len(names)) for name in names]
    clothes: list[Path] = []
    for _, same in groupby(material.clothing(), key=lambda path: path.parent.name):
        clothes += list(same)[half::2]
    called = [_CALLED.get(path.parent.name, path.parent.name) for path in clothes]
    return single + [(p, c, 1 / len(clothes)) for p, c in zip(clothes, called, strict=True)]


def judged(model: Model, half: int) -> tuple[float, float]:
    """Return the shares of right labels accepted and of absent labels refused, of one half."""
    random = np.random.default_rng(half)
    chosen = pictures(half)
    vectors = np.stack(list(model.embed_images([path for path, _, _ in chosen])))
    absent = [label for line in _ABSENT.strip().splitlines() for label in line.split("|")][half::2]
    accepted, refused = [], []
    for (_, label, _), vector in zip(chosen, vectors, strict=True):
        for _ in range(_TRIALS):
            some = list(random.choice(absent, random.integers(1, 6), replace=False))
            accepted.append(not _is_none(model, [label, *some], vector))
            refused.append(_is_none(model, some, vector))
    weights = np.repeat([weight for _, _, weight in chosen], _TRIALS)
    return float(np.average(accepted, weights=weights)), float(np.average(refused, weights=weights))


_KEPT: dict[str, Vector] = {}


def _is_none(model: Model, labels: list[str], vector: Vector) -> bool:
    pack = PromptPack.compile(Prompts.of(labels, none="none"), _Remembering(model))
    return pack.classifier(lambda each: each).rank(vector)[0].key == "none"


class _Remembering(Model):
    """A model that embeds each text once."""

    def __init__(self, model: Model) -> None:
        self.__dict__.update(model.__dict__)

    def embed_texts(self, texts, *, normalize=True):  # type: ignore[no-untyped-def]
        """Yield the kept vectors."""
        for text in texts:
            if text not in _KEPT:
                _KEPT[text] = next(super().embed_texts([text]))
            yield _KEPT[text]


def rows() -> list[measure.Row]:
    """Judge both halves."""
    model = Model.load(material.ROOT / "models" / "starter")
    made = []
    for half, name in enumerate(HALVES):
        accepted, refused = judged(model, half)
        detail = f"{accepted:.3f} of right labels accepted, {refused:.3f} of absent labels refused"
        what = f'"none of these", {name} half: balanced accuracy'
        made.append(measure.Row(what, (accepted + refused) / 2, "", detail, digits=3))
    return made
