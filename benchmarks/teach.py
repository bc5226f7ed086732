"""Teach by example: accuracy with words alone, with examples alone, and with both.

The photographs of ``EDGECLIP_CLOTHING``, the starter model, ten seeds: 8 pictures of each class to
learn from, all others to test with.  The share of the pictures and the sharpness are chosen with
the learning pictures alone.  The prompts were written once, from the names of the folders; the
shrinkage of the covariance (`edgeclip.model.mixing`) was chosen with pictures of the same set.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks import material, measure
from edgeclip import Model, PromptPack
from edgeclip.model.mixing import WEIGHTS
from edgeclip.model.prompts import Prompts
from edgeclip.model.teach import teach
from edgeclip.vectors import Vector

LEARNED = 8
SEEDS = range(10)
PROMPTS: dict[str, Sequence[str]] = {
    "dress": ["dress"],
    "hat": ["hat", "cap"],
    "longsleeve": ["long-sleeved shirt", "pullover", "sweatshirt"],
    "outwear": ["jacket", "coat"],
    "pants": ["trousers", "jeans"],
    "shirt": ["buttoned shirt with a collar"],
    "shoes": ["pair of shoes", "sneaker", "boot"],
    "shorts": ["pair of shorts"],
    "skirt": ["skirt"],
    "t-shirt": ["t-shirt"],
}
WAYS: dict[str, Sequence[float] | None] = {
    "words alone": None,
    "examples alone": (1.0,),
    "both": WEIGHTS,
}


@dataclasses.dataclass(frozen=True)
class Shop:
    """Photographs with their classes."""

    vectors: Vector
    classes: NDArray[np.int64]
    pack: PromptPack

    def split(self, seed: int, learned: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the places of the pictures to learn from and of those to test with."""
        random = np.random.default_rng(seed)
        places = [np.flatnonzero(self.classes == k) for k in range(len(PROMPTS))]
        chosen = np.concatenate([random.permutation(each)[:learned] for each in places])
        return chosen, np.setdiff1d(np.arange(len(self.classes)), chosen)

    def taught(self, chosen: NDArray[np.int64], weights: Sequence[float] | None) -> PromptPack:
        """Return the pack, taught by the chosen pictures unless words alone count."""
        if weights is None:
            return self.pack
        examples = {
            name: self.vectors[chosen[self.classes[chosen] == k]] for k, name in enumerate(PROMPTS)
        }
        return teach(self.pack, examples, weights=weights)[0]

    def accuracy(self, pack: PromptPack, places: NDArray[np.int64]) -> float:
        """Return the share of pictures that get their own label."""
        classify = pack.classifier(lambda vector: vector)
        names = list(PROMPTS)
        right = [
            classify.rank(self.vectors[i])[0].key == names[self.classes[i]] for i in places.tolist()
        ]
        return float(np.mean(right))


def shop(named: bool = False) -> Shop:
    """Embed the photographs; ``named``: the folders' names are the only words."""
    model = Model.load(material.ROOT / "models" / "starter")
    paths = material.clothing()
    vectors = np.stack(list(model.embed_images(paths)))
    names = list(PROMPTS)
    words = Prompts.of(names if named else PROMPTS)
    classes = np.array([names.index(path.parent.name) for path in paths])
    return Shop(vectors, classes, PromptPack.compile(words, model))


def figures(found: Shop, learned: int = LEARNED) -> dict[str, list[float]]:
    """Return the accuracy of each way, seed by seed."""
    accuracies: dict[str, list[float]] = {way: [] for way in WAYS}
    for seed in SEEDS:
        chosen, tested = found.split(seed, learned)
        for way, weights in WAYS.items():
            accuracies[way].append(found.accuracy(found.taught(chosen, weights), tested))
    return accuracies


def rows() -> list[measure.Row]:
    """Compare the three ways; no rows without the photographs."""
    if not material.clothing():
        return []
    made = []
    found = shop()
    named = dataclasses.replace(found, pack=shop(named=True).pack)
    for said, these in (("", found), (", names as words", named)):
        accuracies = figures(these)
        for way, each in accuracies.items():
            detail = (
                f"± {np.std(each, ddof=1):.3f} over {len(SEEDS)} seeds, {min(each):.3f} to "
                f"{max(each):.3f}"
            )
            what = f"clothing, 8 of each of 10 classes{said}: accuracy with {way}"
            made.append(measure.Row(what, float(np.mean(each)), "", detail, digits=3))
    return made
