"""A child process that does everything that can be done to an index, and dies at a named step.

Each line that it prints is JSON: what it begins to do, and ``"done"`` after it was acknowledged.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections import Counter
from pathlib import Path

from edgeclip.index import failpoints, place
from edgeclip.index.database import files
from tests.index.some import opened, vector_of

DIED = 77
Changes = dict[str, str | None]


class Run:
    """What the child does, step by step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index = opened(folder)
        self.say("created", {})

    def say(self, what: str, changes: Changes, done: bool = True) -> None:
        print(json.dumps({"what": what, "changes": changes, "done": done}), flush=True)

    def all(self) -> None:
        for number in range(3):
            self.add(f"single {number}", f"v{number}")
        self.many("many", 100)
        self.do("change", {"single 0": "other"}, self.put("single 0", "other"))
        self.do("amend", {}, lambda: self.index.update("single 1", {"new": 1}))
        moved = {"single 1": None, "renamed": "v1"}
        self.do("rename", moved, lambda: self.index.update("single 1", new_key="renamed"))
        over = {"renamed": None, "single 2": "v1"}
        self.do("replace", over, lambda: self.index.update("renamed", new_key="single 2"))
        self.do("remove", {"many 3": None}, lambda: self.index.remove("many 3"))
        gone = [f"many {number}" for number in range(10, 90)]
        self.do("remove many", dict.fromkeys(gone), lambda: self.index.remove_many(gone))
        self.do("compact", {}, self.index.compact)
        self.do("backup", {}, lambda: self.index.backup(self.folder.with_name("copy")))
        self.do("free", {}, lambda: place.free_ballast(self.folder))
        self.many("more", 80)
        self.index.close()
        self.do("log", {}, lambda: self.again(spoil_log))
        self.do("rot", {"single 0": None}, lambda: self.again(spoil_row))
        self.do("head", {}, lambda: self.again(spoil_head))
        self.add("last", "v9")
        self.index.close()

    def do(self, what: str, changes: Changes, action) -> None:
        self.say(what, changes, done=False)
        action()
        self.say(what, changes)

    def add(self, key: str, version: str) -> None:
        self.do("add", {key: version}, self.put(key, version))

    def put(self, key: str, version: str):
        return lambda: self.index.add(key, vector_of(version), {"of": version})

    def many(self, name: str, count: int) -> None:
        items = {f"{name} {number}": f"{name} v{number}" for number in range(count)}
        rows = [(key, vector_of(version), {"of": version}) for key, version in items.items()]
        self.do("add many", dict(items), lambda: self.index.add_many(rows))

    def again(self, spoil) -> None:
        self.index.close()
        spoil(self.folder / place.DATABASE)
        self.index = opened(self.folder)
        assert self.index.notes


def spoil_log(database: Path) -> None:
    files(database)[1].write_bytes(b"what is this? " * 1000)


def spoil_row(database: Path) -> None:
    connection = sqlite3.connect(database)
    sql = "UPDATE item SET vector = zeroblob(64) WHERE key = CAST('single 0' AS BLOB)"
    assert connection.execute(sql).rowcount == 1
    connection.commit()
    connection.close()


def spoil_head(database: Path) -> None:
    with database.open("r+b") as file:
        file.write(bytes(4096))


def die_at(step: str, count: int) -> None:
    """End the process when a step is reached for the n-th time."""
    reached: Counter[str] = Counter()

    def hook(name: str) -> None:
        reached[name] += 1
        if name == step and reached[name] == count:
            os._exit(DIED)

    failpoints.hook = hook


if __name__ == "__main__":
    die_at(sys.argv[2], int(sys.argv[3]))
    if sys.argv[1:2] and sys.argv[4:] == ["recover"]:
        opened(Path(sys.argv[1]), None).close()
    else:
        Run(Path(sys.argv[1])).all()
