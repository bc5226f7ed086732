"""Teach a prompt pack by example pictures.

What is learned stands among the vectors of the words (`edgeclip.model.mixing`), so a taught label
can be compared with negatives, a background and other labels that nobody has pictures of.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgeclip.errors import EdgeclipError, InvalidItem
from edgeclip.model import estimate, lesson, mixing, nothing
from edgeclip.model.lesson import Answers, Rivals
from edgeclip.model.mixing import Array, Words
from edgeclip.model.pack import PromptPack
from edgeclip.model.packed import PackedLabel
from edgeclip.vectors import Vector, unit

LEAST = 3
"""Different pictures of each class, below which nothing can be said."""
_SAME = 0.999  # cosine from which two pictures are one: saved again, or scaled
_TOLD = 4  # digits of what is kept


@dataclass(frozen=True, slots=True)
class Lesson:
    """What pictures taught, and how well, by pictures that were left out of the teaching."""

    measure: Literal["balanced accuracy", "AUC"]
    """AUC: how often a picture of the label scores above another one."""
    estimate: float
    """From 0 to 1."""
    low: float
    """Lower end of its 95 % interval."""
    high: float
    """Upper end."""
    chance: float
    """What guessing gets."""
    weight: float
    """Share of the pictures in what was learned; the rest is the words'."""
    pictures: Mapping[str, int]
    """How many different pictures each label has learned from."""
    others: int
    """How many pictures of something else; 0 where labels were told from each other."""
    thresholds: Mapping[str, float]
    """For each label the probability that parts it best from the others."""


def distinct(examples: Mapping[str, Sequence[Vector]]) -> tuple[dict[str, Vector], int]:
    """Leave out what would make an estimate lie: the same picture twice.

    Args:
        examples: unit vectors of each class's pictures.

    Returns:
        ``(n, dim)`` for each class, and how many were left out.  Of a picture that is in two
        classes nothing is left: one of them must be wrong.
    """
    names = [name for name, vectors in examples.items() for _ in vectors]
    if not names:
        return {name: np.zeros((0, 1), np.float32) for name in examples}, 0
    rows = np.stack([vector for vectors in examples.values() for vector in vectors])
    kept: list[int] = []
    twofold: set[int] = set()
    for i, row in enumerate(rows):
        same = [k for k in kept if rows[k] @ row > _SAME]
        twofold |= {k for k in same if names[k] != names[i]}
        kept += [] if same else [i]
    left = [k for k in kept if k not in twofold]
    found = {name: rows[[k for k in left if names[k] == name]] for name in examples}
    return found, len(rows) - len(left)


def teach(
    pack: PromptPack,
    examples: Mapping[str, Vector],
    others: Vector | None = None,
    *,
    weights: Sequence[float] = mixing.WEIGHTS,
) -> tuple[PromptPack, Lesson]:
    """Teach labels by their pictures.

    Args:
        pack: what is taught; a label that was taught before is taught anew, from its words.
        examples: ``(n, dim)`` unit vectors of different pictures, for each label that is taught:
            two labels or more, or one.
        others: ``(n, dim)`` of pictures without the label, when it is one.
        weights: shares of the pictures that are tried, out of `mixing.WEIGHTS`; ``(1.0,)`` leaves
            the words out.

    Returns:
        The pack that knows them, and how well it does.

    Raises:
        InvalidItem: a label that the pack has not, too few pictures, or one label without others.
        EdgeclipError: the classes cannot be told apart.
    """
    known = {label.name: label for label in pack.labels}
    labels = [_untaught(known[name]) for name in examples if name in known]
    sets = list(examples.values())
    if len(labels) < len(examples):
        wrong = next(name for name in examples if name not in known)
        raise InvalidItem(f"the pack has no label {wrong!r}. It has {', '.join(known)}.")
    if len(labels) == 1:
        if others is None:
            raise InvalidItem(
                f"{labels[0].name!r} can only be told from something else. "
                "Give pictures without it as well."
            )
        sets.append(others)
    _check_counts([*examples, "other pictures"], sets)
    answers = _learned(pack, labels, sets, weights)
    found = _judged(labels, sets, answers)
    if found.low <= found.chance:
        raise EdgeclipError(_refusal(found))
    return _taught(pack, labels, answers, found), found


def _untaught(label: PackedLabel) -> PackedLabel:
    """Return a label as its words made it."""
    if label.text_vectors is None or label.text_negative_vectors is None:
        return label
    return dataclasses.replace(
        label,
        vectors=label.text_vectors,
        negative_vectors=label.text_negative_vectors,
        lesson=None,
        text_vectors=None,
        text_negative_vectors=None,
    )


