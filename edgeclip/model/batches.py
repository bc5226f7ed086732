"""Pictures and texts → vectors in batches, with the bad pictures in their places."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import islice
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclip.errors import ImageRejected
from edgeclip.model.cpus import usable_cpus
from edgeclip.model.prefetch import prefetched
from edgeclip.model.texts import checked
from edgeclip.vectors import Vector

Tensor = NDArray[np.float32]
Prepared = Tensor | ImageRejected
_TEXT_BATCH = 16
Run = Callable[[NDArray[Any]], Vector]


def embedded(
    pictures: Iterable[Any],
    prepare: Callable[[Any], Tensor],
    run: Run,
    *,
    batch_size: int,
    on_error: str,
) -> Iterator[Vector | ImageRejected]:
    """Yield a vector, or what was wrong, for each picture, in order.

    Args:
        pictures: prepared a little ahead, in threads.
        prepare: picture → ``(3, size, size)``.
        run: ``(n, 3, size, size)`` → ``(n, dim)``.
        batch_size: pictures in one run.
        on_error: ``raise`` an error at its turn, or ``return`` it in the vector's place.

    Raises:
        ValueError, TypeError: wrong options, or one picture instead of many; at once.
    """
    _check(pictures, batch_size, on_error)
    workers, ahead = min(4, usable_cpus()), batch_size + 3
    tensors = prefetched(_returning(prepare), pictures, workers=workers, ahead=ahead)
    return _vectors(tensors, run, batch_size, on_error == "raise")


def embedded_texts(
    texts: Iterable[str], open_text: Callable[[], tuple[Any, Any]], *, unit: bool
) -> Iterator[Vector]:
    """Yield the vector of each text, in order.

    Args:
        texts: checked a batch at a time.
        open_text: gives the tokenizer and the session of the text tower.
        unit: length 1, or the raw output of the tower.

    Raises:
        TypeError: one text instead of many.
        InvalidText: at the bad text's batch.
    """
    if isinstance(texts, str):
        raise TypeError("embed_texts takes many texts. Use embed_text for one.")
    iterator = map(checked, texts)
    # A batch before the tower: a refusal must not wait for that to open.
    while batch := list(islice(iterator, _TEXT_BATCH)):
        tokenizer, session = open_text()
        yield from session.run(tokenizer(batch), unit=unit)


def _check(pictures: Any, batch_size: int, on_error: str) -> None:
    if on_error not in ("raise", "return"):
        raise ValueError(f"on_error must be 'raise' or 'return', not {on_error!r}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    if isinstance(pictures, str | bytes | PathLike):
        raise TypeError("embed_images takes many pictures. Use embed_image for one.")


def _returning(prepare: Callable[[Any], Tensor]) -> Callable[[Any], Prepared]:
    """Return a function that gives a bad picture's `ImageRejected` instead of raising it."""

    def prepared(picture: Any) -> Prepared:
        try:
            return prepare(picture)
        except ImageRejected as error:
            return error

    return prepared


def _vectors(
    tensors: Generator[Prepared, None, None], run: Run, batch_size: int, raises: bool
) -> Iterator[Vector | ImageRejected]:
    # Closed here: an error that is raised keeps this frame, and with it the threads, alive.
    with closing(tensors):
        while batch := list(islice(tensors, batch_size)):
            for answer in _run(batch, run):
                if raises and isinstance(answer, ImageRejected):
                    raise answer
                yield answer


def _run(batch: Iterable[Prepared], run: Run) -> Iterator[Vector | ImageRejected]:
    """Run the good ones of a batch together and put their vectors between the errors."""
    items = list(batch)
    good = [item for item in items if isinstance(item, np.ndarray)]
    vectors = iter(run(np.stack(good)) if good else ())
    for item in items:
        yield item if isinstance(item, ImageRejected) else next(vectors)
