"""Tensors → vectors in batches, with the bad pictures in their places."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import islice
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclip.errors import ImageRejected
from edgeclip.vectors import Vector

Tensor = NDArray[np.float32]
Prepared = Tensor | ImageRejected


def check(pictures: Any, batch_size: int, on_error: str) -> None:
    """Refuse wrong options of ``Model.embed_images``, and one picture instead of many.

    Raises:
        ValueError, TypeError: with what is meant.
    """
    if on_error not in ("raise", "return"):
        raise ValueError(f"on_error must be 'raise' or 'return', not {on_error!r}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    if isinstance(pictures, str | bytes | PathLike):
        raise TypeError("embed_images takes many pictures. Use embed_image for one.")


def returning(prepare: Callable[[Any], Tensor]) -> Callable[[Any], Prepared]:
    """Return a function that gives a bad picture's `ImageRejected` instead of raising it."""

    def prepared(picture: Any) -> Prepared:
        try:
            return prepare(picture)
        except ImageRejected as error:
            return error

    return prepared


def embedded(
    tensors: Generator[Prepared, None, None],
    run: Callable[[NDArray[Any]], Vector],
    *,
    batch_size: int,
    raises: bool,
) -> Iterator[Vector | ImageRejected]:
    """Yield a vector, or what was wrong, for each tensor, in order.

    Args:
        tensors: ``(3, size, size)`` each, or the error in a tensor's place; closed at the end.
        run: ``(n, 3, size, size)`` → ``(n, dim)``.
        batch_size: tensors in one run.
        raises: raise an error at its turn instead of yielding it.
    """
    # Closed here: an error that is raised keeps this frame, and with it the threads, alive.
    with closing(tensors):
        while batch := list(islice(tensors, batch_size)):
            for answer in _run(batch, run):
                if raises and isinstance(answer, ImageRejected):
                    raise answer
                yield answer


def _run(
    batch: Iterable[Prepared], run: Callable[[NDArray[Any]], Vector]
) -> Iterator[Vector | ImageRejected]:
    """Run the good ones of a batch together and put their vectors between the errors."""
    items = list(batch)
    good = [item for item in items if isinstance(item, np.ndarray)]
    vectors = iter(run(np.stack(good)) if good else ())
    for item in items:
        yield item if isinstance(item, ImageRejected) else next(vectors)
