"""Service: the model, the index and what requests share; nothing of HTTP."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from edgeclip.errors import Busy, QueryError, StoreNotFound
from edgeclip.index.background import Judgement
from edgeclip.index.index import Index
from edgeclip.model import headers
from edgeclip.model import query as grammar
from edgeclip.model.classifier import Classifier
from edgeclip.model.model import Model
from edgeclip.model.query import Term
from edgeclip.serve.decoding import Decoders
from edgeclip.serve.gather import Gather
from edgeclip.serve.learning import Learning
from edgeclip.serve.limits import Limits
from edgeclip.serve.newest import Newest
from edgeclip.vectors import Match, Vector

Tensor = NDArray[np.float32]

_TEXTS, _CLASSIFIERS = 1024, 16
"""How many vectors of texts, and how many classifiers, are kept for the next who asks."""
_MOMENT_S = 0.1
_AT_ONCE = 16
"""Of the texts of one request wait, at most: others want to be answered, too."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is looked for in the index, see `Index.search`."""

    vector: Vector
    count: int
    where: Mapping[str, Any] | None = None
    min_score: float = -1.0
    judged: bool = False
    """Whether the best match shall be judged, see `Index.judge`."""


class Nearest(NamedTuple):
    """What was found, the nearest first."""

    matches: list[Match]
    judgement: Judgement | None


