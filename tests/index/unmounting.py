"""A child process that watches a drive, and unmounts it.

Started in a mount namespace of its own, where it mounts a tmpfs; exit code 3 says that it may not.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from edgeclip.errors import StoreError
from edgeclip.index import watching
from edgeclip.index.index import Index
from edgeclip.model.model import Model
from tests import tiny
from tests.index.albums import picture
from tests.index.full_disk import LIBC, mount
from tests.patience import until

NAMES = {f"{seed}.png" for seed in range(6)}


def unmount(drive: Path) -> None:
    """Unmount as soon as nobody looks into it."""
    until(lambda: not LIBC.umount2(str(drive).encode(), 0))


def watched(index: Index, model: Model, drive: Path, quiet_s: float) -> str:
    """Follow until all is in; then write, wait, and unmount.  Return why it ended."""
    begun = None
    try:
        for entry in watching.follow(index, model, drive, stop=threading.Event()):
            assert entry.status == "added", entry
            if len(index) == len(NAMES) and begun is None:
                begun = threading.Thread(target=lambda: pulled(drive, quiet_s))
                begun.start()
    except StoreError as error:
        return str(error)
    raise AssertionError("it goes on")


def pulled(drive: Path, quiet_s: float) -> None:
    time.sleep(0.2)
    (drive / "note.txt").write_text("something to look at")
    time.sleep(quiet_s)
    unmount(drive)


def main(place: Path, quiet_s: float) -> None:
    drive = place / "drive"
    drive.mkdir()
    mount(drive, 1024)
    for seed, name in enumerate(sorted(NAMES)):
        (drive / name).write_bytes(picture(seed))
    model = Model.load(tiny.make(place / "tiny"))
    with Index.open(place / "index", model.space) as index:
        reason = watched(index, model, drive, quiet_s)
        assert "was unmounted or replaced" in reason, reason
        assert set(index) == NAMES, sorted(index)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
