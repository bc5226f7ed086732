"""Folders of pictures that change at random, and what an index of them must hold."""

from __future__ import annotations

import os
import random
import shutil
from hashlib import blake2b
from pathlib import Path

import numpy as np

from edgeclip.errors import ImageRejected
from edgeclip.index.index import Index
from edgeclip.model import facts
from edgeclip.model.model import Model
from tests.pictures import encoded, photo

FOLDERS = ("", "a", "a/b", "c")


def picture(seed: int) -> bytes:
    """A picture of a few hundred bytes that differs from all others."""
    return encoded(photo(20, 16, seed), "PNG")


class Album:
    """A folder, and the changes that can happen to it."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.random = random.Random(seed)
        self.root.mkdir(exist_ok=True)
        self._seeds = iter(range(seed * 100_000, seed * 100_000 + 100_000))

    def write(self, name: str, seed: int) -> Path:
        """Write a picture."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(seed))
        return path

    def files(self) -> list[Path]:
        return sorted(path for path in self.root.rglob("*.png") if path.is_file())

    def change(self, times: int) -> None:
        """Make changes of all kinds."""
        kinds = (
            self.create,
            self.create,
            self.create,
            self.rewrite,
            self.rename,
            self.rename,
            self.rename_folder,
            self.copy,
            self.delete,
            self.spoil,
            self.touch,
            self.swap,
            self.rotate,
        )
        for _ in range(times):
            self.random.choice(kinds)()

    def new_path(self) -> Path:
        folder = self.root / self.random.choice(FOLDERS)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self.random.randrange(200):03}.png"

    def some(self, count: int = 1) -> list[Path]:
        files = self.files()
        while len(files) < count:
            self.create()
            files = self.files()
        return self.random.sample(files, count)

    def create(self) -> None:
        self.new_path().write_bytes(picture(next(self._seeds)))

    def rewrite(self) -> None:
        self.some()[0].write_bytes(picture(next(self._seeds)))

    def rename(self) -> None:
        self.some()[0].replace(self.new_path())

    def rename_folder(self) -> None:
        folder, target = (self.root / self.random.choice(FOLDERS[1:]) for _ in range(2))
        if folder.is_dir() and not target.exists() and folder not in target.parents:
            target.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(target)

    def copy(self) -> None:
        (path,), target = self.some(), self.new_path()
        if path != target:
            shutil.copy(path, target)

    def delete(self) -> None:
        self.some()[0].unlink()

    def spoil(self) -> None:
        (path,) = self.some()
        path.write_bytes(path.read_bytes()[: self.random.choice((0, 10, 60))])

    def touch(self) -> None:
        (path,) = self.some()
        os.utime(path, ns=(10**18, self.random.randrange(10**17, 10**18)))

    def swap(self) -> None:
        one, two = self.some(2)
        third = self.root / "swapped"
        one.rename(third)
        two.rename(one)
        third.rename(two)

    def rotate(self) -> None:
        paths = self.some(3)
        paths[2].replace(self.new_path())
        for before, after in ((1, 2), (0, 1)):
            if paths[before].exists():
                paths[before].replace(paths[after])


class Oracle:
    """What `Model.embed_image` makes of files, remembered by their content."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._known: dict[bytes, np.ndarray | None] = {}

    def vector(self, data: bytes) -> np.ndarray | None:
        """Return a vector as an index keeps it, or None for what is no picture."""
        if data not in self._known:
            try:
                vector = self._model.embed_image(data).astype(np.float16).astype(np.float32)
            except ImageRejected:
                vector = None
            self._known[data] = vector
        return self._known[data]

    def check(self, index: Index, album: Album) -> None:
        """Assert that an index holds exactly what the folder does."""
        expected, broken = {}, set()
        for path in album.files():
            key, data = path.relative_to(album.root).as_posix(), path.read_bytes()
            if self.vector(data) is None:
                broken.add(key)
            else:
                expected[key] = (path, data)
        assert sorted(index) == sorted(expected)
        records = index.records()
        assert set(records.failed) == broken and set(records.files) == set(expected)
        for item in index.items():
            path, data = expected.pop(item.key)
            assert np.array_equal(item.vector, self.vector(data)), item.key
            assert item.content_hash == blake2b(data, digest_size=32).digest(), item.key
            assert item.metadata == facts.facts(data, path.stat().st_mtime), item.key
        assert not expected
        assert index.verify().ok


class Counting:
    """A model that counts the pictures that it is given."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.name, self.space = model.name, model.space
        self.seen: list[bytes] = []

    def embed_images(self, pictures, *, on_error):
        def counted():
            for data in pictures:
                self.seen.append(data)
                yield data

        return self._model.embed_images(counted(), on_error=on_error)