class Service:
    """Answer what requests ask; from any thread.

    Args:
        model: turns pictures and words into vectors.
        index: what is searched; None: nothing.
        decoders: turn uploads into tensors.
        limits: how much may wait.
    """

    def __init__(
        self, model: Model, index: Index | None, decoders: Decoders, limits: Limits
    ) -> None:
        self.model, self.decoders = model, decoders
        self._index = index
        self.noted: Callable[[str, int], None] = lambda tower, count: None
        """Told of each inference: the tower, and how many it took."""
        self._pictures = {
            unit: Gather[Tensor, Vector](
                self._pictures_by(unit), waiting=limits.waiting, name="pictures"
            )
            for unit in (True, False)
        }
        self._words = {
            unit: Gather[str, Vector](self._words_by(unit), waiting=limits.waiting, name="words")
            for unit in (True, False)
        }
        # Searches of several threads at once would fight for the cores within one BLAS.
        self._searches = Gather[Asked, Nearest](
            self._found, waiting=limits.waiting, name="searches"
        )
        self._learning = None if index is None else Learning(index, self._words[True].ask)
        self._gathers = cast(
            list[Gather[Any, Any]],
            [*self._pictures.values(), *self._words.values(), self._searches],
        )
        self._vectors: Newest[Vector] = Newest(_TEXTS)
        self._classifiers: Newest[Classifier] = Newest(_CLASSIFIERS)

    @property
    def index(self) -> Index:
        """What is searched.

        Raises:
            StoreNotFound: nothing is.
        """
        if self._index is None:
            raise StoreNotFound("this service has no index. Start it with --index PATH.")
        return self._index

    @property
    def has_index(self) -> bool:
        """Whether anything can be searched."""
        return self._index is not None

    def picture(self, data: bytes, *, normalize: bool = True) -> Vector:
        """Embed an encoded picture: ``(dim,)`` float32.

        Raises:
            ImageRejected: it cannot or must not be read.
            Busy: too many wait already.
        """
        return self._pictures[normalize].ask(self.decoders.tensor(data)).result()

    def job(self, data: bytes, normalize: bool) -> Vector:
        """Embed a picture of a job, see `picture`; as nobody waits for it, it waits its turn."""
        tensor: Tensor | None = None
        while True:
            try:
                if tensor is None:  # decoded once, however often the model is busy
                    tensor = self.decoders.tensor(data)
                return self._pictures[normalize].ask(tensor).result()
            except Busy:
                if self.decoders.is_closed:  # there is no turn to come
                    raise
            time.sleep(_MOMENT_S)

    def text(self, text: str, *, normalize: bool = True) -> Vector:
        """Embed a text: ``(dim,)`` float32; what was asked lately is remembered.

        Raises:
            InvalidText: it cannot be embedded.
            Busy: too many wait already.
        """
        if not normalize:
            return self._words[False].ask(text).result()
        return self._vectors.get(text, lambda: self._words[True].ask(text).result())

    def texts(self, texts: Sequence[str], *, normalize: bool = True) -> list[Vector]:
        """Embed texts, see `text`; all of them, or none."""
        answers = []
        for start in range(0, len(texts), _AT_ONCE):
            asked = texts[start : start + _AT_ONCE]
            futures = [self._words[normalize].ask(text) for text in asked]
            answers += [future.result() for future in futures]
        return answers

    def query(self, words: str, more: Sequence[tuple[float, Vector]] = ()) -> Vector:
        """Return the vector of a query: words as the grammar has them, and weighted vectors.

        Args:
            words: see `edgeclip.model.query`; no term of it is read as a file.  Empty: none.
            more: weight and unit vector of each further term.

        Raises:
            QueryError: it breaks the grammar, is empty, or cancels itself out.
        """
        terms = _terms(words) if words.strip() or not more else []
        others = {str(number): vector for number, (_, vector) in enumerate(more)}
        terms += [Term(weight, str(number), True) for number, (weight, _) in enumerate(more)]
        return grammar.embed(terms, self.text, others.__getitem__)

    def remembered(self, words: str) -> Vector | None:
        """Return the vector of a query at once, see `query`; None where its words are not kept.

        Raises:
            QueryError: it breaks the grammar, is empty, or cancels itself out.
        """
        terms = _terms(words)
        try:
            return grammar.embed(terms, self._vectors.kept, self._vectors.kept)
        except KeyError:
            return None

    def search(self, asked: Asked) -> Future[Nearest]:
        """Return what will hold the nearest items, see `Index.search`.

        It raises `StoreNotFound` where there is no index, and `FilterError` and `InvalidItem` as
        `Index.search` does.

        Raises:
            Busy: too many wait already.
        """
        return self._searches.ask(asked)

    def classifier(self, labels: Sequence[str], **options: Any) -> Classifier:
        """Return a classifier; the last ones are remembered."""
        key = repr((tuple(labels), sorted(options.items())))
        return self._classifiers.get(key, lambda: self.model.classifier(list(labels), **options))

    @property
    def waiting(self) -> int:
        """How many pictures and texts wait for the model."""
        return sum(map(len, self._gathers))

    def open(self) -> None:
        """Open the towers that the model has, and start the children."""
        self.model.open()
        self.decoders.open()

    def close(self, until: float | None = None) -> None:
        """Finish what was asked, and end the threads and children.

        Args:
            until: how long to wait for that, by `time.monotonic`; None: as long as it takes.
        """
        if self._learning is not None:
            self._learning.close(until)
        for gather in self._gathers:
            gather.close(until)
        self.decoders.close(until)

    def _found(self, batch: Sequence[Asked]) -> list[Nearest]:
        """Search for several at once where they ask in the same way."""
        alike: dict[str, list[int]] = defaultdict(list)
        for number, asked in enumerate(batch):
            alike[repr((asked.count, asked.where, asked.min_score))].append(number)
        found: dict[int, Nearest] = {}
        for numbers in alike.values():
            first = batch[numbers[0]]
            answers = self.index.search_many(
                [batch[number].vector for number in numbers],
                count=first.count,
                where=first.where,
                min_score=first.min_score,
            )
            for number, matches in zip(numbers, answers, strict=True):
                found[number] = Nearest(matches, self._judged(batch[number], matches))
        return [found[number] for number in range(len(batch))]

    def _judged(self, asked: Asked, matches: Sequence[Match]) -> Judgement | None:
        if not (asked.judged and matches):
            return None
        judgement = self.index.judge(asked.vector, matches[0].score, where=asked.where)
        if judgement is None and self._learning is not None:
            self._learning.begin()
        return judgement

    def _pictures_by(self, unit: bool) -> Callable[[Sequence[Tensor]], Vector]:
        def run(tensors: Sequence[Tensor]) -> Vector:
            self.noted("image", len(tensors))
            return self.model.embed_tensors(np.stack(tensors), normalize=unit)

        return run

    def _words_by(self, unit: bool) -> Callable[[Sequence[str]], list[Vector]]:
        def run(texts: Sequence[str]) -> list[Vector]:
            self.noted("text", len(texts))
            return list(self.model.embed_texts(texts, normalize=unit))

        return run


def _terms(words: str) -> list[Term]:
    """Split a query; what was meant as a picture is not embedded as words."""
    terms = grammar.parse(words, pictures=False)
    for term in terms:
        is_name = PurePath(term.value).suffix.lower() in headers.SUFFIXES
        if is_name and f"text:{term.value}" not in words:
            raise QueryError(
                f"{term.value[:80]!a} is the name of a picture. Send the picture beside the words, "
                "or write text: before it."
            )
    return terms
