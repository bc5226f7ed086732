"""PromptPack: labels, negatives and settings with their vectors, bound to one space; a small file.

A board that only classifies or watches opens a pack with neither text tower nor tokenizer.  Other
languages can read it: `edgeclip.model.pack_file` describes every byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeclip.errors import InvalidText, PackError, SpaceMismatch
from edgeclip.model import nothing, pack_file, parts
from edgeclip.model.classifier import Classifier, averaged, check_names, prototypes
from edgeclip.model.pack_file import MAGIC, Reader, Writer, mapping, texts
from edgeclip.model.packed import PackedLabel
from edgeclip.model.whole import whole_file
from edgeclip.vectors import Vector

if TYPE_CHECKING:
    from edgeclip.model.model import Model
    from edgeclip.model.prompts import Prompts

_MOST_SCALE = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class PromptPack:
    """Labels that were compiled for one space."""

    model: str
    """Name of the model."""
    space: str
    """Space id that the vectors belong to."""
    logit_scale: float
    """Multiplies cosines before the softmax."""
    labels: tuple[PackedLabel, ...]
    """At least one."""
    negatives: tuple[str, ...]
    """Words of what takes from all labels."""
    negative_vectors: Vector
    """``(n, dim)`` unit vectors of ``negatives``."""
    none: str | None
    """Name of one more answer, for what is no label; None: there is none."""
    background_vectors: Vector
    """``(b, dim)`` unit vectors of general texts, where there is ``none``."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else the file said."""

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return int(self.negative_vectors.shape[1])

    @classmethod
    def compile(cls, prompts: Prompts, model: Model) -> PromptPack:
        """Embed labels and negatives with a model.

        Raises:
            InvalidText: no labels, a text twice, or one that cannot be embedded.
            ModelError: the model has no text tower.
        """
        chosen = prompts.templates
        templates = parts.text_tower(model.manifest).templates if chosen is None else chosen
        scale = 1 / prompts.temperature if prompts.temperature else model.logit_scale
        rows = _embedded(prompts, templates, lambda filled: list(model.embed_texts(filled)))
        background = np.zeros((0, model.dim), np.float32)
        if prompts.none is not None:
            background = averaged(
                nothing.background_texts(), templates, lambda some: list(model.embed_texts(some))
            )

        def stacked(some: Sequence[str]) -> Vector:
            return np.array([rows[text] for text in some], np.float32).reshape(-1, model.dim)

        labels = tuple(
            PackedLabel(
                label.name,
                label.prompts,
                stacked(label.prompts),
                label.negatives,
                stacked(label.negatives),
                label.settings,
            )
            for label in prompts.labels
        )
        shared = prompts.negatives
        return cls(
            *(model.name, model.space, scale, labels, shared, stacked(shared)),
            *(prompts.none, background, prompts.settings),
        )

    @classmethod
    def load(cls, path: Path | str, space: str | None = None) -> PromptPack:
        """Read a pack.

        Args:
            path: the file.
            space: the space id that its vectors must belong to; None: any.

        Raises:
            PackError: the file cannot be read, or is no whole pack.
            SpaceMismatch: it belongs to another space.
        """
        data = _read(Path(path))
        try:
            pack = _decoded(Reader(data))
        except PackError as error:
            raise PackError(f"{path} {error}. Make it again with edgeclip pack.") from error
        if space is not None:
            pack.check_space(space, str(path))
        return pack

    def check_space(self, space: str, name: str = "the pack") -> None:
        """Refuse another space than the pack's own.

        Raises:
            SpaceMismatch: with what to do.
        """
        if space != self.space:
            raise SpaceMismatch(
                f"{name} was made with the model {self.model} in space {self.space[:12]}…, not in "
                f"{space[:12]}…. Choose that model with the same --fit and --draft, or make the "
                "pack again with edgeclip pack."
            )

    def save(self, path: Path | str) -> int:
        """Write the file, whole or not at all; return its size in bytes.

        Raises:
            EdgeclipError: it cannot be written.
        """
        data = _encoded(self)
        with whole_file(Path(path)) as file:
            file.write(data)
        return len(data)

    def general(self, labels: Sequence[PackedLabel]) -> Vector:
        """Return the ``background_vectors`` of the texts that mean none of these labels."""
        return nothing.rivals(
            np.concatenate([label.words for label in labels]), self.background_vectors
        )

    def classifier(
        self, embed_image: Callable[[Any], Vector], *, labels: Sequence[str] | None = None
    ) -> Classifier:
        """Make the classifier of these labels, or of some of them.

        Args:
            embed_image: picture → ``(dim,)`` unit vector of the same space, such as
                ``Model.embed_image``.
            labels: names; None: all.
        """
        chosen = [each for each in self.labels if labels is None or each.name in labels]
        return Classifier(
            [each.name for each in chosen],
            np.concatenate([*(each.vectors for each in chosen), self.negative_vectors]),
            embed_image,
            logit_scale=self.logit_scale,
            prompts=[len(each.vectors) for each in chosen],
            apart={e.name: e.negative_vectors for e in chosen if len(e.negative_vectors)},
            none=self.none,
            background=self.general(self.labels),
        )


