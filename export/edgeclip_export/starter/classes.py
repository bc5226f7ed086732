"""Make the class matrix: what the 1,000 classes of the image tower mean in the text tower's space.

Names come from torchvision and open_clip, lemmas and definitions from timm, ancestors from WordNet;
all of them follow the classifier's order, which is that of the sorted WordNet ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from edgeclip_export.starter import packages, wordnet

PROMPT = "a photo of a {}"
ANCESTORS = 3
TOO_GENERAL = 5000  # nouns below: leaves out entity, object, artifact, living thing, …; 20 in all
ANCESTOR_WEIGHT = 0.5
SPREAD = 0.25  # 0 leaves the directions as they are, 0.5 makes all of them equally wide


@dataclass(frozen=True, slots=True)
class ClassTexts:
    """What is known of one class in words."""

    names: tuple[str, ...]
    """Short names, one from each list."""
    definition: str
    """``lemma, lemma: definition``."""
    ancestors: tuple[str, ...]
    """Nearest WordNet ancestors in words, nearest first."""


def read_class_texts() -> tuple[ClassTexts, ...]:
    """Collect the texts of all 1,000 classes from the installed packages."""
    from open_clip import IMAGENET_CLASSNAMES
    from timm.data.imagenet_info import ImageNetInfo
    from torchvision.models._meta import _IMAGENET_CATEGORIES  # type: ignore[import-untyped]

    nouns = _read_nouns()
    too_general = wordnet.general_nouns(nouns, limit=TOO_GENERAL)
    info: Any = ImageNetInfo("imagenet-1k")
    rows = []
    for index, noun in enumerate(info.label_names()):
        ancestors = wordnet.nearest_ancestors(nouns, noun, most=ANCESTORS, too_general=too_general)
        rows.append(
            ClassTexts(
                names=(_IMAGENET_CATEGORIES[index], IMAGENET_CLASSNAMES[index]),
                definition=info.index_to_description(index, detailed=True),
                ancestors=tuple(nouns[ancestor].lemma for ancestor in ancestors),
            )
        )
    return tuple(rows)


def _read_nouns() -> dict[str, wordnet.Noun]:
    nouns: dict[str, wordnet.Noun] = {}
    for file in packages.WORDNET_NOUNS:
        nouns.update(wordnet.read_nouns(packages.find(file).read_text("latin-1").splitlines()))
    return nouns


def class_matrix(rows: Sequence[ClassTexts], known: Mapping[str, Tensor]) -> Tensor:
    """Put each class where its texts are.

    A row is the unit mean of its names, bare and in a prompt, and its definition; then the mean of
    its ancestors, bare and in a prompt, is added with weight `ANCESTOR_WEIGHT`, so that "a bird"
    finds the jay.

    Args:
        rows: the classes.
        known: each of `all_texts` to its unit vector, ``(dim,)``.

    Returns:
        ``(classes, dim)`` float32, rows of unit length.
    """
    matrix = []
    for row in rows:
        own = [known[text] for text in (*_prompted(row.names), row.definition)]
        place = F.normalize(torch.stack(own).sum(0), dim=-1)
        if row.ancestors:
            above = [F.normalize(known[PROMPT.format(a)] + known[a], dim=-1) for a in row.ancestors]
            place = place + ANCESTOR_WEIGHT * torch.stack(above).mean(0)
        matrix.append(F.normalize(place, dim=-1))
    return torch.stack(matrix)


def _prompted(words: Sequence[str]) -> list[str]:
    return [text for word in words for text in (word, PROMPT.format(word))]


def all_texts(rows: Sequence[ClassTexts]) -> list[str]:
    """List every different text that the class matrix is made of, in a fixed order."""
    texts = dict.fromkeys(
        text
        for row in rows
        for text in (*_prompted(row.names), row.definition, *_prompted(row.ancestors))
    )
    return list(texts)


def measure_spread(vectors: Tensor, *, power: float = SPREAD) -> tuple[Tensor, Tensor]:
    """Find what all texts have in common, and how wide each direction of their space is.

    MiniLM's vectors share a large part (length 0.4 of 1), and a few directions are much wider than
    the others.  Both favour some texts for every picture: with the shared part taken away and the
    directions evened out by ``width ** -power``, a picture finds its label more often, and a label
    its picture as often as before.

    Args:
        vectors: ``(texts, dim)`` of unit length.
        power: 0 to 0.5.

    Returns:
        The mean, ``(dim,)``, and the symmetric ``(dim, dim)`` matrix to multiply the rest by; the
        widest direction keeps its width.
    """
    exact = vectors.to(torch.float64)
    centre = exact.mean(0)
    rest = exact - centre
    variances, directions = torch.linalg.eigh(rest.T @ rest / len(rest))
    widths = variances.clamp(min=float(variances[-1]) * 1e-6).sqrt()
    spread = (directions * (widths / widths[-1]) ** -power) @ directions.T
    return centre.float(), spread.float()
