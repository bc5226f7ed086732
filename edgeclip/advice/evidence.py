"""Evidence: what a model itself makes of words that CLIP is said not to understand.

The query is embedded beside its perturbation, the same words with another meaning (left and right
swapped, another number, no negation), as the ARO and What's Up benchmarks do it with captions
(Yuksekgonul et al. 2023, https://arxiv.org/abs/2210.01936; Kamath et al. 2023,
https://arxiv.org/abs/2310.19785).  Two cosines give the figure its scale: the highest that
unrelated texts get with this model, and that of a rewording which changes nothing.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np

from edgeclip.advice.limits import Evidence
from edgeclip.model.texts import MAX_CHARACTERS

if TYPE_CHECKING:
    from edgeclip.model.model import Model

# Far from each other on purpose: animal, machine, food, place, person, weather, page, game.
UNRELATED = (
    "a horse",
    "a computer keyboard",
    "a bowl of soup",
    "mountains covered in snow",
    "a nurse in a hospital",
    "lightning in a storm",
    "a page of handwriting",
    "people playing football",
)
_REWORDING = "a photo of "
_levels: weakref.WeakKeyDictionary[Model, float] = weakref.WeakKeyDictionary()


def evidence(query: str, changed: str, model: Model) -> Evidence | None:
    """Compare a query with its perturbation, in the eyes of a model.

    Args:
        query: words.
        changed: the same words with another meaning.
        model: has a text tower.

    Returns:
        None when a text is too long to be embedded.

    Raises:
        ModelError: the model knows no words, or is damaged.
    """
    texts = [query, changed, _reworded(query)]
    if max(map(len, texts)) > MAX_CHARACTERS:
        return None
    own, other, reworded = model.embed_texts(texts)
    return Evidence(changed, float(own @ other), float(own @ reworded), unrelated(model))


def unrelated(model: Model) -> float:
    """Return the highest cosine among `UNRELATED`; embedded once for each model."""
    if model not in _levels:
        vectors = np.stack(list(model.embed_texts(UNRELATED)))
        cosines = vectors @ vectors.T
        _levels[model] = float(cosines[np.triu_indices(len(vectors), 1)].max())
    return _levels[model]


def _reworded(query: str) -> str:
    """Return the query in words that mean the same."""
    for begin in ("a photo of ", "photo of ", "a picture of ", "picture of "):
        if query.lower().startswith(begin):
            return "an image of " + query[len(begin) :]
    return _REWORDING + query
