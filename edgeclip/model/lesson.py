"""Learn from example vectors, and judge what was learned by pictures that were left out.

Every picture is answered by what the others teach.  The share of the pictures and the sharpness are
chosen by those answers, and for each picture's own answer by those of the others alone, so that the
estimate does not flatter the choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeclip.model import mixing
from edgeclip.model.mixing import WEIGHTS, Array, Words
from edgeclip.vectors import Vector

SHARPNESS = (1.0, 2.0, 4.0, 8.0)
_FOLDS = 100
"""Of more pictures several are left out at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Rivals:
    """Cosines of ``n`` pictures with what is not taught."""

    shared: Array
    """``(n, r)``: takes from all classes."""
    apart: tuple[Array, ...]
    """For each class ``(n, m)``: takes from it alone."""
    against: bool
    """Whether the last class is no label: it takes from the first alone, and is what is left."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What was learned, and how it did."""

    weight: float
    """Share of the pictures; the rest is the words'."""
    prototypes: Vector
    """``(k, dim)`` unit vectors."""
    probabilities: Array
    """``(n, k)``: each picture's, learned from the others."""


def learn(
    pictures: Array,
    classes: NDArray[np.int64],
    said: Words,
    rivals: Rivals,
    logit_scale: float,
    weights: Sequence[float] = WEIGHTS,
) -> Answers:
    """Learn ``k`` classes from ``n`` pictures.

    Args:
        pictures: ``(n, dim)`` unit vectors, none of them twice.
        classes: ``(n,)`` from 0 to ``k - 1``; at least two pictures of each.
        said: what the words say of the classes.
        rivals: what else competes for the pictures.
        logit_scale: multiplies cosines before the softmax.
        weights: those of `mixing.WEIGHTS` that are tried.
    """
    tried = [WEIGHTS.index(weight) for weight in ((1.0,) if said.silent else weights)]
    leads = np.empty((len(tried), len(pictures), len(said.apart)))
    for out in _folds(len(pictures)):
        rest = np.delete(np.arange(len(pictures)), out)
        learned = mixing.directions(pictures[rest], classes[rest], said)[tried]
        leads[:, out] = np.einsum("wkd,nd->wnk", learned, pictures[out])
    options = [(i, sharpness) for i in range(len(tried)) for sharpness in SHARPNESS]
    every = np.stack(
        [
            probabilities(cosines(leads[i], pictures, said, sharpness), rivals, logit_scale)
            for i, sharpness in options
        ]
    )
    loss = -np.log(np.maximum(every[:, np.arange(len(pictures)), classes], 1e-9))
    total = loss.sum(axis=1)
    own = np.argmin(total[:, None] - loss, axis=0)  # chosen without the picture itself
    i, sharpness = options[int(np.argmin(total))]
    direction = mixing.directions(pictures, classes, said)[tried[i]]
    return Answers(
        WEIGHTS[tried[i]],
        mixing.prototypes(direction, said, sharpness),
        every[own, np.arange(len(pictures))],
    )


def cosines(leads: Array, pictures: Array, said: Words, sharpness: float) -> Array:
    """Return cosines with `mixing.prototypes` from dot products with their directions."""
    reach = sharpness * said.reach
    length = np.sqrt(float(said.centre @ said.centre) + reach * reach)  # at right angles
    found: Array = ((pictures @ said.centre)[:, None] + reach * leads) / length
    return found


def probabilities(found: Array, rivals: Rivals, logit_scale: float) -> Array:
    """Return ``(n, k)`` as `edgeclip.model.classifier.Classifier` answers them."""
    labels, apart = found, list(rivals.apart)
    if rivals.against:
        labels, apart = found[:, :1], [np.concatenate([apart[0], found[:, 1:]], axis=1)]
    shares = _softmax(logit_scale * np.concatenate([labels, rivals.shared], axis=1))
    shares = shares[:, : labels.shape[1]]
    for k, own in enumerate(apart):
        alone = np.concatenate([labels[:, k : k + 1], own], axis=1)
        shares[:, k] *= _softmax(logit_scale * alone)[:, 0]
    return np.concatenate([shares, 1 - shares], axis=1) if rivals.against else shares


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Array = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _folds(count: int) -> Iterator[NDArray[np.int64]]:
    # Neighbours are often alike and of one class: they are not left out together.
    places = np.arange(count)
    for fold in range(min(count, _FOLDS)):
        yield places[fold::_FOLDS]
