"""Model: a model folder that turns pictures and words into vectors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from numpy.typing import NDArray

from edgeclip.errors import ImageRejected
from edgeclip.model import library, parts, query, tuned
from edgeclip.model.batches import embedded, embedded_texts
from edgeclip.model.classifier import Classifier
from edgeclip.model.headers import MAX_PIXELS, MOST_PIXELS
from edgeclip.model.manifest import Manifest
from edgeclip.model.once import Once
from edgeclip.model.pack import PromptPack
from edgeclip.model.prompts import Prompts
from edgeclip.model.towers import FITS, Fit
from edgeclip.vectors import Vector

if TYPE_CHECKING:
    # Each of these brings its foreign library; a process that only embeds words needs no Pillow.
    from edgeclip.model.images import PictureSource
    from edgeclip.model.session import Session
    from edgeclip.model.tokens import Tokenizer

    Pictures = Iterable[PictureSource]
    Raise = Literal["raise"]
    Return = Literal["return"]


class Model:
    """Turn pictures and words into unit vectors of one space.

    ``Model.load`` is the usual way in.  A tower opens when it is first needed: who only embeds
    pictures never reads the text tower.  Safe to use from several threads.
    """

    def __init__(
        self,
        manifest: Manifest,
        open_image: Callable[[], Session],
        open_text: Callable[[], tuple[Tokenizer, Session]],
        *,
        fit: Fit = "crop",
        draft: bool = False,
        max_pixels: int = MAX_PIXELS,
        variants: Mapping[str, str] | None = None,
    ) -> None:
        if fit not in FITS:
            raise ValueError(f"fit must be one of {', '.join(FITS)}, not {fit!r}")
        if not 0 < max_pixels <= MOST_PIXELS:
            raise ValueError(f"max_pixels must be from 1 to {MOST_PIXELS:,}, not {max_pixels:,}")
        self.manifest = manifest
        self._image = Once(open_image)
        self._text = Once(open_text)
        self.fit: Fit = fit
        self.draft = draft
        self.max_pixels = max_pixels
        self.variants = variants or {}

    @classmethod
    def load(
        cls,
        model: str | Path | None = None,
        *,
        fit: Fit = "crop",
        draft: bool = False,
        max_pixels: int = MAX_PIXELS,
        image_variant: str | None = None,
        text_variant: str | None = None,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
        spinning: bool | None = None,
        arena: bool | None = None,
    ) -> Model:
        """Load a model folder; each of its files is hashed when it is opened.

        Args:
            model: a folder, or the name of an installed model; None: ``EDGECLIP_MODEL``, else
                ``mobileclip_s2`` where it is installed (trained), else ``starter``.
            fit: ``crop`` (reference) or ``pad`` (letterbox); each has its own space id.
            draft: decode large JPEGs at a reduced scale; has its own space id.
            max_pixels: refuse larger pictures before decoding.
            image_variant: stored form of the image tower, such as ``int8``; see `edgeclip info`.
            text_variant: stored form of the text tower.
            threads: threads of one inference.
            providers: best first: ``cpu``, ``cuda``, ``tensorrt``, or onnxruntime's own names.
            spinning: let idle threads burn CPU while they wait.
            arena: keep memory at its peak between runs.

        What is None is as `edgeclip tune` found best on this board, else: the model's own variants,
        the CPUs that this process may use, CUDA if present, no spinning, no arena.

        Raises:
            ModelNotFound: there is no such model.
            ModelError: the folder is damaged, or was made for another version.
        """
        manifest = Manifest.load(library.find(model))
        manifest.warn_if_untrained()
        asked = {"threads": threads, "providers": providers, "spinning": spinning, "arena": arena}
        image = tuned.setting(manifest, "image", image_variant, asked)
        text = tuned.setting(manifest, "text", text_variant, asked)
        return cls(
            manifest,
            lambda: parts.open_image(manifest, image),
            lambda: parts.open_text(manifest, text),
            fit=fit,
            draft=draft,
            max_pixels=max_pixels,
            variants={"image_variant": image.variant, "text_variant": text.variant},
        )

    def open(self, *towers: str) -> None:
        """Open towers now instead of on first use: ``image``, ``text``, or all that there are."""
        if "image" in towers or not towers:
            self._image.get()
        if "text" in towers or (not towers and self.manifest.text and not self.manifest.spared):
            self._text.get()

    def close_text(self) -> None:
        """Let go of the text tower, most of a model's memory; words open it again."""
        self._text.forget()

    def fitted(self, fit: Fit) -> Model:
        """Return the same model with another fit; both share their towers."""
        other = copy.copy(self)
        other.fit = fit
        return other

    def __repr__(self) -> str:
        """Name the model, its dim and its space."""
        return f"<Model {self.name}: {self.dim} numbers, space {self.space[:12]}…>"

    @property
    def name(self) -> str:
        """The model's name."""
        return self.manifest.name

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return self.manifest.dim

    @property
    def space(self) -> str:
        """Space id: only vectors of the same one may be compared."""
        return self.manifest.space_id(fit=self.fit, draft=self.draft, **self.variants)

    @property
    def logit_scale(self) -> float:
        """Multiplies cosines before the softmax."""
        return self.manifest.logit_scale

    def embed_image(self, picture: PictureSource, *, normalize: bool = True) -> Vector:
        """Embed one picture.

        Args:
            picture: a path, encoded bytes, a PIL picture, ``(h, w, 3)`` uint8 RGB, or an object
                with such a ``.picture``.
            normalize: unit length; False gives the tower's raw output.

        Returns:
            ``(dim,)`` float32.

        Raises:
            ImageRejected: the picture cannot or must not be read.
        """
        return self.embed_tensor(self.image_tensor(picture), normalize=normalize)

    def embed_tensor(self, tensor: NDArray[np.float32], *, normalize: bool = True) -> Vector:
        """Embed what `image_tensor` has prepared, perhaps in another thread."""
        vector: Vector = self.embed_tensors(tensor[None], normalize=normalize)[0]
        return vector

    def embed_tensors(self, tensors: NDArray[np.float32], *, normalize: bool = True) -> Vector:
        """Embed ``(n, 3, size, size)`` in one inference: ``(n, dim)`` float32."""
        return self._image.get().run(tensors, unit=normalize)

    @overload
    def embed_images(
        self,
        pictures: Pictures,
        *,
        normalize: bool = ...,
        batch_size: int = ...,
        on_error: Raise = ...,
    ) -> Iterator[Vector]: ...

    @overload
    def embed_images(
        self, pictures: Pictures, *, normalize: bool = ..., batch_size: int = ..., on_error: Return
    ) -> Iterator[Vector | ImageRejected]: ...

    def embed_images(
        self,
        pictures: Pictures,
        *,
        normalize: bool = True,
        batch_size: int = 1,
        on_error: Raise | Return = "raise",
    ) -> Iterator[Vector | ImageRejected]:
        """Embed many pictures in order, decoding the next ones while the model runs.

        Args:
            pictures: any iterable; it is read only a little ahead, so it may be endless.
            normalize: unit length; False gives the tower's raw output.
            batch_size: pictures in one inference; more than 1 pays on a GPU only.
            on_error: ``raise`` at the bad picture's turn, or ``return`` its `ImageRejected` in the
                vector's place and go on.

        Yields:
            ``(dim,)`` float32 for each picture, or its `ImageRejected`.

        Raises:
            ImageRejected: at a bad picture's turn, unless they are returned.
            ValueError, TypeError: wrong options, or one picture instead of many.
        """
        return embedded(
            pictures,
            self.image_tensor,
            lambda tensors: self.embed_tensors(tensors, normalize=normalize),
            batch_size=batch_size,
            on_error=on_error,
        )

    def embed_text(self, text: str, *, normalize: bool = True) -> Vector:
        """Embed one text.

        Args:
            text: up to 4,096 characters; what the model's context cannot hold is cut off.
            normalize: unit length; False gives the tower's raw output.

        Raises:
            InvalidText: not a string, too long, or not Unicode text.
        """
        return next(self.embed_texts([text], normalize=normalize))

    def embed_texts(self, texts: Iterable[str], *, normalize: bool = True) -> Iterator[Vector]:
        """Embed many texts in order, yield ``(dim,)`` float32 for each.

        Raises:
            InvalidText: at the bad text's batch.
        """
        return embedded_texts(texts, self._text.get, unit=normalize)

    def token_count(self, text: str) -> int:
        """Count a text's tokens, marks included; what the context cannot hold is cut off."""
        return self._text.get()[0].count(text)

    def embed_query(self, text: str, *, pictures: bool = True) -> Vector:
        """Embed a query such as ``"./cat.jpg + snow"``; see `edgeclip.model.query`.

        Args:
            text: the query.
            pictures: whether a term that is an existing file is read as a picture.

        Raises:
            QueryError: the query breaks the grammar.
        """
        return query.embed(query.parse(text, pictures=pictures), self.embed_text, self.embed_image)

    def classifier(
        self,
        labels: Sequence[str] | Mapping[str, Sequence[str]],
        *,
        templates: str | Sequence[str] | None = None,
        negatives: Sequence[str] = (),
        none: str | None = None,
        temperature: float | None = None,
    ) -> Classifier:
        """Make a zero-shot classifier; the labels are embedded once.

        Args:
            labels: what a picture may be, or a mapping of each to its prompts: the best counts.
            templates: prompts with one ``{}`` each, averaged, or the name of a set of them (see
                `edgeclip.model.templates`); None: the model's own.
            negatives: further labels that take their share of the probability and are not answered.
            none: one more answer, such as "none of these", for what is no label.
            temperature: divides cosines before the softmax; None: the model's own.

        Raises:
            InvalidText: no labels, a label twice, or a template without ``{}``.
        """
        chosen = Prompts.of(labels, templates, negatives, none, temperature)
        return PromptPack.compile(chosen, self).classifier(self.embed_image)

    def image_tensor(self, picture: PictureSource) -> NDArray[np.float32]:
        """Prepare a picture with this model's options: ``(3, size, size)`` float32."""
        from edgeclip.model.images import prepare

        fit, draft, most = self.fit, self.draft, self.max_pixels
        return prepare(picture, self.manifest.image, fit=fit, draft=draft, max_pixels=most)
