"""The disks under the index, the model and the cache: room, kind, wear, and whether they write."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeclip.device.board import ROOT, number_of, text_of
from edgeclip.device.doctor.findings import Finding, command_line, failed, ok, size, warning
from edgeclip.errors import StoreError
from edgeclip.index import place

FULL_BYTES, LOW_BYTES = 16 << 20, 200 << 20
"""Less room than this is none, and little."""
INDEX, MODEL, CACHE = "index", "model", "cache"
_WORN = 9
"""Of 11: the flash has used up 80 % of its life."""


@dataclass(frozen=True, slots=True)
class _Disk:
    """A file system, and what lies on it."""

    path: Path
    uses: tuple[str, ...]
    device: Path | None
    """Its folder in ``/sys``; None: no disk of its own."""


def findings(places: Mapping[str, Path], root: Path = ROOT) -> Iterator[Finding]:
    """Look at the disks.

    Args:
        places: of the `INDEX`, the `MODEL` and the `CACHE`, as far as they are known; they need not
            exist.
        root: where ``sys`` is.
    """
    for disk in _disks(places, root):
        yield _room(disk)
        yield from _errors(disk)
        yield from _wear(disk)
    if INDEX in places:
        yield from _kind(places[INDEX])
        yield from _index_is_writable(places[INDEX])
    if CACHE in places:
        yield from _cache_is_usable(places[CACHE])


def _disks(places: Mapping[str, Path], root: Path) -> Iterator[_Disk]:
    found: dict[int, list[str]] = {}
    for use, path in places.items():
        found.setdefault(_existing(path).stat().st_dev, []).append(use)
    for number, uses in found.items():
        link = root / f"sys/dev/block/{os.major(number)}:{os.minor(number)}"
        device = link.resolve() if link.exists() else None
        yield _Disk(_existing(places[uses[0]]), tuple(uses), device)


def _room(disk: _Disk) -> Finding:
    state = os.statvfs(disk.path)
    free = state.f_bavail * state.f_frsize
    kind = place.file_system(disk.path) or "unknown file system"
    on = f"{disk.path} ({', '.join([kind, *_medium(disk)])}), for {' and '.join(disk.uses)}"
    text = f"{size(free)} free on {on}"
    if set(disk.uses) <= {MODEL}:  # it is only read: a read-only image has no room at all
        return ok("disk", text)
    # Without a cache all works, and models take longer to load.
    bad = warning if set(disk.uses) <= {MODEL, CACHE} else failed
    if state.f_files and not state.f_favail:
        return bad("disk", f"no more files can be made on {on}. Remove some.", "df -i")
    if free < FULL_BYTES:
        return bad("disk", f"{text}: it is full. Free some space.", _largest(disk.path))
    if free < LOW_BYTES:
        return warning("disk", f"{text}: that is little. Free some space.", _largest(disk.path))
    return ok("disk", text)


def _largest(path: Path) -> str:
    return command_line("du", "-xh", "--max-depth=2", path) + " | sort -h | tail"


def _medium(disk: _Disk) -> list[str]:
    """Name a memory card or chip."""
    card = _card(disk)
    if card is None:
        return []
    kind = {"SD": "SD card", "MMC": "eMMC"}.get(text_of(card / "type"), "memory card")
    return [kind]


def _card(disk: _Disk) -> Path | None:
    """Return the folder in ``/sys`` of the card that a file system is on."""
    for folder in [disk.device, *disk.device.parents] if disk.device else []:
        if re.fullmatch(r"mmcblk\d+", folder.name):
            return folder / "device"
    return None


def _errors(disk: _Disk) -> Iterator[Finding]:
    """Look for errors that ext4 has written down, since it was last checked."""
    if disk.device is None:
        return
    root = next(each.parent for each in disk.device.parents if each.name == "sys")
    count = number_of(root / "sys/fs/ext4" / disk.device.name / "errors_count")
    if count:
        yield failed(
            "disk",
            f"ext4 has met {count:,} errors on /dev/{disk.device.name}. Save what matters, then "
            "check the file system while it is not mounted.",
            f"sudo fsck -f /dev/{disk.device.name}",
        )


def _wear(disk: _Disk) -> Iterator[Finding]:
    """Look at what an eMMC says of its age, in tenths of its life."""
    card = _card(disk)
    tenths = (
        [int(each, 16) for each in re.findall(r"0x\w\w", text_of(card / "life_time"))]
        if card
        else []
    )
    if max(tenths, default=0) >= _WORN:
        yield warning(
            "disk",
            f"the eMMC has used up {10 * (max(tenths) - 1)} % of its life. Save what matters.",
        )


def _kind(path: Path) -> Iterator[Finding]:
    try:
        place.check_file_system(path)
    except StoreError as error:
        yield warning("disk", str(error))


def _index_is_writable(path: Path) -> Iterator[Finding]:
    """Say that an index can be read only, or that none can be made."""
    target = _existing(path)
    database = path / place.DATABASE
    if _is_writable(target) and (_is_writable(database) or not _is_seen(database)):
        return
    if os.statvfs(target).f_flag & os.ST_RDONLY:
        yield warning(
            "disk",
            f"{target} is on a disk that is read-only now: the index can be searched, not changed. "
            "After an error of the disk that is meant to save it: look for one.",
            "sudo dmesg | grep -iE 'error|remount'",
        )
        return
    if target != path.absolute():
        yield warning(
            "disk",
            f"{target} cannot be written, or not be looked into, by this user: no index can be "
            f"made at {path}. Name another folder.",
            "export EDGECLIP_INDEX=/a/folder/that/can/be/written",
        )
        return
    yield warning(
        "disk",
        f"{target} cannot be written by this user: the index can be searched, not changed.",
        command_line("sudo", "chown", "-R", str(os.geteuid()), target),
    )


def _cache_is_usable(path: Path) -> Iterator[Finding]:
    """Say that nothing is kept of what onnxruntime makes of a graph."""
    target = _existing(path)
    if not target.is_dir() or not _is_writable(target):
        why = "cannot be written" if target.is_dir() else f"is no folder, for {target} is a file"
        yield warning(
            "disk",
            f"the cache {path} {why}: models take longer to load. Name another folder.",
            "export EDGECLIP_CACHE=/a/folder/that/can/be/written",
        )
        return
    graphs = path / "graphs"
    if not _is_seen(graphs):
        return
    found = graphs.stat()
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield warning(
            "disk",
            f"others may write to {graphs}, so nothing is kept there: models take longer to load.",
            command_line("rm", "-r", graphs),
        )


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK)


def _existing(path: Path) -> Path:
    """Return a path, or the nearest folder above it that is there."""
    path = path.absolute()
    return next(each for each in (path, *path.parents) if _is_seen(each))


def _is_seen(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises where this user may not look
