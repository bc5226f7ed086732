"""Join the towers: measure the spread, make the class matrix, and give the fp32 reference."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tokenizers
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torchvision import transforms  # type: ignore[import-untyped]

from edgeclip_export.parity import Picture, Reference, Vectors
from edgeclip_export.starter import classes, packages, towers
from edgeclip_export.towers import CLIP_MEAN, CLIP_STD

KEEP = 20
TEMPERATURE = 2.0


@dataclass(frozen=True, slots=True)
class Joined:
    """Both towers in fp32, in one space."""

    image: towers.ImageTower
    text: towers.TextTower
    tokenizer: tokenizers.Tokenizer
    """MiniLM's own, cutting at 128 tokens, not padding."""
    texts: tuple[str, ...]
    """What the class matrix is made of."""


def join() -> Joined:
    """Build both towers from the installed packages.

    Raises:
        ExtraMissing: a package is not installed.
        CheckpointError: its files are others than the recipe's.
    """
    text = towers.load_text_tower(packages.find(packages.TEXT_WEIGHTS))
    tokenizer = tokenizers.Tokenizer.from_file(str(packages.find(packages.TOKENIZER)))
    tokenizer.no_padding()
    tokenizer.enable_truncation(towers.CONTEXT)
    rows = classes.read_class_texts()
    texts = classes.all_texts(rows)
    vectors = encode(text, tokenizer, texts)
    centre, spread = classes.measure_spread(vectors)
    text.centre.copy_(centre)
    text.spread.copy_(spread)
    placed = F.normalize((vectors - centre) @ spread, dim=-1)
    matrix = classes.class_matrix(rows, dict(zip(texts, placed, strict=True)))
    classifier = towers.load_classifier(packages.find(packages.IMAGE_WEIGHTS))
    image = towers.ImageTower(classifier, matrix, keep=KEEP, temperature=TEMPERATURE)
    return Joined(image.eval(), text, tokenizer, tuple(texts))


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch sum in one order: with more threads the last bits depend on how many there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@torch.no_grad()
def encode(
    tower: towers.TextTower, tokenizer: tokenizers.Tokenizer, texts: Sequence[str]
) -> Tensor:
    """Embed texts in fp32, batches of 64.

    Returns:
        ``(texts, 384)`` of unit length.
    """
    return torch.cat(
        [tower(_ids(tokenizer, texts[i : i + 64]))[1] for i in range(0, len(texts), 64)]
    )


def _ids(tokenizer: tokenizers.Tokenizer, texts: Sequence[str]) -> Tensor:
    rows = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    longest = max(len(row) for row in rows)
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


def reference(joined: Joined) -> Reference:
    """Return the joined towers as the reference that the stored form is compared with.

    Its preprocessing is torchvision's, its tokenizer the package's own: nothing of edgeclip's.
    """
    transform = transforms.Compose(
        [
            transforms.ToPILImage(),
            transforms.Resize(
                towers.IMAGE_SIZE, interpolation=transforms.InterpolationMode.BICUBIC
            ),
            transforms.CenterCrop(towers.IMAGE_SIZE),
            transforms.ToTensor(),
            transforms.Normalize(CLIP_MEAN, CLIP_STD),
        ]
    )

    @torch.no_grad()
    def pictures(items: Sequence[Picture]) -> Vectors:
        return _double([joined.image(transform(item)[None])[1] for item in items])

    def texts(items: Sequence[str]) -> Vectors:
        return _double([encode(joined.text, joined.tokenizer, items)])

    return Reference("torch fp32", pictures, texts)


def _double(parts: Sequence[Tensor]) -> NDArray[np.float64]:
    vectors: NDArray[np.float64] = torch.cat(list(parts)).double().numpy()
    return vectors
