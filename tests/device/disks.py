"""A child process that looks at disks of its own: a read-only one, full ones.

Started in a mount namespace of its own, where it mounts a tmpfs; exit code 3 says that it may not.
"""

from __future__ import annotations

import sys
from pathlib import Path

from edgeclip.device.doctor import indexes, storage
from tests.device.conftest import only
from tests.index.full_disk import LIBC, fill_rest, mount
from tests.index.some import filled

_REMOUNT, _READ_ONLY = 0x20, 0x1


def read_only(disk: Path) -> None:
    """The kernel has made the disk read-only, as it does after an error."""
    mount(disk, 65536)
    filled(disk / "i", 3)
    assert not LIBC.mount(b"none", str(disk).encode(), b"", _REMOUNT | _READ_ONLY, None)
    found = [
        each for each in storage.findings({"index": disk / "i"}) if "read-only" in each.message
    ]
    assert [each.state for each in found] == ["warning"], found
    assert "dmesg" in (found[0].command or "")
    told = [each.message for each in indexes.findings(disk / "i")]
    assert "3 items, all as they were written" in told, told
    found = [each for each in storage.findings({"cache": disk}) if "cannot be" in each.message]
    assert [each.state for each in found] == ["warning"], found


def full(disk: Path) -> None:
    """Nearly full, then full; a model needs no room."""
    mount(disk, 65536)
    bad = only(storage.findings({"index": disk / "new" / "i", "cache": disk / "cache"}))
    assert bad.state == "warning" and "that is little" in bad.message, bad
    assert f"{disk} (tmpfs), for index and cache" in bad.message, bad
    fill_rest(disk)
    bad = only(storage.findings({"index": disk / "i"}))
    assert bad.state == "failed" and "it is full" in bad.message, bad
    assert str(disk) in (bad.command or "")
    (found,) = storage.findings({"model": disk})
    assert found.state == "ok", found
    bad = only(storage.findings({"model": disk, "cache": disk}))
    assert bad.state == "warning" and "it is full" in bad.message, bad


def no_more_files(disk: Path) -> None:
    """There is room, but for no file."""
    if LIBC.unshare(0x20000) or LIBC.mount(b"none", b"/", None, 0x4000 | 0x40000, None):
        sys.exit(3)
    if LIBC.mount(b"none", str(disk).encode(), b"tmpfs", 0, b"size=1g,nr_inodes=4"):
        sys.exit(3)
    for number in range(3):
        (disk / str(number)).touch()
    bad = only(storage.findings({"index": disk}))
    assert bad.state == "failed" and "no more files can be made" in bad.message, bad
    assert bad.command == "df -i"


if __name__ == "__main__":
    cases = {each.__name__: each for each in (read_only, full, no_more_files)}
    cases[sys.argv[1]](Path(sys.argv[2]))
