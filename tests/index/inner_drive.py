"""A child process that indexes a folder with a drive in it, and unmounts that.

Started in a mount namespace of its own, where it mounts a tmpfs; exit code 3 says that it may not.
"""

from __future__ import annotations

import shutil
import sys
import threading
from collections import Counter
from pathlib import Path

from edgeclip.errors import StoreError
from edgeclip.index import folder, watching
from edgeclip.index.index import Index
from edgeclip.index.scan import Rules, scan
from edgeclip.model.model import Model
from tests import tiny
from tests.index.albums import picture
from tests.index.full_disk import mount
from tests.index.unmounting import unmount


def synced(index: Index, model: Model, root: Path) -> None:
    """What is deleted on the drive is removed; what is not mounted is kept."""

    def run(**options) -> Counter[str]:
        return Counter(entry.status for entry in folder.sync(index, model, root, **options))

    assert run() == {"added": 5} and index.records().drives == {"trips/sd"}
    assert scan(root, Rules(), below=["trips/sd/new"]).drives == {"trips/sd"}
    shutil.rmtree(root / "trips" / "sd" / "new")
    assert run() == {"removed": 1, "unchanged": 4}
    assert run(rules=Rules(exclude=("sd/",))) == {"removed": 2, "unchanged": 2}
    assert run(rules=Rules()) == {"added": 2, "unchanged": 2}
    unmount(root / "trips" / "sd")
    try:
        raise AssertionError(run())
    except StoreError as error:
        assert "knows 2 pictures below" in str(error), error
    assert len(index) == 4
    assert run(allow_empty=True) == {"removed": 2, "unchanged": 2}


def watched(index: Index, model: Model, root: Path) -> None:
    """A watch follows what is deleted on the drive, and ends when that is unmounted."""
    drive, told = root / "trips" / "sd", []
    try:
        for entry in watching.follow(index, model, root, stop=threading.Event()):
            told.append((entry.key, entry.status))
            if len(told) == 5:
                shutil.rmtree(drive / "new")
            if entry.status == "removed":
                unmount(drive)
                drive.rmdir()  # the kernel tells this, and nothing of the drive
        raise AssertionError("it goes on")
    except StoreError as error:
        assert f"{drive} was unmounted or replaced" in str(error), error
    assert told[5:] == [("trips/sd/new/e.png", "removed")] and len(index) == 4


def main(case: str, place: Path) -> None:
    root = place / "album"
    drive = root / "trips" / "sd"
    drive.mkdir(parents=True)
    mount(drive, 1024)
    (drive / "new").mkdir()
    for seed, name in enumerate(("../../a.png", "../b.png", "c.png", "d.png", "new/e.png")):
        (drive / name).write_bytes(picture(seed))
    model = Model.load(tiny.make(place / "tiny"))
    with Index.open(place / "index", model.space) as index:
        {"synced": synced, "watched": watched}[case](index, model, root)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
