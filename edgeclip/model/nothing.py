"""None of these: what a picture is compared with that shows no label.

A softmax over labels alone has to answer, so general texts (`edgeclip.model.background_texts`)
compete with the labels:

1. `COUNT` texts from all over the list, without those that mean a label: the text nearest to the
   label, where the label is nearer to it than every other text of the background is.
2. On a picture they are one competitor, not many: the mean of their best tenth.  Were each of them
   to compete, the more texts the less would be left for the labels.

Only ranks and a mean are used, no cosine of a certain model.  Both numbers were chosen on one half
of pictures and labels; `benchmarks/teach.py` measures the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeclip.model.background_texts import TEXTS
from edgeclip.vectors import Vector

NAME = "none of these"
COUNT = 48
"""Enough for any number of texts from 32 to 544 to do as well, and 4 s of a slow board's time."""
BEST = 1 / 10
_LEAST = 1 / 3


def background_texts() -> tuple[str, ...]:
    """Return the texts, always the same ones."""
    return tuple(TEXTS[i * len(TEXTS) // COUNT] for i in range(COUNT))


def rivals(labels: Vector, background: Vector) -> Vector:
    """Return the rows of the background that mean none of the labels.

    Args:
        labels: ``(n, dim)`` unit vectors of the labels' prompts.
        background: ``(b, dim)`` unit vectors of the general texts, made as the labels' were.

    Returns:
        At least a third of the rows, however many labels there are.
    """
    return background[~_meant(labels, background)] if len(background) else background


def competitor(cosines: Vector) -> float:
    """Return the cosine of "none of these": the mean of the best tenth of the background's."""
    count = max(1, round(BEST * len(cosines)))
    return float(np.sort(cosines)[-count:].mean())


def _meant(labels: Vector, vectors: Vector) -> NDArray[np.bool_]:
    """Return which texts mean a label: ``(k,)``."""
    among = vectors @ vectors.T
    np.fill_diagonal(among, -np.inf)
    cosines = labels @ vectors.T
    lead = cosines - among.max(axis=1)  # above 0: nearer than any other text
    nearest = cosines == cosines.max(axis=1, keepdims=True)
    leads = np.where(nearest, lead, -np.inf).max(axis=0)
    most = len(vectors) - int(np.ceil(_LEAST * len(vectors)))
    meant = np.zeros(len(vectors), np.bool_)
    meant[np.argsort(-leads, kind="stable")[:most]] = True
    found: NDArray[np.bool_] = meant & (leads > 0)
    return found
