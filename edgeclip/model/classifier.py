"""Classifier: zero-shot labels, embedded once.

The construction is that of the CLIP paper (Radford et al. 2021, section 3.1.4): every label is put
into each template, the unit vectors are averaged and scaled to length 1 again, and a picture's
scores are the softmax of its cosines times the model's logit scale.  Beyond the paper, a label may
have several prompts, of which the best counts, and "none of these" may be an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from edgeclip.errors import InvalidText
from edgeclip.model import nothing
from edgeclip.model.templates import filled
from edgeclip.vectors import Match, Vector, ranked, softmax, unit


class Classifier:
    """Rank labels for pictures.

    Args:
        labels: ``n`` names, as they appear in the answers.
        prototypes: ``(p + m, dim)`` unit vectors: the labels' prompts, then ``m`` negatives, which
            take their share of the probability and are never answered.
        embed_image: picture → ``(dim,)`` unit vector.
        logit_scale: multiplies cosines before the softmax.
        prompts: how many rows belong to each label, ``p`` in all; None: one each.
        apart: label → ``(k, dim)`` unit vectors of negatives that take from this label alone.
        none: name of one more answer: what is left for the negatives and the background.
        background: ``(b, dim)`` unit vectors of general texts; see `edgeclip.model.nothing`.
    """

    def __init__(
        self,
        labels: Sequence[str],
        prototypes: Vector,
        embed_image: Callable[[Any], Vector],
        *,
        logit_scale: float,
        prompts: Sequence[int] | None = None,
        apart: Mapping[str, Vector] | None = None,
        none: str | None = None,
        background: Vector | None = None,
    ) -> None:
        self.labels = tuple(labels)
        self.prototypes = prototypes
        self.logit_scale = logit_scale
        self.none = none
        self._embed_image = embed_image
        counts = [1] * len(self.labels) if prompts is None else list(prompts)
        self._starts = np.cumsum([0, *counts[:-1]])
        self._own = sum(counts)
        self._apart = {self.labels.index(name): rows for name, rows in (apart or {}).items()}
        self._background = background

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
        scores = self.scores(vector)
        if self.none is None:
            return ranked(self.labels, scores)
        rest = max(0.0, 1.0 - float(scores.sum(dtype=np.float64)))
        return ranked([*self.labels, self.none], [*scores, rest])

    def scores(self, vector: Vector) -> Vector:
        """Return the labels' probabilities in their order, shape ``(n,)``, for a unit vector."""
        cosines = self.prototypes @ vector
        best = np.maximum.reduceat(cosines[: self._own], self._starts)
        rivals = cosines[self._own :]
        if self._background is not None and len(self._background):
            rivals = np.append(rivals, nothing.competitor(self._background @ vector))
        shares = softmax(self.logit_scale * np.append(best, rivals))[: len(self.labels)]
        for i, rows in self._apart.items():
            # A share is split between the label and its own negatives; the others keep theirs.
            shares[i] *= softmax(self.logit_scale * np.append(best[i], rows @ vector))[0]
        return shares


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
    check_names(names)
    return averaged(names, templates, embed_texts)


def averaged(
    texts: Sequence[str],
    templates: Sequence[str],
    embed_texts: Callable[[list[str]], Sequence[Vector]],
) -> Vector:
    """Put each text into each template and return the unit means: ``(n, dim)`` float32.

    Raises:
        InvalidText: a template without ``{}``, or none.
    """
    wrong = next((template for template in templates if template.count("{}") != 1), None)
    if wrong is not None or not templates:
        raise InvalidText(f"the template {wrong!r} needs one {{}} where the label goes.")
    prompts = [filled(template, text) for text in texts for template in templates]
    vectors = np.stack(list(embed_texts(prompts))).reshape(len(texts), len(templates), -1)
    return unit(vectors.mean(axis=1))


def check_names(names: Sequence[str]) -> None:
    """Refuse names that are empty or given twice.

    Raises:
        InvalidText: with the name.
    """
    if not all(isinstance(name, str) and name.strip() for name in names):
        raise InvalidText("a label is empty or no text. Leave it out.")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidText(f"the label {twice!r} is given twice. Give each once.")