def _check_counts(names: Sequence[str], sets: Sequence[Vector]) -> None:
    for name, vectors in zip(names, sets, strict=False):
        if len(vectors) < LEAST:
            raise InvalidItem(
                f"there are {len(vectors)} different pictures of {name!r}, less than {LEAST}. "
                "Give more, at least 8 if you can."
            )


def _learned(
    pack: PromptPack,
    labels: Sequence[PackedLabel],
    sets: Sequence[Vector],
    weights: Sequence[float],
) -> Answers:
    pictures = np.concatenate(sets).astype(np.float64)
    classes = np.repeat(np.arange(len(sets)), [len(vectors) for vectors in sets])
    against = len(sets) > len(labels)
    said = _words(pack, labels, against)
    shared = [pictures @ pack.negative_vectors.T]
    if not against:  # a label alone is asked whether it is there, whatever else is
        shared += [(pictures @ e.vectors.T).max(axis=1)[:, None] for e in _resting(pack, labels)]
    if len(pack.background_vectors):
        scores = (pictures @ pack.general(pack.labels).T).astype(np.float32)
        shared.append(np.array([[nothing.competitor(row)] for row in scores]))
    rivals = Rivals(
        np.concatenate(shared, axis=1),
        tuple(pictures @ label.negative_vectors.T for label in labels),
        against,
    )
    return lesson.learn(pictures, classes, said, rivals, pack.logit_scale, weights)


def _resting(pack: PromptPack, labels: Sequence[PackedLabel]) -> list[PackedLabel]:
    """Return the labels that are not taught now."""
    names = {label.name for label in labels}
    return [label for label in pack.labels if label.name not in names]


def _words(pack: PromptPack, labels: Sequence[PackedLabel], against: bool) -> Words:
    own: list[Vector | None] = [label.vectors for label in labels]
    if against:
        negatives = np.concatenate([labels[0].negative_vectors, pack.negative_vectors])
        return mixing.words([*own, negatives if len(negatives) else None], [])
    resting = [label.vectors for label in _resting(pack, labels)]
    return mixing.words(own, [*resting, pack.negative_vectors])


def _judged(labels: Sequence[PackedLabel], sets: Sequence[Vector], answers: Answers) -> Lesson:
    classes = np.repeat(np.arange(len(sets)), [len(vectors) for vectors in sets])
    scores = answers.probabilities
    against = len(sets) > len(labels)
    if against:
        measured = estimate.auc(scores[classes == 0, 0], scores[classes == 1, 0])
    else:
        measured = estimate.balanced_accuracy(_right(scores, classes))
    found, (low, high) = measured
    thresholds = {
        label.name: estimate.best_threshold(scores[classes == k, k], scores[classes != k, k])
        for k, label in enumerate(labels)
    }
    return Lesson(
        "AUC" if against else "balanced accuracy",
        round(found, _TOLD),
        round(low, _TOLD),
        round(high, _TOLD),
        chance=0.5 if against else round(1 / len(labels), _TOLD),
        weight=answers.weight,
        pictures={label.name: len(each) for label, each in zip(labels, sets, strict=False)},
        others=len(sets[-1]) if against else 0,
        thresholds={name: round(value, _TOLD) for name, value in thresholds.items()},
    )


def _right(scores: Array, classes: NDArray[np.int64]) -> list[NDArray[np.bool_]]:
    best = scores.argmax(axis=1)
    return [best[classes == k] == k for k in range(scores.shape[1])]


def _taught(
    pack: PromptPack, labels: Sequence[PackedLabel], answers: Answers, found: Lesson
) -> PromptPack:
    rows = answers.prototypes
    changed = {}
    for k, label in enumerate(labels):
        others = rows[len(labels) :]
        kept = {**asdict(found), "pictures": dict(found.pictures)}
        changed[label.name] = dataclasses.replace(
            label,
            vectors=unit(rows[k : k + 1]),
            negative_vectors=np.concatenate([label.negative_vectors, others]),
            lesson=kept,
            text_vectors=label.vectors,
            text_negative_vectors=label.negative_vectors,
        )
    return dataclasses.replace(
        pack, labels=tuple(changed.get(label.name, label) for label in pack.labels)
    )


def _refusal(found: Lesson) -> str:
    names = " and ".join([*found.pictures, *(["other pictures"] if found.others else [])])
    return (
        f"{names} cannot be told apart: the {found.measure} of pictures that were left out is "
        f"{found.estimate:.2f} (95 % interval {found.low:.2f} to {found.high:.2f}), and guessing "
        f"gets {found.chance:.2f}. Give more pictures, or such that differ more."
    )
