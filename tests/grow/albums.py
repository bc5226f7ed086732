"""A folder of pictures for many workers, and sources that kill or stop who reads them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edgeclip.grow.sources import Entry, Folder, Read
from edgeclip.index.reading import Reading, Unread
from tests.pictures import photo

ODD = os.fsdecode(b"trip/odd \xff.png")


def album(folder: Path, count: int) -> Path:
    """Make pictures in two folders, one of a name that is no UTF-8, and three that are none."""
    (folder / "trip").mkdir(parents=True)
    for number in range(count):
        photo(48, 40, number).save(folder / f"{'trip/' if number % 3 else ''}{number:04}.png")
    photo(48, 40, 9999).save(folder / ODD)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (folder / "empty.png").write_bytes(b"")
    (folder / ".hidden.png").write_bytes(b"never looked at")
    return folder


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Stand:
    """Wait until a file is there, and leave a note of going on."""

    until: Path
    note: Path

    def __call__(self) -> None:
        while not self.until.exists():
            time.sleep(0.02)
        self.note.touch()


@dataclass(frozen=True, slots=True)
class Trap:
    """A folder one of whose pictures makes the process that reads it do something."""

    root: Path
    key: str
    act: Callable[[], object]

    name = "a folder with a trap"

    def entries(self) -> Iterator[Entry]:
        return Folder(self.root).entries()

    def reader(self) -> Read:
        read = Folder(self.root).reader()

        def trapped(key: str, stamp: str | None) -> Reading | Unread:
            if key == self.key:
                self.act()
            return read(key, stamp)

        return trapped


@dataclass(frozen=True, slots=True)
class Slow:
    """A folder that takes its time, and notes which process has begun which picture."""

    root: Path
    notes: Path
    seconds: float

    name = "a slow folder"

    def entries(self) -> Iterator[Entry]:
        return Folder(self.root).entries()

    def reader(self) -> Read:
        read = Folder(self.root).reader()

        def slow(key: str, stamp: str | None) -> Reading | Unread:
            with (self.notes / str(os.getpid())).open("a") as file:
                file.write(f"{key!r}\n")
            time.sleep(self.seconds)
            return read(key, stamp)

        return slow
