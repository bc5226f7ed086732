"""What both machines are asked, so that their answers can be compared: `packaging/build-arm64.sh`.

``vectors PHOTOS`` and ``recall`` print JSON; they run here and in the image.
"""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import numpy as np

THINGS = ("cat", "dog", "horse", "rocket", "coffee", "motorcycle", "boat", "bird", "car", "tree")
WORDS = ("a {}", "a photo of a {}.", "the {} on the table", "two {}s in the snow, at night")
TEXTS = [words.format(thing) for thing in THINGS for words in WORDS]
ITEMS, DIM, QUERIES, COUNT = 3000, 512, 200, 10
EFFORTS = (10, 20, 50)


def vectors(photos: Path) -> dict[str, Any]:
    """Return the starter's vectors of all pictures in a folder, and of `TEXTS`."""
    from edgeclip import Model

    model = Model.load("starter")
    paths = sorted(photos.iterdir())
    return {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("numpy", "pillow", "tokenizers", "hnswlib")},
        "onnxruntime": {name: version(name) for name in packages_distributions()["onnxruntime"]},
        "pictures": {path.name: model.embed_image(path).tolist() for path in paths},
        "texts": {text: model.embed_text(text).tolist() for text in TEXTS},
    }


def recall() -> dict[str, Any]:
    """Return the share of true neighbours that hnswlib finds, and whether tiny numbers stay."""
    import hnswlib

    random = np.random.default_rng(0)
    centres = random.normal(size=(ITEMS // 30, DIM))
    points = _unit(centres[random.integers(len(centres), size=ITEMS + QUERIES)], random)
    items, queries = points[:ITEMS], points[ITEMS:]
    graph = hnswlib.Index(space="ip", dim=DIM)
    graph.init_index(ITEMS, M=16, ef_construction=200, random_seed=20)
    graph.add_items(items, np.arange(ITEMS), num_threads=1)
    scores = queries @ items.T
    true = np.argsort(-scores, axis=1)[:, :COUNT]
    recalls, wrong = {}, 0.0
    for ef in EFFORTS:
        graph.set_ef(ef)
        found, distances = graph.knn_query(queries, k=COUNT, num_threads=1)
        hits = sum(len(set(a) & set(b)) for a, b in zip(found, true, strict=True))
        recalls[str(ef)] = hits / true.size
        exact = np.take_along_axis(scores, found.astype(np.int64), axis=1)
        wrong = max(wrong, float(np.abs(1 - distances - exact).max()))
    tiny = np.array([1e-40], np.float32) * np.float32(1)
    return {
        "recall": recalls,
        "score_error": wrong,
        "keeps_denormals": bool(tiny[0] > 0),
    }


def _unit(points: Any, random: np.random.Generator) -> Any:
    points = points + 2 * random.normal(size=points.shape)
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def main() -> None:
    """Answer one question."""
    question, *rest = sys.argv[1:]
    answer = vectors(Path(rest[0])) if question == "vectors" else recall()
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
