"""What the tests of fleets share: an index that changes, and what the server must hold."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np

from edgeclip.grow.fleet import texts
from edgeclip.grow.fleet.push import Pushed, push
from edgeclip.index.index import Index
from tests.grow.fleet.conftest import Database
from tests.index.some import DIM, SPACE, opened, vector_of

__all__ = ["DIM", "SPACE", "opened", "vector_of"]


def filled(folder: Path, count: int, prefix: str = "") -> Path:
    """Make an index of so many pictures."""
    with opened(folder) as index:
        index.add_many(
            (f"{prefix}{n:05}.jpg", vector_of((prefix, n)), {"n": n, "camera": f"c{n % 3}"})
            for n in range(count)
        )
    return folder


def pushed(database: Database, folder: Path, device: str = "door", **options: Any) -> Pushed:
    """Push an index over a connection of its own."""
    with database.open() as server:
        return push(folder, server, device, **options)


def held(database: Database, device: str = "door") -> dict[str, tuple]:
    """What the server holds of a device, by key; no key twice."""
    rows = database.all(
        "SELECT key, id, space, metadata::text, content_hash, vector::text FROM edgeclip_item "
        "WHERE device = %s",
        device,
    )
    found = {
        texts.decoded(key): (number, space, texts.metadata(known), digest, _numbers(vector))
        for key, number, space, known, digest, vector in rows
    }
    assert len(found) == len(rows), "a key is doubled"
    return found


def indexed(folder: Path) -> dict[str, tuple]:
    """What an index holds, as `held` tells it."""
    with Index.open(folder, read_only=True, hnsw=False) as index:
        store = index._contents.store()
        ids = {row.key: row.id for row in store.rows()}
        return {
            item.key: (
                ids[item.key],
                index.space,
                item.metadata,
                item.content_hash,
                item.vector.astype("<f2").tobytes(),
            )
            for item in index.items()
        }


def check(database: Database, folder: Path, device: str = "door") -> None:
    """Compare the server with an index, row by row and bit by bit."""
    there, here = held(database, device), indexed(folder)
    assert there.keys() == here.keys()
    assert all(there[key] == here[key] for key in here)
    counted = database.all("SELECT items FROM edgeclip_device WHERE device = %s", device)
    assert counted == [(len(here),)]


def stir(folder: Path, seed: int, changes: int = 40, keys: int = 60) -> None:
    """Add, change, rename and remove at random; sometimes forget the log of changes."""
    chosen = random.Random(seed)
    with opened(folder) as index:
        for _ in range(changes):
            key, other = (f"{chosen.randrange(keys):03}" for _ in range(2))
            what = chosen.random()
            if what < 0.5:
                vector = vector_of((key, chosen.randrange(3)))
                index.add(key, vector, {"v": chosen.randrange(4)}, content_hash=bytes(16))
            elif what < 0.7:
                index.remove(key)
            elif key in index:
                index.update(key, {"v": chosen.randrange(4)}, new_key=chosen.choice([None, other]))
        if chosen.random() < 0.2:
            index.compact()


def _numbers(text: str) -> bytes:
    return np.array(text.strip("[]").split(","), dtype=np.float32).astype("<f2").tobytes()
