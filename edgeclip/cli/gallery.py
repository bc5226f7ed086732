"""What a search looks through: an index, or the pictures of a folder, embedded there and then."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from edgeclip.cli import indexes, options, output
from edgeclip.errors import ImageRejected

if TYPE_CHECKING:
    from edgeclip.index.background import Judgement
    from edgeclip.index.index import Index
    from edgeclip.model.model import Model
    from edgeclip.vectors import Match, Vector


class Gallery(Protocol):
    """Pictures that can be searched."""

    model: Model
    embedded: int
    """How many pictures were embedded for this search."""
    errors: dict[str, str]
    """Path → why it was left out."""

    def path_of(self, key: str) -> str:
        """Return the path of the picture that a key stands for."""

    def fill(self) -> None:
        """Embed what has to be embedded."""

    def search(self, vector: Vector, count: int, where: dict[str, Any] | None) -> list[Match]:
        """Return the best matches."""

    def judge(
        self, query: str, vector: Vector, where: dict[str, Any] | None, score: float
    ) -> Judgement | None:
        """Say whether the best match, of this score, is a good one; None when nobody can tell."""


@contextlib.contextmanager
def index_gallery(index: Path | None, chosen: dict[str, Any]) -> Iterator[Gallery]:
    """Yield the pictures of an index, with the model that it was made with."""
    with indexes.opened_index(index) as opened:
        model = indexes.load_for(opened, **chosen)
        yield _IndexGallery(model, opened)


@contextlib.contextmanager
def folder_gallery(folder: Path, chosen: dict[str, Any]) -> Iterator[Gallery]:
    """Yield the pictures of a folder."""
    model = options.load(**chosen)
    model.open()
    yield _FolderGallery(model, folder)


class _IndexGallery:
    """An index on disk."""

    def __init__(self, model: Model, index: Index) -> None:
        self.model = model
        self.embedded = 0
        self.errors: dict[str, str] = {}
        self._index = index
        self._path_of = indexes.paths_of(index)

    def fill(self) -> None:
        """Everything is there already."""

    def path_of(self, key: str) -> str:
        """Return the path of a picture."""
        return self._path_of(key)

    def search(self, vector: Vector, count: int, where: dict[str, Any] | None) -> list[Match]:
        """Return the best matches."""
        return self._index.search(vector, count=count, where=where)

    def judge(
        self, query: str, vector: Vector, where: dict[str, Any] | None, score: float
    ) -> Judgement | None:
        """Compare the best score with what unrelated words get; queries of words only."""
        from edgeclip.model import query as grammar

        if any(term.picture for term in grammar.parse(query)):
            return None
        return self._index.judge(vector, score, where=where)


class _FolderGallery:
    """The pictures of a folder, in memory."""

    def __init__(self, model: Model, folder: Path) -> None:
        self.model = model
        self.embedded = 0
        self.errors: dict[str, str] = {}
        self._folder = folder
        self._vectors: dict[str, Vector] = {}

    def fill(self) -> None:
        """Embed what can be; say what cannot."""
        files = options.pictures_in([os.fspath(self._folder)])
        found = self.model.embed_images(files, on_error="return")
        shown = output.progress(found, total=len(files))
        for path, vector in zip(files, shown, strict=True):
            if isinstance(vector, ImageRejected):
                self.errors[path] = str(vector)
            else:
                self._vectors[str(Path(path).relative_to(self._folder))] = vector
        self.embedded = len(files)
        if not self._vectors:
            options.raise_failed(list(self.errors.values()), len(files))
        for error in self.errors.values():
            output.note(f"left out: {output.printable(error)}")

    def path_of(self, key: str) -> str:
        """Return the path of a picture."""
        return str(self._folder / key)

    def search(self, vector: Vector, count: int, where: dict[str, Any] | None) -> list[Match]:
        """Return the best matches."""
        import numpy as np

        from edgeclip.vectors import ranked

        table = np.stack(list(self._vectors.values()))
        return ranked(list(self._vectors), table @ vector, count)

    def judge(
        self, query: str, vector: Vector, where: dict[str, Any] | None, score: float
    ) -> Judgement | None:
        """Return None: to embed the background for one search would take longer than the search."""
        return None