def is_pack(path: Path | str) -> bool:
    """Tell whether a file begins as a pack does."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def _embedded(
    prompts: Prompts, templates: Sequence[str], embed_texts: Callable[[list[str]], list[Vector]]
) -> dict[str, Vector]:
    """Return each text's unit vector; every text is embedded once."""
    check_names([label.name for label in prompts.labels])
    if prompts.none is not None and prompts.none in {label.name for label in prompts.labels}:
        raise InvalidText(f"{prompts.none!r} is a label already. Choose another name for none.")
    own = list(dict.fromkeys(text for label in prompts.labels for text in label.prompts))
    apart = [text for label in prompts.labels for text in label.negatives]
    for label in prompts.labels:
        both = set(label.prompts) & set(label.negatives)
        if both:
            raise InvalidText(f"{both.pop()!r} is a prompt and a negative of {label.name!r} alike.")
    both = set(own) & set(prompts.negatives)
    if both:
        raise InvalidText(
            f"{both.pop()!r} is given twice, as a prompt and as a negative of all. Leave one out."
        )
    known = {*own, *prompts.negatives}
    others = [text for text in dict.fromkeys(apart) if text not in known]
    names = [*own, *prompts.negatives, *others]
    rows = prototypes(own, templates, embed_texts, negatives=names[len(own) :])
    return dict(zip(names, rows, strict=True))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(pack_file.MOST_BYTES + 1)
    except OSError as error:
        raise PackError(f"{path} cannot be read: {error.strerror}. Check the path.") from error
    if len(data) > pack_file.MOST_BYTES:
        raise PackError(f"{path} is too large for a prompt pack. Give another file.")
    return data


def _encoded(pack: PromptPack) -> bytes:
    rows = Writer()
    header = {
        "model": pack.model,
        "space": pack.space,
        "logit_scale": pack.logit_scale,
        "labels": [label.header(rows) for label in pack.labels],
        "negatives": pack.negatives,
        "negative_vectors": rows.put(pack.negative_vectors),
        "none": pack.none,
        "background_vectors": rows.put(pack.background_vectors),
        "settings": pack.settings,
    }
    return rows.finish(header, pack.dim)


def _decoded(reader: Reader) -> PromptPack:
    header = reader.header
    entries, scale, none = header.get("labels"), header.get("logit_scale"), header.get("none")
    if not isinstance(entries, list) or not entries:
        raise PackError("is damaged: it has no labels")
    if type(scale) not in (int, float) or not 0 < scale < _MOST_SCALE:
        raise PackError("is damaged: its logit_scale is no number")
    named = all(isinstance(header.get(key), str) for key in ("model", "space"))
    if not named or not (none is None or isinstance(none, str)):
        raise PackError("is damaged: it does not name its model and space")
    labels = tuple(PackedLabel.read(reader, entry) for entry in entries)
    names = [*(label.name for label in labels), *([none] if none else [])]
    if len(set(names)) < len(names):
        raise PackError("is damaged: it has a label twice")
    shared, vectors = texts(header, "negatives"), reader.vectors(header, "negative_vectors")
    if len(shared) != len(vectors):
        raise PackError("is damaged: its negatives are not as many as their vectors")
    return PromptPack(
        *(header["model"], header["space"], float(scale), labels, shared, vectors),
        *(none, reader.vectors(header, "background_vectors"), mapping(header, "settings")),
    )
