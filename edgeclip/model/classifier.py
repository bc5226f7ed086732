"""Classifier: zero-shot labels, embedded once.

The construction is that of the CLIP paper (Radford et al. 2021, section 3.1.4): every label is put
into each template, the unit vectors are averaged and scaled to length 1 again, and a picture's
scores are the softmax of its cosines times the model's logit scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgeclip.errors import InvalidText
from edgeclip.vectors import Match, Vector, ranked, softmax, unit


class Classifier:
    """Rank labels for pictures.

    Args:
        labels: ``n`` names, as they appear in the answers.
        prototypes: ``(n + m, dim)`` unit vectors: the labels', then those of ``m`` negatives, which
            take their share of the probability and are never answered.
        embed_image: picture → ``(dim,)`` unit vector.
        logit_scale: multiplies cosines before the softmax.
    """

    def __init__(
        self,
        labels: Sequence[str],
        prototypes: Vector,
        embed_image: Callable[[Any], Vector],
        *,
        logit_scale: float,
    ) -> None:
        self.labels = tuple(labels)
        self.prototypes = prototypes
        self.logit_scale = logit_scale
        self._embed_image = embed_image

    def __call__(self, picture: Any) -> list[Match]:
        """Rank the labels for one picture.

        Args:
            picture: whatever ``Model.embed_image`` takes.

        Returns:
            One `Match` for each label, best first; the scores and the negatives' add up to 1.
        """
        return self.rank(self._embed_image(picture))

    def rank(self, vector: Vector) -> list[Match]:
        """Rank the labels for a picture's unit vector of shape ``(dim,)``."""
        scores = softmax(self.logit_scale * (self.prototypes @ vector))
        return ranked(self.labels, scores[: len(self.labels)])


def prototypes(
    labels: Sequence[str],
    templates: Sequence[str],
    embed_texts: Callable[[list[str]], Sequence[Vector]],
    *,
    negatives: Sequence[str] = (),
) -> Vector:
    """Embed labels through templates.

    Args:
        labels: ``n`` ≥ 1 names.
        templates: ``t`` ≥ 1 prompts, each with ``{}`` where the label goes.
        embed_texts: ``k`` texts → ``k`` unit vectors.
        negatives: ``m`` further names.

    Returns:
        ``(n + m, dim)`` float32, each row of unit length.

    Raises:
        InvalidText: no labels, the same label twice, or a template without ``{}``.
        TypeError: one text where a list of them is meant.
    """
    if any(isinstance(texts, str) for texts in (labels, negatives, templates)):
        raise TypeError("labels, negatives and templates are lists of texts, not one text.")
    if not labels:
        raise InvalidText("there are no labels. Give at least one.")
    names = [*labels, *negatives]
    _check(names, templates)
    texts = [template.replace("{}", name) for name in names for template in templates]
    vectors = np.stack(list(embed_texts(texts))).reshape(len(names), len(templates), -1)
    return unit(vectors.mean(axis=1))


def _check(names: Sequence[str], templates: Sequence[str]) -> None:
    if not all(isinstance(name, str) and name.strip() for name in names):
        raise InvalidText("a label is empty or no text. Leave it out.")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidText(f"the label {twice!r} is given twice. Give each once.")
    wrong = next((template for template in templates if template.count("{}") != 1), None)
    if wrong is not None or not templates:
        raise InvalidText(f"the template {wrong!r} needs one {{}} where the label goes.")
