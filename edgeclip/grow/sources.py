"""Sources: which pictures there are in a folder, at an address or in a list, and their bytes.

A source is small and can be sent to another process or machine, which then reads by itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol

from edgeclip.errors import EdgeclipError, InvalidItem
from edgeclip.grow import places
from edgeclip.index.items import key_bytes
from edgeclip.index.reading import MAX_BYTES, Reading, Unread, content_hash, reader
from edgeclip.index.scan import Rules, scan
from edgeclip.model import facts
from edgeclip.model.headers import SUFFIXES, printable

Entry = tuple[str, str | None]
"""A key, and a stamp that changes when the file does; None where nobody knows."""
Read = Callable[[str, str | None], Reading | Unread]
"""Read the file of an entry."""

_MARKS = ("ETag", "etag", "md5", "checksum", "mtime", "LastModified", "last_modified", "created")
"""What file systems tell of a file, by their own names: what tells most of its content first."""


class Source(Protocol):
    """Pictures to embed."""

    @property
    def name(self) -> str:
        """As a message names it."""

    def entries(self) -> Iterator[Entry]:
        """Yield what there is, each key once."""

    def reader(self) -> Read:
        """Return what reads one of them; any thread may call it."""


def source(where: str | os.PathLike[str]) -> Source:
    """Return the source that a path or an address names: a folder, or a text file that is a list.

    Raises:
        EdgeclipError: there is nothing.
    """
    text = os.fspath(where)
    if places.is_address(text):
        return AddressFolder(text)
    path = Path(text)
    try:
        if path.is_dir():
            return Folder(Path(os.path.realpath(path)))
        if path.is_file():
            return Listed(path.absolute(), Path.cwd())
    except (OSError, ValueError):
        pass
    raise EdgeclipError(
        f"{printable(text)} is no folder, no file and no address. Give a folder of pictures, a "
        "text file with a path or an address on each line, or an address such as s3://bucket/photos."
    )


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder on this machine; its keys and stamps are those of ``edgeclip index``."""

    root: Path

    @property
    def name(self) -> str:
        """As a message names it."""
        return printable(str(self.root))

    def entries(self) -> Iterator[Entry]:
        """Yield the pictures below it, and files and folders that could not be looked at."""
        found = scan(self.root, Rules())
        yield from ((key, None) for key in sorted(found.unread))
        yield from found.files.items()

    def reader(self) -> Read:
        """Return what reads one of them."""
        read = _local(self.root, follow=False)
        return lambda key, _: read(key)


@dataclass(frozen=True, slots=True)
class AddressFolder:
    """A folder at an address."""

    address: str

    @property
    def name(self) -> str:
        """As a message names it."""
        return printable(self.address)

    def entries(self) -> Iterator[Entry]:
        """Yield the pictures below it: no names that begin with a dot."""
        files, root = places.opened(self.address)
        with places.reaching(self.name):
            for key, told in places.walked(files, root):
                parts = PurePosixPath(key).parts
                hidden = any(part.startswith(".") for part in parts)
                if parts and not hidden and PurePosixPath(key).suffix.lower() in SUFFIXES:
                    yield key, _stamp(told)

    def reader(self) -> Read:
        """Return what reads one of them."""
        files, root = places.opened(self.address)

        def read(key: str, stamp: str | None) -> Reading | Unread:
            path = f"{root}/{key}" if root else key
            return _fetched(key, stamp, lambda: files.open(path, "rb"))

        return read


@dataclass(frozen=True, slots=True)
class Listed:
    """A text file with a path or an address on each line; they are the keys."""

    file: Path
    base: Path
    """What relative paths are relative to."""

    @property
    def name(self) -> str:
        """As a message names it."""
        return printable(str(self.file))

    def entries(self) -> Iterator[Entry]:
        """Yield what is on the lines, each once; nobody knows their stamps."""
        try:
            with self.file.open(encoding="utf-8-sig", errors="surrogateescape") as lines:
                for key in dict.fromkeys(line.rstrip("\r\n") for line in lines):
                    if key.strip():
                        yield self._checked(key), None
        except OSError as error:
            raise EdgeclipError(
                f"{self.name} cannot be read: {error.strerror}. Check the path."
            ) from error

    def _checked(self, key: str) -> str:
        try:
            key_bytes(key)
        except InvalidItem as error:
            raise EdgeclipError(
                f"{self.name} is no list of pictures ({error}) Give a text file with a path or an "
                "address on each line."
            ) from error
        return key

    def reader(self) -> Read:
        """Return what reads one of them."""
        local = _local(self.base, follow=True)

        def read(key: str, _: str | None) -> Reading | Unread:
            if places.is_address(key):
                return _fetched(key, None, lambda: _open(key))
            found = local(key)
            return replace(found, stamp=None) if isinstance(found, Unread) else _unstamped(found)

        return read


def _unstamped(found: Reading) -> Reading:
    found.stamp = ""  # what stands in a list belongs to no folder
    return found


def _local(root: Path, *, follow: bool) -> Callable[[str], Reading | Unread]:
    """Return what reads files here, as ``edgeclip index`` does."""

    def described(data: bytes, status: os.stat_result) -> dict[str, Any]:
        return facts.facts(data, status.st_mtime)

    read, budget = reader(root, described, follow)

    def bounded(key: str) -> Reading | Unread:
        found = read(key)
        if isinstance(found, Reading):
            budget.give(len(found.data))
        return found

    return bounded


def _open(address: str) -> IO[bytes]:
    files, path = places.opened(address)
    file: IO[bytes] = files.open(path, "rb")
    return file


def _fetched(key: str, stamp: str | None, open_file: Callable[[], IO[bytes]]) -> Reading | Unread:
    """Read a file at an address; whatever goes wrong there may go right the next time."""
    try:
        with open_file() as file:
            data = file.read(MAX_BYTES + 1)
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        return Unread(key, f"it cannot be read: {printable(reason)}. Check the address.")
    if len(data) > MAX_BYTES:
        reason = f"it has more than the limit of {MAX_BYTES >> 20} MB. Make it smaller."
        return Unread(key, reason, stamp)
    return Reading(key, stamp or "", content_hash(data), data, facts.facts(data, None))


def _stamp(told: dict[str, Any]) -> str | None:
    """Return what changes when a file does, of what its file system tells."""
    mark = next((str(told[name]) for name in _MARKS if told.get(name)), None)
    size = told.get("size")
    if mark is None and size is None:
        return None
    return ascii(f"{size}-{mark}")[1:-1]
