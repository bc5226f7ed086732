"""The background of an index: made once with a model, kept, and in step with its pictures."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclip.errors import InvalidItem
from edgeclip.index.background import Background
from edgeclip.index.blocks import Ids
from edgeclip.index.changes import Setting
from edgeclip.index.exact import Exact
from edgeclip.index.items import unit_vectors
from edgeclip.index.rows import VECTOR_DTYPE
from edgeclip.index.store import Store
from edgeclip.model.background_texts import IDENTITY, TEXTS
from edgeclip.vectors import Vector

_TEXTS, _SCORES = "background_texts", "background_scores"
_MOST_AMONG = 20_000
"""A background of so many is made in a quarter of a second; for more, that of all is used."""
Arrays = Mapping[str, NDArray[Any]]


class Judging:
    """A background and the pictures that it has seen.  Not safe for several threads at once."""

    def __init__(self, texts: Vector, scores: Arrays | None) -> None:
        self._texts = texts
        self._seen = int(scores["seen"]) if scores is not None else 0
        self._background = Background(texts, scores)
        self.changed = scores is None

    @classmethod
    def stored(cls, store: Store) -> Judging | None:
        """Return what is kept with an index, or None when there is nothing of use."""
        texts = _unpacked(store.setting(_TEXTS))
        if texts is None or str(texts["identity"]) != IDENTITY:
            return None
        if texts["vectors"].shape[1] != store.identity.dim:
            return None
        return cls(texts["vectors"].astype(np.float32), _unpacked(store.setting(_SCORES)))

    @classmethod
    def learned(
        cls, embed_texts: Callable[[Sequence[str]], Iterable[Vector]], dim: int | None
    ) -> Judging:
        """Embed the background texts, which takes as long as some hundred queries.

        Raises:
            InvalidItem: what came back are no unit vectors of this index, one for each text.
        """
        vectors = unit_vectors(list(embed_texts(TEXTS)), dim)
        if len(vectors) != len(TEXTS):
            raise InvalidItem(f"{len(TEXTS)} texts need as many vectors, not {len(vectors)}.")
        return cls(vectors.astype(VECTOR_DTYPE).astype(np.float32), None)

    def background(self, exact: Exact, among: Ids | None = None) -> Background | None:
        """Return the background of the pictures as they are now; None when there are none.

        Args:
            exact: the pictures.
            among: of these ids only, rising; None: of all.
        """
        if among is not None and len(among) <= _MOST_AMONG:
            few = Background(self._texts)
            for start in range(0, len(among), 4096):
                few.add(exact.vectors(among[start : start + 4096]))
            return few if few.pictures else None
        self._catch_up(exact)
        return self._background if self._background.pictures else None

    def texts(self) -> Setting:
        """Return what is written once."""
        fields = {"identity": np.array(IDENTITY), "vectors": self._texts.astype(VECTOR_DTYPE)}
        return Setting(_TEXTS, _packed(fields))

    def scores(self) -> Setting:
        """Return what is written when the index is closed."""
        seen = {"seen": np.array(self._seen)}
        return Setting(_SCORES, _packed({**self._background.arrays(), **seen}))

    def _catch_up(self, exact: Exact) -> None:
        """Take in the pictures that came, and begin anew when many have gone."""
        ids = exact.ids()
        old = int(np.searchsorted(ids, self._seen, side="right"))
        self._background.removed = max(0, self._background.pictures - old)
        if self._background.stale:
            self._background, old = Background(self._texts), 0
        for start in range(old, len(ids), 4096):
            self._background.add(exact.vectors(ids[start : start + 4096]))
            self.changed = True
        self._seen = int(ids[-1]) if len(ids) else self._seen


def _packed(fields: Arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **dict(fields))  # type: ignore[arg-type]
    data = file.getvalue()
    return struct.pack("<I", zlib.crc32(data)) + data


def _unpacked(data: bytes | None) -> dict[str, NDArray[Any]] | None:
    """Return the arrays of a setting; None for none, or for a rotted one: it is made again."""
    if data is None or data[:4] != struct.pack("<I", zlib.crc32(data[4:])):
        return None
    with np.load(io.BytesIO(data[4:]), allow_pickle=False) as fields:
        return dict(fields)
