"""Scan: which pictures a folder holds, and a stamp for each that changes when the file does.

Nothing is opened here, so nothing is decoded, no pipe blocks and no device has side effects.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edgeclip.errors import StoreError
from edgeclip.index.excludes import excluded_by
from edgeclip.model import headers

UNSETTLED = "~"
"""Ends the stamp of a file that may have changed once more within a tick of its clock."""

_TICK_NS = 50_000_000
_COARSE_NS, _COARSE_TICK_NS = 10_000_000, 2_000_000_000
_STEP = 1000


@dataclass(frozen=True, slots=True)
class Rules:
    """What belongs to a folder."""

    exclude: tuple[str, ...] = ()
    """Patterns of what is left out; see `edgeclip.index.excludes`."""
    hidden: bool = False
    """Whether names that begin with a dot are taken."""
    follow_symlinks: bool = False
    """Whether links are followed, also out of the folder.  A folder that can be reached in several
    ways is taken once, under its own name where it has one."""


@dataclass(slots=True)
class Scan:
    """What was found."""

    files: dict[str, str] = field(default_factory=dict)
    """Key → stamp, sorted by key.  A key is the POSIX path relative to the root."""
    unread: dict[str, str] = field(default_factory=dict)
    """Key of a file or folder that could not be looked at, and why."""
    below: tuple[str, ...] | None = None
    """Only what these keys name, or is below them, was looked at; None: everything."""
    drives: set[str] = field(default_factory=set)
    """Keys of folders on another drive than the folder that they are in."""

    def lacks(self, key: str) -> bool:
        """Tell whether a file is known to be gone, not merely out of sight."""
        if key in self.files:
            return False
        above = set(_above(key))
        if self.below is not None and above.isdisjoint(self.below):
            return False
        return above.isdisjoint(self.unread)


def scan(
    root: Path,
    rules: Rules,
    *,
    own: Path | None = None,
    below: Iterable[str] | None = None,
    step: Callable[[], object] = lambda: None,
) -> Scan:
    """Look for ordinary files whose names end as those of pictures do.

    Args:
        root: the folder; itself it may be a link.
        rules: what belongs to it.
        own: a folder that is left out, the index's own.
        below: keys of files and folders, to look at these alone; None: everything.
        step: called for each folder, and each thousand of its entries.

    Raises:
        StoreError: the root is no folder, cannot be read, or was replaced meanwhile.
    """
    if below is not None and rules.follow_symlinks:
        below = None  # what a link leads to has one name only when everything is looked at
    walk = _Walk(root, rules, own, step)
    before = walk.root_status()
    walk.devices[""] = before.st_dev
    if below is None:
        walk.everything(before)
    else:
        walk.found.below = tuple(sorted(set(below)))
        walk.these(walk.found.below)
    # What vanished with its drive would otherwise be missing.
    if not os.path.samestat(before, walk.root_status()):
        raise StoreError(f"{headers.printable(str(root))} was replaced or unmounted. Try again.")
    walk.found.files = dict(sorted(walk.found.files.items()))
    walk.found.drives = set(walk.devices) - {""}
    return walk.found


def stamp_of(status: os.stat_result) -> str:
    """Return a text that changes when a file does.

    The time of the last change to the inode is in it: a program may set a file's modification time
    back (``cp -p``, ``rsync -t``), and permissions decide whether a file can be read.
    """
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"


def is_settled(status: os.stat_result, now_ns: int) -> bool:
    """Tell whether a change from now on would change the stamp, too.

    Clocks of file systems tick: of two writes within a tick the second leaves no trace.  FAT's tick
    takes two seconds, most others' less than 10 ms.

    Args:
        status: of the file, as it was before it was read.
        now_ns: the wall clock before it was read.
    """
    newest = max(status.st_mtime_ns, status.st_ctime_ns)
    coarse = newest % _COARSE_NS == 0
    return now_ns - newest > (_COARSE_TICK_NS if coarse else _TICK_NS)


def _above(key: str) -> Iterator[str]:
    """Yield a key and the keys of the folders that it is in, the root's "" included."""
    while key:
        yield key
        key = key.rpartition("/")[0]
    yield ""


