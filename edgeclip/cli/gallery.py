"""What a search looks through: an index, or the pictures of a folder, embedded there and then."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
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
    needs_pictures: bool
    """Whether `fill` embeds pictures."""

    def path_of(self, key: str) -> str:
        """Return the path of the picture that a key stands for."""

    def fill(self) -> None:
        """Embed what has to be embedded."""

    def search(self, vector: Vector, count: int, where: dict[str, Any] | None) -> list[Match]:
        """Return the best matches."""

    def hints(self, where: dict[str, Any]) -> list[str]:
        """Say what in a filter lets nothing through."""

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
    yield _FolderGallery(options.load(**chosen), folder)


def open_towers(gallery: Gallery, queries: Sequence[str]) -> None:
    """Open the parts of the model that a search needs, and only these, before it is timed.

    Raises:
        QueryError: a query breaks the grammar; nothing was opened then.
        ModelError: words are asked for, and the model knows none.
    """
    import numpy as np

    from edgeclip.model import query as grammar

    pictures = {term.picture for query in queries for term in grammar.parse(query)}
    # A tower opens when it embeds for the first time: next to nothing is enough.
    if gallery.needs_pictures or True in pictures:
        gallery.model.embed_image(np.zeros((1, 1, 3), np.uint8))
    if False in pictures:
        gallery.model.embed_text("a")


class _IndexGallery:
    """An index on disk."""

    needs_pictures = False

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

    def hints(self, where: dict[str, Any]) -> list[str]:
        """Say what in a filter lets nothing through."""
        from edgeclip.cli.hints import hints

        return hints(where, self._index.items())

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

    needs_pictures = True

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

    def hints(self, where: dict[str, Any]) -> list[str]:
        """Return nothing: a folder is not filtered."""
        return []

    def judge(
        self, query: str, vector: Vector, where: dict[str, Any] | None, score: float
    ) -> Judgement | None:
        """Return None: to embed the background for one search would take longer than the search."""
        return None
