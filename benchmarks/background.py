"""No good match: how often the verdict of `edgeclip search` is right, with the starter model.

The rule and its numbers were chosen on other pictures and other queries; see the module
`edgeclip.index.background`.  The index is every picture of things, surfaces and diagrams in
scikit-image's wheel.  The model names 1,000 things and knows little beside them, so the right
captions are given twice: of the pictures whose thing is among the thousand, and of all pictures
that show a thing.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks import measure
from edgeclip import Model
from edgeclip.index.background import Background
from edgeclip.model.background_texts import TEXTS
from edgeclip.vectors import Vector
from tests.index.captions import ABSENT, RIGHT

_ROOT = Path(__file__).parent.parent
_STARTER = _ROOT / "models" / "starter"

_OTHERS = {
    "astronaut.png": (
        "a portrait of an astronaut with the American flag",
        "woman in a space suit",
        "astronaut",
    ),
    "brick.png": ("a wall of bricks", "brick wall", "bricks"),
    "coins.png": ("rows of old coins", "ancient coins", "coins"),
    "page.png": ("a page of text about segmentation", "printed page", "text"),
}
_WITHOUT_CAPTION = """
grass.png gravel.png hubble_deep_field.jpg moon.png text.png retina.jpg cell.png ihc.png
microaneurysms.png phantom.png clock_motion.png color.png logo.png chessboard_GRAY.png
motorcycle_right.png no_time_for_that_tiny.gif
"""


def rows() -> list[measure.Row]:
    """Measure and return the rows."""
    model = Model.load(_STARTER)
    pictures = np.stack(list(model.embed_images(_pictures())))
    background = Background(np.stack(list(model.embed_texts(TEXTS))))
    background.add(pictures)

    def flagged(texts: list[str]) -> list[str]:
        queries = zip(texts, model.embed_texts(texts), strict=True)
        return [text for text, query in queries if not _good(background, pictures, query)]

    named = [caption for three in RIGHT.values() for caption in three]
    others = [caption for three in _OTHERS.values() for caption in three]
    where = f"on {len(pictures)} pictures"
    return [
        _row(f"absent things called no good match, {where}", flagged(ABSENT), ABSENT, ">= 0.90"),
        _row(
            f"right captions called no good match, {where}: things the model has a name for",
            flagged(named),
            named,
            "<= 0.10",
        ),
        _row(
            f"right captions called no good match, {where}: all things",
            flagged(named + others),
            named + others,
            "<= 0.10",
        ),
    ]


def _row(what: str, flagged: list[str], asked: list[str], target: str) -> measure.Row:
    detail = f"{len(flagged)} of {len(asked)}"
    if target.startswith("<="):
        detail += f": {'; '.join(flagged)}"
    return measure.Row(what, len(flagged) / len(asked), target, detail)


def _good(background: Background, pictures: Vector, query: Vector) -> bool:
    return background.judge(query, float((pictures @ query).max())).good


def _pictures() -> list[Path]:
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the benchmarks need scikit-image: pip install --no-deps scikit-image")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    return [folder / name for name in [*RIGHT, *_OTHERS, *_WITHOUT_CAPTION.split()]]