class _Walk:
    """One walk.  Folders wait in a list: they may be nested deeper than Python's calls."""

    def __init__(
        self, root: Path, rules: Rules, own: Path | None, step: Callable[[], object]
    ) -> None:
        self.found = Scan()
        self.devices: dict[str, int] = {}
        """Device of the root and of each folder that lies on another one than what it is in."""
        self._root = os.fspath(root)
        self._rules = rules
        self._step = step
        self._excluded = excluded_by(rules.exclude)
        self._own = _identity(own)
        self._seen: set[tuple[int, int]] = set()
        self._folders: list[str] = []
        self._links: list[str] = []

    def everything(self, root: os.stat_result) -> None:
        """Walk all of it: first what is really there, then what links lead to."""
        self._enter("", root)
        while self._folders or self._links:
            if self._folders:
                self._list(self._folders.pop())
                continue
            self._links.sort(reverse=True)
            key = self._links.pop()
            self._enter(key, self._status(key, follow=True))

    def these(self, keys: Iterable[str]) -> None:
        """Walk the files and folders of these keys."""
        for key in keys:
            if not key:
                self._folders.append("")
            elif self._is_reached(key):
                self._visit(key, self._status(key))
            while self._folders:
                self._list(self._folders.pop())

    def root_status(self) -> os.stat_result:
        """Return what the root is now.

        Raises:
            StoreError: it is no folder, or cannot be read.
        """
        try:
            status = Path(self._root).stat()
            if not stat.S_ISDIR(status.st_mode):
                raise NotADirectoryError(20, "Not a directory")
            os.scandir(self._root).close()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise StoreError(
                f"{headers.printable(self._root)} cannot be read: {reason}. Give a folder of "
                "pictures."
            ) from error
        return status

    def _list(self, folder: str) -> None:
        """Visit what is in a folder."""
        try:
            with os.scandir(self._path(folder)) as entries:
                for count, entry in enumerate(entries):
                    if count % _STEP == 0:
                        self._step()
                    key = f"{folder}/{entry.name}" if folder else entry.name
                    if self._is_wanted(key, entry.name):
                        self._visit(key, self._asked(key, entry))
        except OSError as error:
            self._missed(folder, error)

    def _visit(self, key: str, status: os.stat_result | None) -> None:
        """Take a file, or keep a folder for later."""
        if status is not None and stat.S_ISLNK(status.st_mode):
            status = self._followed(key)
        if status is None:
            return
        if stat.S_ISDIR(status.st_mode):
            self._enter(key, status)
        elif stat.S_ISREG(status.st_mode) and self._is_picture(key):
            self.found.files[key] = stamp_of(status)

    def _followed(self, key: str) -> os.stat_result | None:
        """Return what a link leads to; folders wait until all real ones have been seen."""
        status = self._status(key, follow=True) if self._rules.follow_symlinks else None
        if status is None or not stat.S_ISDIR(status.st_mode):
            return status
        self._links.append(key)
        return None

    def _enter(self, key: str, status: os.stat_result | None) -> None:
        if status is None or (key and self._excluded(key, True)):
            return
        place = (status.st_dev, status.st_ino)
        if place == self._own or place in self._seen:
            return
        self._note_device(key, status)
        if self._rules.follow_symlinks:
            self._seen.add(place)
        self._folders.append(key)

    def _is_picture(self, key: str) -> bool:
        _, dot, ending = key.rpartition(".")
        return dot + ending.lower() in headers.SUFFIXES and not self._excluded(key, False)

    def _is_wanted(self, key: str, name: str) -> bool:
        return self._rules.hidden or not name.startswith(".")

    def _is_reached(self, key: str) -> bool:
        """Tell whether a walk from the root would come to a key."""
        *folders, _ = reversed(list(_above(key))[:-1])
        if not all(self._is_wanted(each, each.rpartition("/")[2]) for each in (*folders, key)):
            return False
        for folder in folders:
            status = self._status(folder)
            if status is None or not stat.S_ISDIR(status.st_mode) or self._excluded(folder, True):
                return False
            if (status.st_dev, status.st_ino) == self._own:
                return False
            self._note_device(folder, status)
        return True

    def _note_device(self, key: str, status: os.stat_result) -> None:
        around = next(self.devices[above] for above in _above(key) if above in self.devices)
        if status.st_dev != around:
            self.devices[key] = status.st_dev

    def _asked(self, key: str, entry: os.DirEntry[str]) -> os.stat_result | None:
        try:
            return entry.stat(follow_symlinks=False)
        except OSError as error:
            self._missed(key, error)
            return None

    def _status(self, key: str, *, follow: bool = False) -> os.stat_result | None:
        try:
            return Path(self._path(key)).stat(follow_symlinks=follow)
        except OSError as error:
            if not follow:  # a link may lead nowhere
                self._missed(key, error)
            return None

    def _missed(self, key: str, error: OSError) -> None:
        """Note what could not be looked at; what is not there any more is no fault."""
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            self.found.unread[key] = error.strerror or str(error)

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}" if key else self._root


def _identity(folder: Path | None) -> tuple[int, int] | None:
    try:
        status = None if folder is None else folder.stat()
    except OSError:
        return None
    return None if status is None else (status.st_dev, status.st_ino)
