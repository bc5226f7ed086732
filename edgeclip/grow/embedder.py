"""Embedder: what one worker does: it holds one model, and turns entries into rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edgeclip.errors import ImageRejected, ModelError
from edgeclip.grow.sources import Entry, Source
from edgeclip.grow.tables import Head, Row
from edgeclip.index.items import metadata_text
from edgeclip.index.reading import Reading, Unread
from edgeclip.model import facts
from edgeclip.model.batches import Tensor
from edgeclip.model.model import Model
from edgeclip.model.prefetch import prefetched
from edgeclip.model.towers import Fit

_READERS_HERE, _READERS_AFAR = 2, 8
"""Threads that read and decode ahead; an address answers slowly, but several requests at once."""
_AHEAD = 3


@dataclass(frozen=True, slots=True)
class Task:
    """All that a worker has to know; it is sent to it."""

    source: Source
    model: Path
    """The model's folder, by the same path on every machine."""
    head: Head
    """What its vectors must be."""
    threads: int
    """Of one inference."""
    fit: Fit = "crop"
    draft: bool = False
    max_pixels: int = 0
    variants: dict[str, str] = field(default_factory=dict)
    afar: bool = False
    """Whether pictures come over a network."""


class Embedder:
    """Turns entries into rows, in order, reading and decoding the next ones meanwhile."""

    def __init__(self, task: Task) -> None:
        """Open the model.

        Raises:
            ModelError: there is none in its folder here, or another one.
        """
        model = Model.load(
            task.model,
            fit=task.fit,
            draft=task.draft,
            max_pixels=task.max_pixels,
            image_variant=task.variants.get("image_variant"),
            text_variant=task.variants.get("text_variant"),
            threads=task.threads,
        )
        if model.space != task.head.space:
            raise ModelError(
                f"{task.model} makes vectors of space {model.space[:12]}… on one machine and of "
                f"{task.head.space[:12]}… on another. Copy the same model folder to all of them."
            )
        model.open("image")
        self._model = model
        self._read = task.source.reader()
        self._workers = _READERS_AFAR if task.afar else max(_READERS_HERE, task.threads)
        self._decoders = facts.decoders()

    def rows(self, entries: Iterable[Entry]) -> Iterator[Row]:
        """Yield a row for each entry, with a vector or with an error."""
        ahead = self._workers + _AHEAD
        for prepared in prefetched(self._prepared, entries, workers=self._workers, ahead=ahead):
            if isinstance(prepared, Row):
                yield prepared
                continue
            reading, tensor = prepared
            vector = self._model.embed_tensor(tensor)
            text = metadata_text(reading.metadata)
            stamp = reading.stamp or None
            yield Row(reading.key, vector, reading.content_hash, stamp, text)

    def _prepared(self, entry: Entry) -> tuple[Reading, Tensor] | Row:
        """Read and decode; the file's bytes are given back before its turn comes."""
        found = self._read(*entry)
        if isinstance(found, Unread):
            return Row(
                found.key, None, stamp=tried(found.stamp, self._decoders), error=found.reason
            )
        try:
            tensor = self._model.image_tensor(found.data)
        except ImageRejected as error:
            # Its name stands before the reason.
            reason = re.sub("^the picture ", "it ", str(error))
            stamp = tried(found.stamp, self._decoders)
            return Row(found.key, None, found.content_hash, stamp, error=reason)
        found.data = b""
        return found, tensor


def tried(stamp: str | None, decoders: str) -> str | None:
    """Return the stamp of a file that failed; None for what is to be tried again each time."""
    return f"{stamp} {decoders}" if stamp else None
