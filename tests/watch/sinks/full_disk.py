"""A child process with a timeline and a spool on a small disk: what happens when it is full."""

from __future__ import annotations

import sys
from pathlib import Path

from edgeclip.watch.sinks.spool import Spool
from edgeclip.watch.sinks.timeline import Timeline
from tests.index.full_disk import fill_rest, mount
from tests.watch.sinks.some import SPACE, event


def large(number: int):
    from tests.watch.sinks.some import picture_of

    return event(number, picture=picture_of(number, (200, 300)))


def whole(timeline: Timeline) -> None:
    """Each item that names a picture has one, and each picture an item."""
    root = timeline.index.path / "pictures"
    files = {path.relative_to(root).as_posix() for path in root.glob("*/*")}
    assert files == {key for key in timeline.index if key.endswith(".jpg")}


def keeping(disk: Path) -> None:
    """Events go on, what is missing is told, and when there is room again all is well."""
    timeline, spool = Timeline(disk / "t", SPACE), Spool(disk / "s")
    for number in range(20):
        timeline(large(number))
    rest = fill_rest(disk)
    for number in range(20, 400):
        timeline(large(number))
    spool.put(b"one")
    assert "in memory only" in spool.notes[0], spool.notes
    assert any("No space left" in note or "is full" in note for note in timeline.notes)
    whole(timeline)
    kept = len(timeline.index)
    rest.unlink()
    timeline(large(5000))
    assert list(timeline.index)[-1].endswith("005000.jpg"), timeline.notes
    assert len(timeline.index) == kept + 1, (len(timeline.index), kept)
    spool.put(b"two")
    number, body = spool.first()
    assert body == b"one"
    spool.remove(number)
    timeline.close()
    whole(Timeline(disk / "t", SPACE))


def retaining(disk: Path) -> None:
    """A limit of bytes keeps the disk from ever being full: 20 MB of pictures on 12 MB."""
    timeline = Timeline(disk / "t", SPACE, keep_bytes=1_000_000)
    for number in range(400):
        timeline(large(number))
    assert timeline.notes == [] and 10 < len(timeline.index) < 100, timeline.notes
    whole(timeline)


if __name__ == "__main__":
    case, size = {"keeping": (keeping, 4096), "retaining": (retaining, 12_288)}[sys.argv[1]]
    mount(Path(sys.argv[2]), size)
    case(Path(sys.argv[2]))
