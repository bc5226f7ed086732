"""Scores: how well a frame, or a part of it, fits a rule.

The score is a log-odds: the model's logit of the best of the rule's prompts against its negatives
and the background together, ``s·cos(prompt) − log Σ exp(s·cos(negative))``, with the model's logit
scale ``s``.  At 0 the prompt is as likely as all of them.  The background's general texts are one
competitor, as in `edgeclip.model.nothing`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeclip.model import nothing
from edgeclip.model.pack import PromptPack
from edgeclip.model.packed import PackedLabel
from edgeclip.vectors import Vector
from edgeclip.watch.events import Box


class Scorer:
    """Score vectors for one label of a pack."""

    def __init__(self, label: PackedLabel, pack: PromptPack) -> None:
        self._prompts = label.vectors
        self._negatives = np.concatenate([label.negative_vectors, pack.negative_vectors])
        # Of this rule alone: another one beside it changes nothing.
        self._background = pack.general([label])
        self._scale = pack.logit_scale

    def __call__(self, vector: Vector) -> float:
        """Return the log-odds of a ``(dim,)`` unit vector."""
        rivals = self._negatives @ vector
        if len(self._background):
            rivals = np.append(rivals, nothing.competitor(self._background @ vector))
        own = (self._prompts @ vector).max(keepdims=True)
        if not len(rivals):
            return float(self._scale * own[0])
        return float(log_odds(self._scale, own, rivals[None])[0])


def log_odds(
    scale: float, own: NDArray[np.floating], rivals: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return ``(n,)`` log-odds of ``(n,)`` cosines against ``(n, k)`` of their rivals."""
    most = rivals.max(axis=1)
    together = np.log(np.exp(scale * (rivals - most[:, None])).sum(axis=1))
    odds: NDArray[np.floating] = scale * (own - most) - together
    return odds


def crop(picture: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Return a part of a picture, at least one pixel of it."""
    height, width = picture.shape[:2]
    left, top, right, bottom = box
    x, y = min(int(left * width), width - 1), min(int(top * height), height - 1)
    return picture[y : max(y + 1, round(bottom * height)), x : max(x + 1, round(right * width))]
